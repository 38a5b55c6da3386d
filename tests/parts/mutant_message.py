"""What a mutant client makes of the texts it is given: commands, headers and a body."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass

from postseal.audit.lab.canaries import Canaries
from tests.parts.mutant_wire import GivenUp
from tests.parts.weaknesses import Weakness

__all__ = ["Written", "write"]

_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Written:
    """The parts of a session that come from texts; `content` has its dots and no end yet."""

    ehlo: str
    sender: str
    recipient: str
    size: str
    content: bytes


def write(canaries: Canaries, weaknesses: Set[Weakness]) -> Written:
    """Write a message. Raises `GivenUp` for what a careful client does not send."""
    texts = {
        "From": f"<{canaries.sender}>",
        "To": f"<{canaries.recipient}>",
        "Subject": canaries.subject,
        "X-Lab": canaries.header,
        "X-Sender": canaries.user,
        "Content-Disposition": f'inline; filename="{canaries.filename}"',
    }
    headers = "".join(f"{name}: {_line(text, weaknesses)}\r\n" for name, text in texts.items())
    return Written(
        ehlo=_line(canaries.ehlo, weaknesses),
        sender=_address(canaries.sender, weaknesses),
        recipient=_address(canaries.recipient, weaknesses),
        size=_line(canaries.size, weaknesses),
        content=f"{headers}\r\n{_body(canaries.body, weaknesses)}\r\n".encode(),
    )


def _address(text: str, weaknesses: Set[Weakness]) -> str:
    line = _line(text, weaknesses)
    return line.replace('"', "") if Weakness.DROPS_QUOTES in weaknesses else line


def _line(text: str, weaknesses: Set[Weakness]) -> str:
    if Weakness.WRITES_CONTROLS in weaknesses:
        return text
    if any(letter < " " or letter == "\x7f" for letter in text):
        raise GivenUp("a control character in what is one line")
    if Weakness.CUTS_WIDE_LETTERS in weaknesses:
        return "".join(chr(ord(letter) & 0xFF) for letter in text)
    if Weakness.SPLITS_AT_SEPARATORS in weaknesses:
        return "\r\n".join(text.splitlines())
    if not text.isascii():
        raise GivenUp("a letter outside ASCII in what is one line")
    return text


def _body(text: str, weaknesses: Set[Weakness]) -> str:
    if Weakness.KEEPS_LINE_ENDS in weaknesses:
        return re.sub(r"(\A|\r\n)\.", r"\1..", text)
    lines = _LINE_END.split(text)
    if Weakness.LEAVES_DOTS in weaknesses:
        return "\r\n".join(lines)
    return "\r\n".join(f".{line}" if line.startswith(".") else line for line in lines)
