"""Cases in which the channel is sound and the answers are not: parsers and their patience."""

from __future__ import annotations

from typing import Final

from postseal.audit.findings import Reference, Severity
from postseal.audit.lab.case import Case, Clock, Server
from postseal.audit.lab.deviations import (
    CONNECT,
    END_OF_DATA,
    Answer,
    Append,
    Channel,
    Deviation,
    Drip,
    Flood,
    Then,
)

__all__ = ["PARSING"]

_GRAMMAR: Final = (Reference("RFC 5321 4.2"),)
_LINE_ENDS: Final = (Reference("RFC 5321 2.3.8"), *_GRAMMAR)
_MULTILINE: Final = (Reference("RFC 5321 4.2.1"),)
_BOUNDS: Final = (Reference("RFC 5321 4.5.3.1.5"),)
# Above what the buffers of both ends hold, so that a client which stops reading is seen to.
_ENDLESS: Final = 32 * 1024 * 1024
_CLEARS_SCREEN: Final = "\x1b[2J\x1b]0;sent\x07"
_BEGINS_WITH_250: Final = (
    "Two programs that end lines differently disagree on how many replies there are. All of them "
    "read 250 first, and a server that says so can lose the message anyway: a note, no more."
)
_ANY_LINE: Final = (
    "Two programs that go by different lines of a reply disagree on what became of the message. "
    "RFC 5321 lets a client go by any of them, so the fault is the server's: a note, no more."
)
_REFUSED: Final = b"550 5.7.1 refused\r\n"
_FAILS: Final = "reports that the message was not sent."
_BOUND_READING: Final = (
    "Limit how much the client reads of one line and of one reply. Where its library sets no "
    "limit, upgrade the library or run the client with a limit of memory."
)
_READ_STRICTLY: Final = (
    "Upgrade the client's library, or report it there: what is no reply by RFC 5321 4.2 has to be "
    "an error."
)

_NOTHING_TO_DO: Final = "Nothing has to be done: to the strictest clients such a reply is an error."


def _endless(id_: str, what: str, piece: bytes) -> Case:
    """A server that has one thing to say, and never stops saying it."""
    return Case(
        id=id_,
        title=f"The greeting is {what} without end",
        story="Whoever answers for the server can fill the memory of a client that waits for the "
        "end of an answer.",
        hostile=f"greeted with {what} without end",
        safe="stops reading at some limit, and ends with an error.",
        severity=Severity.MEDIUM,
        remedy=_BOUND_READING,
        servers=(Server(deviations=(Flood(to=CONNECT, piece=piece, octets=_ENDLESS),)),),
        references=_BOUNDS,
        cwe=(400, 770),
    )


def _two_faced(
    id_: str,
    title: str,
    hostile: str,
    *deviations: Deviation,
    story: str = "Two programs that read one answer differently disagree on what became of the "
    "message.",
    severity: Severity = Severity.MEDIUM,
    remedy: str = _READ_STRICTLY,
    references: tuple[Reference, ...] = _GRAMMAR,
) -> Case:
    """A server that does not take the message, and says so in an unusual way."""
    return Case(
        id=id_,
        title=title,
        hostile=hostile,
        servers=(Server(deviations=deviations),),
        story=story,
        severity=severity,
        safe=_FAILS,
        remedy=remedy,
        references=references,
        cwe=(20, 436),
    )


def _not_a_code(id_: str, code: str) -> Case:
    """A server that answers the message by something that only looks like 250."""
    return _two_faced(
        id_,
        f"The message is answered with the code {code!r}",
        f"answered the message with {f'{code} OK'!r}",
        _answer_to_message(f"{code} OK\r\n".encode()),
        # For clients that pass over what they cannot read.
        Append(to=END_OF_DATA, raw=_REFUSED, seconds=0.1),
        story="What is no reply takes no message, however much it looks like one.",
    )


def _answer_to_message(raw: bytes) -> Answer:
    return Answer(to=END_OF_DATA, raw=raw)


