"""The API reference: signatures and docstrings of the public names, read from the library itself."""

import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

from website.documents import Pages

#: Pages: the module, a title, and what it is for.
MODULES = (
    ("pytest_claims", "Claims", "What a claim file imports: claims, measurements, hypotheses and pictures."),
    ("pytest_claims.training", "Training", "Seeds, datasets, networks and how they are trained, many at once."),
    ("pytest_claims.hooks", "Hooks", "What other pytest plugins may implement."),
)


def write_reference(pages: Pages) -> None:
    """Write a page for each public module, and the page that lists them."""
    rows = []
    for module_name, title, purpose in MODULES:
        module = importlib.import_module(module_name)
        name = module_name.rpartition(".")[2]
        entries = "\n".join(entry for public in public_names(module) for entry in _entry(module, public))
        text = f"# {title}\n\n{purpose}\n\n```{{py:module}} {module_name}\n```\n\n{entries}"
        pages.write(f"api/{name}.md", text)
        rows.append(name)
    listed = "\n".join(
        f"- [{title}]({row}.md): {purpose}" for row, (_, title, purpose) in zip(rows, MODULES, strict=True)
    )
    contents = "\n".join(rows)
    tree = f"```{{toctree}}\n:hidden:\n\n{contents}\n```\n"
    pages.write("api/index.md", f"# API reference\n\nMade from the library's docstrings.\n\n{listed}\n\n{tree}")


def public_names(module: Any) -> list[str]:
    """Return a module's public names: those it lists, else the functions that it defines; functions first."""
    listed = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    ]
    return sorted(listed, key=lambda name: (not inspect.isroutine(getattr(module, name)), name.lower()))


def _entry(module: Any, name: str) -> Iterator[str]:
    """Yield the Markdown of one public name."""
    value = getattr(module, name)
    if inspect.isclass(value):
        yield _directive("py:class", f"{name}{_signature(value)}", _text(value), _members(value))
    elif callable(value):
        yield _directive("py:function", f"{name}{_signature(value)}", _text(value), "")
    else:  # a constant has no docstring of its own
        yield _directive("py:data", name, f"`{value!r}`", "")


def _members(value: type) -> str:
    """Return the public methods and properties that a class defines itself and explains."""
    entries = []
    for name, member in vars(value).items():
        text = inspect.getdoc(member)
        if name.startswith("_") or not text:
            continue
        if isinstance(member, property) or type(member).__name__ == "cached_property":
            entries.append(_directive("py:property", name, text, ""))
        elif inspect.isfunction(member):
            entries.append(_directive("py:method", f"{name}{_signature(member)}", text, ""))
    return "\n".join(entries)


def _text(value: Any) -> str:
    """Return a docstring; not what Python makes up for a data class without one."""
    text = inspect.getdoc(value) or ""
    return "" if inspect.isclass(value) and text.startswith(f"{value.__name__}(") else text


def _signature(value: Any) -> str:
    """Return the parameters with their defaults; the types stand in the code, where editors read them."""
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    bare = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for name, parameter in signature.parameters.items()
        if name not in {"self", "unknown"}
    ]
    text = str(inspect.Signature(bare))
    # an object's address or class says nothing to a reader
    return re.sub(r"=<[^<>]*>", "=...", text)


def _directive(kind: str, signature: str, text: str, members: str) -> str:
    """Return a directive of MyST; a longer fence encloses those of members."""
    fence = "::::" if members else ":::"
    return f"{fence}{{{kind}}} {signature}\n\n{text}\n\n{members}\n{fence}\n"
