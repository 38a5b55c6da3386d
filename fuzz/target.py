"""A fuzz target as a value: its name, its invariant, its function, and where its inputs are."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fuzz import targets

__all__ = ["FOLDER", "Target", "load_target", "seeds_of", "target_names"]

FOLDER: Final = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Target:
    """One module of `fuzz.targets`."""

    name: str
    invariant: str
    run: Callable[[bytes], None]


def target_names() -> list[str]:
    """Name all targets, without importing them."""
    return sorted(module.name for module in pkgutil.iter_modules(targets.__path__))


def load_target(name: str) -> Target:
    """Import a target, and with it the code that it tests."""
    module = importlib.import_module(f"{targets.__name__}.{name}")
    invariant = " ".join((module.__doc__ or "").split())
    return Target(name, invariant, module.run)


def seeds_of(name: str) -> list[Path]:
    """List the inputs of a target that are in the tree."""
    return sorted((FOLDER / "corpus" / name).iterdir())