PARSING: Final = (
    _endless("P01", "one line", b"220 " + b"a" * 1020),
    _endless("P02", "one reply of many lines", b"220-" + b"a" * 506 + b"\r\n"),
    _two_faced(
        "P03-LF",
        "A reply has a bare LF in it",
        "refused the message by a reply that begins with 250 and a bare LF",
        _answer_to_message(b"250 2.0.0 taken\n550 5.7.1 refused\r\n"),
        story=_BEGINS_WITH_250,
        severity=Severity.INFO,
        remedy=_NOTHING_TO_DO,
        references=_LINE_ENDS,
    ),
    _two_faced(
        "P03-CR",
        "A reply has a bare CR in it",
        "refused the message by a reply that begins with 250 and a bare CR",
        _answer_to_message(b"250 2.0.0 taken\r550 5.7.1 refused\r\n"),
        story=_BEGINS_WITH_250,
        severity=Severity.INFO,
        remedy=_NOTHING_TO_DO,
        references=_LINE_ENDS,
    ),
    _two_faced(
        "P04-FIRST",
        "The first line of a reply says 250, the last 550",
        "answered the message with 250 and 550 in one reply",
        _answer_to_message(b"250-2.0.0 taken\r\n550 5.7.1 refused\r\n"),
        story=_ANY_LINE,
        severity=Severity.INFO,
        remedy=_NOTHING_TO_DO,
        references=_MULTILINE,
    ),
    _two_faced(
        "P04-LAST",
        "The first line of a reply says 550, the last 250",
        "answered the message with 550 and 250 in one reply",
        _answer_to_message(b"550-5.7.1 refused\r\n250 2.0.0 taken\r\n"),
        story=_ANY_LINE,
        severity=Severity.INFO,
        remedy=_NOTHING_TO_DO,
        references=_MULTILINE,
    ),
    _not_a_code("P05-SHORT", "25"),
    _not_a_code("P05-LONG", "2500"),
    _not_a_code("P05-LETTER", "25O"),
    _not_a_code("P05-SIGN", "+25"),
    _not_a_code("P05-NONE", "OK"),
    Case(
        id="P06-ESC",
        title="A reply holds the escape sequences of a terminal",
        story="The text of a reply ends in logs and on screens; there an attacker can clear what "
        "stood before and write what never was.",
        hostile="refused MAIL with a text that clears the screen",
        safe="shows the text without its control characters, or not at all.",
        severity=Severity.LOW,
        remedy="Escape control characters in what the client prints and logs of a reply.",
        servers=(
            Server(
                deviations=(
                    Answer(
                        to="MAIL",
                        raw=f"550 5.7.1 no {_CLEARS_SCREEN}\r\n".encode(),
                        then=Then.CLOSE,
                        on=Channel.SEALED,
                    ),
                )
            ),
        ),
        untold=_CLEARS_SCREEN,
        references=_GRAMMAR,
        cwe=(150, 117),
    ),
    _two_faced(
        "P06-NUL",
        "A reply has a NUL in it",
        "refused the message by a reply with a NUL, behind which it says 250",
        _answer_to_message(b"550 5.7.1 refused\x00\r\n250 2.0.0 taken\r\n"),
    ),
    _two_faced(
        "P07",
        "A reply is neither ASCII nor UTF-8",
        "refused the message by a text that is not UTF-8",
        _answer_to_message(b"550 5.7.1 \xff\xfe\xc3( refus\xe9\r\n"),
    ),
    Case(
        id="P08",
        title="The server says two octets a second",
        story="A timeout that begins anew with each octet never ends, and neither does the program "
        "that waits.",
        hostile="said everything one octet at a time, two a second",
        safe="gives up after a while, and tells so.",
        severity=Severity.LOW,
        remedy="Set a deadline for the whole delivery besides the timeout of each read. If the "
        "client has one, run the lab with a patience above it.",
        servers=(Server(deviations=(Drip(seconds=0.5),)),),
        clock=Clock.PATIENT,
        references=(Reference("RFC 5321 4.5.3.2"),),
        cwe=(400,),
    ),
    _two_faced(
        "P09",
        "421 comes while the message is sent",
        "answered DATA with 354, and with 421 before the message had come",
        Answer(to="DATA", raw=b"354 go on\r\n421 4.3.2 closing\r\n", then=Then.CLOSE),
        story="A service that closes has taken nothing.",
        references=(Reference("RFC 5321 3.8"),),
    ),
    _two_faced(
        "P10",
        "250 comes before the message does",
        "answered DATA with 354 and 250 at once, and the message with 550",
        Append(to="DATA", raw=b"250 2.0.0 taken\r\n"),
        _answer_to_message(_REFUSED),
        # A server or a proxy that is one answer out of step is enough, and many clients notice.
        story="An answer that was there before its question belongs to something else, and the "
        "one that counts is never read: the message is lost without any ill will.",
        severity=Severity.LOW,
        references=(Reference("RFC 2920 3.1"),),
    ),
    _two_faced(
        "P11",
        "The recipient is accepted, and the message refused",
        "accepted the recipient, and answered the message with 550",
        _answer_to_message(_REFUSED),
        story="Only the answer to the message says that it is taken.",
        severity=Severity.HIGH,
        references=(Reference("RFC 5321 3.3"),),
    ),
    Case(
        id="P12",
        title="Replies come before their commands",
        story="Replies that are told in advance let a client believe in a delivery of which the "
        "server knows nothing.",
        hostile="sent the replies to AUTH, MAIL, RCPT, DATA and the message behind that to EHLO, "
        "and answered nothing after it",
        safe="ends as soon as a reply is there that nothing has asked for.",
        severity=Severity.MEDIUM,
        remedy="Upgrade the client's library, or report it there: a reply that is there before its "
        "command has to be an error.",
        servers=(
            Server(
                deviations=(
                    Append(
                        to="EHLO",
                        raw=b"235 2.7.0 welcome\r\n250 2.1.0 sender\r\n250 2.1.5 recipient\r\n"
                        b"354 go on\r\n250 2.0.0 taken\r\n221 2.0.0 bye\r\n",
                        on=Channel.SEALED,
                    ),
                    *(
                        Answer(to=verb, raw=b"", on=Channel.SEALED)
                        for verb in ("AUTH", "MAIL", "RCPT", "DATA")
                    ),
                )
            ),
        ),
        answers_are_forged=True,
        references=(Reference("RFC 5321 4.1.4"), Reference("RFC 2920 3.1")),
        cwe=(345, 436),
    ),
)
