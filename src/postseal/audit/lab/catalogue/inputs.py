"""Cases in which the server is honest and what the client is to send is not: injection by input."""

from __future__ import annotations

from typing import Final

from postseal.audit.findings import Reference, Severity
from postseal.audit.lab.case import Case, Server
from postseal.audit.lab.hostile_inputs import Field, HostileInput, Smuggling

__all__ = ["INPUTS"]

# A command and a header, neither of which reads as an address.
_PAYLOAD: Final = "{value}>%sVRFY smuggled.example%sX-Smuggled: yes"
_BREAKS: Final = {
    "CRLF": ("\r\n", "CR and LF"),
    "LF": ("\n", "a bare LF"),
    "CR": ("\r", "a bare CR"),
    # Their low octets are CR and LF: what is left where UTF-16 is cut down to octets.
    "WIDE": ("\u760d\u760a", "U+760D and U+760A"),
    "SEPARATOR": ("\u2028", "U+2028, which some take for the end of a line"),
}
_ADDRESSES: Final = (Reference("RFC 5321 4.1.2"),)
_CWE_LINE: Final = (93, 77)
# The sequences of the SMTP smuggling disclosures (VU#302671) that a command line can hold.
_FALSE_ENDS: Final = (
    "\n.\n", "\n.\r", "\r.\n", "\r.\r", "\n.\r\n", "\r.\r\n", "\r\n.\r\r\n", "\r\r\n.\r\r\n",
    "\r\n.\n", "\r\n.\r",
)  # fmt: skip
_MORE: Final = "VRFY smuggled.example"


def _typed(
    id_: str,
    what: str,
    input_: HostileInput,
    *,
    story: str,
    references: tuple[Reference, ...],
    severity: Severity = Severity.HIGH,
    cwe: tuple[int, ...] = _CWE_LINE,
) -> Case:
    """An honest server, and `what` there is about the input."""
    return Case(
        id=id_,
        title=f"The {what}",
        hostile=f"was honest; the {what}",
        input=input_,
        story=story,
        safe="refuses the input, or sends it in a form that is nothing but itself.",
        severity=severity,
        remedy=f"Check the {input_.field.value} before it is given to the library, and upgrade the "
        "library to a version that checks it.",
        servers=(Server(),),
        references=references,
        cwe=cwe,
    )


def _line_break(field: Field, name: str) -> Case:
    """An honest server, and a line break in one field."""
    break_, told = _BREAKS[name]
    return _typed(
        f"I01-{field.name}-{name}",
        f"{field.value} holds {told}, and a command and a header behind it",
        HostileInput(field, _PAYLOAD % (break_, break_), Smuggling.LINE),
        story="Whoever may write one line of a message, such as a name in a form, writes several, "
        "and addresses it to whom they like.",
        references=(Reference("RFC 5321 2.3.8"), Reference("RFC 5322 2.2")),
    )


def _nul(field: Field) -> Case:
    """An honest server, and a NUL in one field."""
    return _typed(
        f"I01-{field.name}-NUL",
        f"{field.value} holds a NUL",
        HostileInput(field, "{value}\0@smuggled.example", Smuggling.NUL),
        story="Programs written in C end a text at its first NUL, others do not.",
        references=(Reference("RFC 5321 4.1.2"), Reference("RFC 5322 4")),
        severity=Severity.LOW,
        cwe=(158, 626),
    )


def _quoted(id_: str, field: Field, local_part: str, smuggles: Smuggling) -> Case:
    """An honest server, and an address that is one as long as its quotes are there."""
    return _typed(
        id_,
        f"{field.value} is {local_part.replace('{word}', 'name')}@lab.example",
        HostileInput(field, f"{local_part}@lab.example", smuggles),
        story="An address that is written without its quotes is another address, to which the mail "
        "goes.",
        references=_ADDRESSES,
        cwe=(77, 88),
    )


def _body(id_: str, what: str, text: str) -> Case:
    """An honest server, and a text that looks like the end of a message."""
    return _typed(
        id_,
        f"text holds {what}, and a command behind that",
        HostileInput(Field.BODY, text, Smuggling.MESSAGE),
        story="If the text of a message can end it, what follows is a message from whomever its "
        "writer says, by a server that others trust.",
        references=(
            Reference("RFC 5321 4.5.2"),
            Reference("VU#302671", "https://kb.cert.org/vuls/id/302671"),
        ),
        cwe=(93, 444),
    )


INPUTS: Final = (
    *(_line_break(Field.SENDER, name) for name in ("CRLF", "LF", "WIDE")),
    *(_line_break(Field.RECIPIENT, name) for name in _BREAKS),
    *(_line_break(Field.SUBJECT, name) for name in _BREAKS),
    *(_line_break(field, "CRLF") for field in (Field.USER, Field.EHLO, Field.SIZE)),
    *(_line_break(Field.HEADER, name) for name in ("CRLF", "LF")),
    *(_line_break(Field.FILENAME, name) for name in ("CRLF", "LF")),
    _nul(Field.RECIPIENT),
    _nul(Field.SUBJECT),
    _quoted("I02-ADDRESS", Field.RECIPIENT, '"{word}@smuggled.example x"', Smuggling.RECIPIENT),
    _quoted(
        "I02-PARAMETER",
        Field.RECIPIENT,
        '"{word}> ORCPT=rfc822;a@smuggled.example x"',
        Smuggling.PARAMETER,
    ),
    _quoted("I02-SENDER", Field.SENDER, '"{word}> BODY=smuggled.example x"', Smuggling.PARAMETER),
    _body(
        "I03-DOTS",
        "lines of one dot",
        "{value}\r\n..\r\n.\r\n" + _MORE + "\r\n.\r\n",
    ),
    _body(
        "I03-ENDS",
        "dots between bare CRs and LFs",
        "{value}" + "".join(f"{end}{_MORE}" for end in _FALSE_ENDS),
    ),
)
