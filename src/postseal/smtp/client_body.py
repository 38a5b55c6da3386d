"""How a client gives a body: after DATA up to its one end, or chunk by chunk behind BDAT."""

from __future__ import annotations

from postseal.errors import LocalProtocolError
from postseal.smtp.client_answers import AnswerReading
from postseal.smtp.client_states import (
    BODY,
    CHUNKING,
    ENDS_A_GROUP,
    READY,
    TRANSACTION,
)
from postseal.smtp.commands import Bdat, Command, EndOfData
from postseal.smtp.data import DataWriter
from postseal.smtp.protocol import Protocol

__all__ = ["BodyGiving"]


class BodyGiving(AnswerReading):
    """The octets that are no commands."""

    def __init__(self, protocol: Protocol) -> None:
        super().__init__(protocol)
        self._writer = DataWriter()

    def write_body(self, data: bytes) -> bytes:
        """Encode a piece of the body; legal once DATA was answered 354."""
        self._check_body()
        return self._writer.write(data)

    def end_body(self) -> bytes:
        """Encode the end of data; the server's verdict on the message comes as its reply.

        In LMTP there is one for each recipient that was taken, in their order (RFC 2033 4.2).
        """
        self._check_body()
        self.state = READY
        self._unanswered.append(EndOfData())
        return self._writer.finish()

    def write_chunk(self, data: bytes, *, is_last: bool = False) -> bytes:
        """Encode a chunk: its BDAT and its octets, which go as they are (RFC 3030 2).

        Legal once a recipient was taken, where the server offers CHUNKING. Each chunk has a reply
        of its own; that to the last is the verdict on the message, as for `end_body`. After a
        refused one, all that may follow is RSET.
        """
        if self.failure is not None:
            raise self.failure
        command = Bdat(len(data), is_last)
        if self.state not in (TRANSACTION, CHUNKING):
            raise LocalProtocolError(f"no chunk may be sent while {self.state.value}")
        if "CHUNKING" not in self.extensions:
            raise LocalProtocolError("no chunk may be sent: the server does not offer CHUNKING")
        if not self._taken:
            # A server that mistook the octets for commands would obey whoever wrote them.
            raise LocalProtocolError("no chunk may be sent before a recipient was taken")
        if self._unanswered:
            self._check_pipelining(command)
        self.state = READY if is_last else CHUNKING
        self._unanswered.append(command)
        return command.encode() + data

    def _check_body(self) -> None:
        if self.failure is not None:
            raise self.failure
        if self.state is not BODY:
            raise LocalProtocolError(f"no body may be sent while {self.state.value}")

    def _check_pipelining(self, command: Command) -> None:
        unanswered = self._unanswered[-1]
        if type(unanswered) in ENDS_A_GROUP:
            raise LocalProtocolError(
                f"nothing may be sent behind {unanswered.verb} until it is answered"
            )
        if "PIPELINING" not in self.extensions:
            raise LocalProtocolError(
                f"{command.verb} cannot be sent before {unanswered.verb} is answered: "
                "the server does not offer PIPELINING"
            )
