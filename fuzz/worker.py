"""One target under atheris, in a process of its own: `python -m fuzz.worker TARGET OPTION...`.

The options are those of libFuzzer. The process ends with the code that libFuzzer gives it.
"""

from __future__ import annotations

import sys

import atheris

from fuzz.target import load_target

__all__ = ["main"]


def main() -> None:
    """Run the target until libFuzzer ends the process."""
    name, options = sys.argv[1], sys.argv[2:]
    # Only the code of the project guides the search; the targets themselves need no guide.
    with atheris.instrument_imports(include=["postseal"]):
        target = load_target(name)
    atheris.Setup([f"fuzz {name}", *options], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
