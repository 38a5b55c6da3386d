"""How a session takes a body: after DATA until its one end, or chunk by chunk after BDAT."""

from __future__ import annotations

from typing import Final

from postseal.errors import LocalProtocolError
from postseal.smtp.commands import Bdat
from postseal.smtp.events import (
    BodyReceived,
    MessageDropped,
    MessageReceived,
    MessageRefused,
    ServerEvent,
)
from postseal.smtp.incoming_body import ChunkedBody, DataBody
from postseal.smtp.line_endings import LineEndings
from postseal.smtp.protocol import Extension
from postseal.smtp.reply import Reply
from postseal.smtp.rules import Offer
from postseal.smtp.server_core import SessionCore
from postseal.smtp.server_states import BODY, CHUNK, CHUNKED, CLOSED, GREETED, READY

__all__ = ["TAKING_A_BODY", "BodyTaking"]

TAKING_A_BODY = (BODY, CHUNK)

_GO_AHEAD: Final = Reply(354, ("End data with <CR><LF>.<CR><LF>",))


class BodyTaking(SessionCore):
    """The commands DATA and BDAT, and what follows them."""

    _body: DataBody | ChunkedBody
    # What of refused chunks was taken, and whether a reply has told the client to stop them.
    _discarded = 0
    _stopped = False
    _misplaced = False

    def refuse_body(self, reply: Reply) -> None:
        """Have the body that is coming in answered with `reply`, once the client has said it all.

        Nothing more of it is handed on. What the client says in the middle of a body is the body:
        a reply before its end, or the end of its chunk, would not be heard.
        """
        if self.state not in TAKING_A_BODY:
            raise LocalProtocolError(f"no body can be refused while {self.state.value}")
        self._body.refuse(reply)

    def _data(self) -> None:
        if not self._envelope.recipients:
            # RFC 5321 3.3: 503 or 554 when all recipients were refused; RFC 2033 4.2: 503.
            code = 503 if self._takes_lmtp else 554
            self._fault(Reply(code, ("no valid recipients",), "5.5.1"))
        elif self._envelope.terms.is_binary:
            # RFC 3030 3: any octets may be in it, so nothing could be its end.
            self._fault(Reply(503, ("a binary body comes with BDAT",), "5.5.1"))
        elif self._lines:
            self._refuse_impatience()
        else:
            self._reply(_GO_AHEAD)
            self._body = DataBody(
                max_size=self.rules.max_message_size, line_endings=self.rules.line_endings
            )
            self.state = BODY

    def _bdat(self, command: Bdat) -> None:
        # RFC 3030 2: what comes with a refused BDAT is taken and thrown away; read as commands,
        # the body of one sender would speak for another.
        refusal = self._bdat_refusal()
        if self.state is CHUNKED and isinstance(self._body, ChunkedBody):
            body = self._body
        else:
            is_binary = self._envelope.terms.is_binary
            body = self._body = ChunkedBody(
                max_size=self.rules.max_message_size,
                line_endings=LineEndings.KEEP if is_binary else self.rules.line_endings,
            )
        body.expect(command.size, is_last=command.is_last)
        if refusal is not None:
            body.refuse(refusal)
            self._discarded += command.size
        # Chunks are bounded by their octets; who sends empty ones is bounded by their number.
        if refusal is not None or not command.size:
            self._count_command()
        if self.state is CLOSED:
            return
        if body.is_far_too_large or self._discarded > 2 * self.rules.max_message_size:
            self._give_up(552, "5.3.4", "the message is far too large")
            return
        self._misplaced = refusal is not None and not self._stopped
        self.state = CHUNK

    def _bdat_refusal(self) -> Reply | None:
        if self.rules.starttls is Offer.REQUIRED and not self.is_sealed:
            return Reply(530, ("Must issue a STARTTLS command first",), "5.7.0")
        if self.state is GREETED:
            return Reply(503, ("send EHLO first",), "5.5.1")
        if Extension.CHUNKING not in (self._offered or ()):
            return Reply(502, ("CHUNKING is not offered here",), "5.5.1")
        if self.state is READY:
            return Reply(503, ("send MAIL first",), "5.5.1")
        if not self._envelope.recipients:
            return Reply(503, ("no valid recipients",), "5.5.1")
        return None

    def _drop_message(self) -> None:
        """Tell the platform, if a body was begun, that nothing will come of it."""
        if self.state is CHUNKED:
            self._queue.append(MessageDropped())

    def _body_event(self) -> ServerEvent | None:
        body = self._body
        self._starved = not (self._lines or body.is_framed)
        if self._starved:
            return None
        if not body.is_framed:
            data = body.read(self._lines)
            if body.is_far_too_large:
                self._give_up(552, "5.3.4", "the message is far too large")
                return None
            if data:
                return BodyReceived(data)
        if not body.is_framed:
            self._starved = True
            return None
        if body.is_complete and (data := body.finish()):
            return BodyReceived(data)
        if fault := body.fault:
            return self._refuse_message(fault)
        if isinstance(body, ChunkedBody) and not body.is_complete:
            # RFC 3030 2: each chunk has a reply of its own.
            self._reply(Reply(250, (f"{body.chunk_size} octets received",), "2.0.0"))
            self.state = CHUNKED
            return None
        self._commands = self._discarded = 0
        self._envelope.forgive()
        return self._ask(MessageReceived(self._envelope.transaction()))

    def _refuse_message(self, reply: Reply) -> ServerEvent:
        is_chunk = self.state is CHUNK
        replies = self._replies_to_body
        # RFC 3030 2: after a refused chunk the message has failed, and more may be on its way.
        self._forget_transaction()
        if is_chunk and self._misplaced:
            self._fault(reply)
        else:
            for _ in range(replies):
                self._reply(reply)
        if not is_chunk:
            self._commands = 0
        self._stopped = is_chunk
        return MessageRefused(str(reply))

    @property
    def _replies_to_body(self) -> int:
        # RFC 2033 4.2 and 4.3: after the end of the body, one for each recipient that was taken.
        if not (self._takes_lmtp and self._body.is_complete):
            return 1
        return len(self._envelope.recipients) or 1
