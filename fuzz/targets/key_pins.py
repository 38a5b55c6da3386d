"""Any text is refused as InvalidSetting, in one short line, or is the only pin it can be."""

from __future__ import annotations

from fuzz.chunks import text_of
from postseal.errors import InvalidSetting
from postseal.tls.pins import Pin

__all__ = ["run"]


def run(data: bytes) -> None:
    """Check the invariant."""
    text = text_of(data)
    try:
        pin = Pin.parse(text)
    except InvalidSetting as error:
        assert str(error).isprintable()
        assert len(str(error)) < 1000
        return
    assert len(pin.digest) == 32
    written = str(pin).removeprefix("sha256/")
    assert text in {f"sha256/{written}", f"sha256//{written}", f'pin-sha256="{written}"'}
    assert Pin.parse(str(pin)) == pin
