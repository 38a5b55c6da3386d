"""Whatever a configuration file holds, it is read as settings or refused as InvalidSetting, whose
text is fit to print.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from postseal.errors import InvalidSetting
from postseal.serve.settings import Settings

__all__ = ["run"]


def run(data: bytes) -> None:
    """Check the invariant for the octets of a file."""
    with tempfile.TemporaryDirectory(prefix="postseal-fuzz-") as folder:
        path = Path(folder, "postseal.toml")
        path.write_bytes(data)
        try:
            settings = Settings.load(path)
        except InvalidSetting as error:
            # Several problems stand on lines of their own.
            assert all(line.isprintable() for line in str(error).split("\n"))
            return
    assert settings.data_directory.is_absolute()
    assert settings.hostname
