"""What somebody types who wants to be read as more than a name, an address or a text.

The servers of such cases are honest: whose input it is, is what the client has to know.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum, unique
from typing import Final

from postseal.audit.lab.canaries import Canaries, occurs
from postseal.audit.lab.records import Record
from postseal.audit.lab.verdicts import Verdict

__all__ = ["Field", "HostileInput", "InputNotTaken", "Smuggling"]


class InputNotTaken(Exception):
    """The client cannot be given this input, so that nothing can be seen; the text says why."""


@unique
class Field(Enum):
    """Where the input stands: the names of `Canaries`."""

    SENDER = "sender"
    RECIPIENT = "recipient"
    SUBJECT = "subject"
    BODY = "body"
    USER = "user"
    EHLO = "ehlo"
    SIZE = "size"
    HEADER = "header"
    FILENAME = "filename"


@unique
class Smuggling(Enum):
    """What can come of an input, and what is then found in what the client says."""

    LINE = rb"[\r\n](?i:X-Smuggled:|VRFY smuggled)"
    """A line of its own: a header, or a command."""
    NUL = rb"\0"
    """A NUL, at which some receivers end the line."""
    RECIPIENT = rb"[\r\n](?i:RCPT TO|MAIL FROM):<[^\"<>\r\n]*@smuggled\.example"
    """An address other than the one that was given."""
    PARAMETER = rb"[\r\n](?i:RCPT TO|MAIL FROM):<[^\"<>\r\n]*>[^\r\n]*smuggled\.example"
    """A parameter of ESMTP behind an address."""
    MESSAGE = rb"(?:\r\n|\r|\n)\0?\.\0?(?:\r\r\n|\r\n|\r|\n)"
    """The end of a message, for some receiver or for all, before its end."""

    def is_in(self, said: bytes) -> bool:
        """Look for it in all that the client said on one connection."""
        if self is not Smuggling.MESSAGE:
            return re.search(self.value, said) is not None
        _, _, behind = said.partition(b"\r\nDATA\r\n")
        body, _, later = behind.partition(b"\r\n.\r\n")
        return bool(re.search(self.value, body)) or Smuggling.LINE.is_in(b"\n" + later)

    @property
    def verdict(self) -> Verdict:
        """Whose mail goes to somebody else has leaked it; all else is a forgery."""
        is_leak = self in (Smuggling.RECIPIENT, Smuggling.PARAMETER)
        return Verdict.LEAK_MAIL if is_leak else Verdict.ACCEPTED_FORGED


_TOLD: Final = {
    Smuggling.LINE: "begin a line of its own",
    Smuggling.NUL: "put a NUL into what it sent",
    Smuggling.RECIPIENT: "name another address than its own",
    Smuggling.PARAMETER: "add a parameter to the envelope",
    Smuggling.MESSAGE: "hold what some servers take for the end of a message",
}


@dataclass(frozen=True, slots=True)
class HostileInput:
    """The text for one field; in it `{value}` is what would stand there, `{word}` its canary."""

    field: Field
    text: str
    smuggles: Smuggling

    def given_in(self, canaries: Canaries) -> Canaries:
        """The canaries, one of them hostile."""
        value = self._value(canaries)
        word = value.partition("@")[0]
        text = self.text.replace("{value}", value).replace("{word}", word)
        return replace(canaries, **{self.field.value: text})

    def is_used(self, canaries: Canaries, record: Record) -> bool:
        """Tell whether the client did anything with the field, by its canary."""
        word = self._value(canaries).partition("@")[0]
        return any(
            occurs(word, bytes(one.clear)) or occurs(word, bytes(one.sealed))
            for one in record.connections
        )

    def found_in(self, record: Record) -> str:
        """Say what was smuggled, in words that go on after "the client"; empty if nothing was."""
        for one in record.connections:
            if self.smuggles.is_in(bytes(one.clear)) or self.smuggles.is_in(bytes(one.sealed)):
                return f"let the {self.field.value} {_TOLD[self.smuggles]}"
        return ""

    def _value(self, canaries: Canaries) -> str:
        value: str = getattr(canaries, self.field.value)
        return value
