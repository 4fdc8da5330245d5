"""The seam: what a run asks of a cluster. Another engine than Dask's is one more module with such a class."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Answer:
    """What came of the task with this number: a reply and the bytes of a file (`worker.Project.measure`).

    ``lost`` instead: its worker has died, or nobody knows the task any more.
    """

    number: int
    reply: Mapping[str, Any] = field(default_factory=dict)
    data: bytes = b""
    lost: bool = False


class Engine(Protocol):
    """Machines that measure. All methods raise a ClusterError where the cluster itself is lost."""

    def slots(self) -> dict[str, int]:
        """Return how many trials each worker takes at a time, by the worker's address; those that are there now."""

    def kinds(self, workers: Collection[str], project: str, archive: bytes) -> dict[str, dict[str, Any]]:
        """Lay the project out on these workers; return what each is, by address (`worker.Project.begin`)."""

    def submit(self, number: int, worker: str, project: str, task: bytes) -> None:
        """Give a task to a worker. It is `worker.Project.measure`'s; its ``name`` is the same in no other try."""

    def cancel(self, numbers: Collection[int]) -> None:
        """Forget tasks; no answers come."""

    def done(self, seconds: float) -> list[Answer]:
        """Return what has come back; wait so long for the first."""

    def close(self, project: str) -> None:
        """End what the project has under way on the workers, and let go of the cluster. Never raises, never hangs."""
