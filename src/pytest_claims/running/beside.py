"""Files of entries by claim id that stand beside the claims: `pilots.json` and `deep.json`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_claims.errors import UnreadableError
from pytest_claims.stored import kind_of, place, problem_of, read_mapping
from pytest_claims.trials.store import write_json


@dataclass(frozen=True)
class Beside:
    """One such file. ``what`` it holds, in words; ``numbers`` are the fields of an entry that are numbers, or null.

    ``part``: the definition in the schema of results.json that an entry satisfies, if there is one.
    """

    name: str
    what: str
    numbers: tuple[str, ...]
    part: str = ""

    def path(self, root: Path, file: str) -> Path:
        """Return where the file stands for claims in ``file``, which is relative to ``root``."""
        return root / Path(file).parent / self.name

    def read(self, path: Path) -> dict[str, Any]:
        """Return the entries by claim id; nothing where there is no file.

        Raises an UnreadableError, one sentence that names the file and the field that is wrong.
        """
        if not path.exists() and not path.is_symlink():
            return {}
        entries = read_mapping(path)
        for name, entry in entries.items():
            fault = self._fault(name, entry)
            if fault is not None:
                raise UnreadableError(f"{path} is no file of {self.what}: {fault}.")
        return entries

    def _fault(self, name: str, entry: Any) -> str | None:
        if not isinstance(entry, dict):
            return f"{place([name])} is {kind_of(entry)}, no object"
        wrong = next((field for field in self.numbers if not _is_number(entry.get(field))), None)
        if wrong is not None:
            return f"{place([name, wrong])} is {kind_of(entry[wrong])}, no number"
        problem = problem_of(entry, self.part) if self.part else None
        return None if problem is None else f"in {place([name])} {problem}"

    def add(self, path: Path, entries: Mapping[str, Any], run: str) -> Path:
        """Write entries into the file, whose other entries stay; return the file written.

        A file that cannot be read stays as it is: the entries then go into a file of this run beside it. Where
        ``path`` is a link it stays one, and its target is written.
        """
        try:
            earlier = self.read(path)
        except UnreadableError:
            earlier, path = {}, path.with_name(f"{path.stem}-{run}{path.suffix}")
        write_json(path.resolve(), dict(sorted((earlier | dict(entries)).items())))
        return path


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
