"""Names of a package that are imported when somebody first asks for them.

Importing `postseal` must cost next to nothing, and who only composes need not load the protocol.
Each `__init__` lists its names for type checkers, and the same names by their homes for Python.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module

__all__ = ["lazy_exports"]


def lazy_exports(
    package: str, homes: Mapping[str, Iterable[str]]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Make `__getattr__` and `__dir__` (PEP 562) of a `package` that exports what `homes` define.

    `homes` gives the names to export by the module that defines them. What was asked for once is
    kept in the package, so the next access is an ordinary one.
    """
    home_of = {name: home for home, names in homes.items() for name in names}

    def get(name: str) -> object:
        home = home_of.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value: object = getattr(import_module(home), name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home_of})

    return get, names
