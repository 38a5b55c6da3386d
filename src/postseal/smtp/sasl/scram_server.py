"""SCRAM from the server's side (RFC 5802, RFC 7677), which needs a record and never a password."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from postseal.errors import LocalProtocolError
from postseal.smtp.sasl.defaults import NonceSource, random_nonce
from postseal.smtp.sasl.saslprep import StringUse, saslprep
from postseal.smtp.sasl.scram_keys import MIN_ITERATIONS, ScramHash, ScramRecord, decoy_record
from postseal.smtp.sasl.scram_messages import (
    TLS_SERVER_END_POINT,
    BindingFlag,
    ClientFinal,
    ClientFirst,
    MessageInvalid,
    ServerFinal,
    ServerFirst,
)
from postseal.smtp.sasl.server_mechanism import (
    Challenge,
    Failed,
    FailureCause,
    RecordNeeded,
    ServerMechanism,
    ServerStep,
    Succeeded,
)

__all__ = ["ScramServer"]


class ScramServer(ServerMechanism):
    """SCRAM with `hash_`, with -PLUS where `plus` says so.

    `channel_binding` is the `tls-server-end-point` data of the channel; where there is any, -PLUS
    must be offered beside the plain form: a client that could have used it and did not see it
    offered is turned away (RFC 5802 6). `decoy_secret` and `decoy_iterations` make up the records
    of users who do not exist (`decoy_record`).
    """

    def __init__(
        self,
        *,
        hash_: ScramHash,
        decoy_secret: bytes,
        plus: bool = False,
        channel_binding: bytes = b"",
        decoy_iterations: int = MIN_ITERATIONS,
        nonce: NonceSource = random_nonce,
    ) -> None:
        if plus and not channel_binding:
            raise LocalProtocolError("-PLUS needs channel binding data")
        self.name = hash_.mechanism + ("-PLUS" if plus else "")
        self._hash = hash_
        self._is_plus = plus
        self._channel_binding = channel_binding
        self._decoy_secret = decoy_secret
        self._decoy_iterations = decoy_iterations
        self._new_nonce = nonce
        self._first: ClientFirst | None = None
        self._server_first = b""
        self._nonce = ""
        self._record: ScramRecord | None = None
        self._due: Callable[[bytes], ServerStep] = self._open

    def receive(self, response: bytes | None) -> ServerStep:
        due, self._due = self._due, self._out_of_order
        if response is None:
            # The client speaks first: without an initial response it is asked to (RFC 4954 4).
            self._due = due
            return Challenge(b"")
        try:
            return due(response)
        except MessageInvalid as error:
            return Failed(f"the response is not of {self.name}: {error}", FailureCause.MALFORMED)

    def supply(self, record: ScramRecord | None) -> ServerStep:
        """Go on with the record that `RecordNeeded` asked for; None where there is no such user.

        Raises `LocalProtocolError` where none is needed, or for a record of another hash.
        """
        first = self._first
        if first is None or self._record is not None:
            raise LocalProtocolError("no record is needed now")
        if record is None:
            record = decoy_record(
                first.username,
                self._decoy_secret,
                hash_=self._hash,
                iterations=self._decoy_iterations,
            )
        elif record.hash is not self._hash:
            raise LocalProtocolError(f"a record of {record.hash.value} is of no use in {self.name}")
        self._record = record
        self._nonce = first.nonce + self._new_nonce()
        self._server_first = ServerFirst(self._nonce, record.salt, record.iterations).encode()
        self._due = partial(self._verify, first, record)
        return Challenge(self._server_first)

    def _open(self, response: bytes) -> ServerStep:
        first = ClientFirst.read(response)
        if problem := self._binding_problem(first):
            return Failed(problem, FailureCause.CHANNEL)
        username = saslprep(first.username, StringUse.QUERY)
        if username.problem:
            return Failed(f"no user has this name: {username.problem}", FailureCause.MALFORMED)
        self._first = replace(first, username=username.text)
        return RecordNeeded(username.text, self._hash)

    def _binding_problem(self, first: ClientFirst) -> str:
        # RFC 5802 6
        if (first.flag is BindingFlag.USED) != self._is_plus:
            return f"the client's channel binding flag is not that of {self.name}"
        if first.flag is BindingFlag.NOT_OFFERED and self._channel_binding:
            return "the client did not see -PLUS offered: somebody may have removed it"
        if self._is_plus and first.binding_type != TLS_SERVER_END_POINT:
            return f"the channel binding type is not {TLS_SERVER_END_POINT}"
        return ""

    def _verify(self, first: ClientFirst, record: ScramRecord, response: bytes) -> ServerStep:
        final = ClientFinal.read(response)
        if final.nonce != self._nonce:
            return Failed("the nonce is not the one of this exchange", FailureCause.MALFORMED)
        auth_message = b",".join((first.bare, self._server_first, final.bare))
        if not record.proves(final.proof, auth_message):
            return Failed("the proof is wrong", FailureCause.CREDENTIALS)
        # Only who knows the password gets here, so only a user learns of the channel.
        binding = first.header + (self._channel_binding if self._is_plus else b"")
        if not hmac.compare_digest(final.binding, binding):
            return Failed("the client is bound to another channel", FailureCause.CHANNEL)
        success = Succeeded(first.username, first.authorization_identity)
        self._due = partial(self._confirm, success)
        signature = record.server_signature(auth_message)
        return Challenge(ServerFinal(signature).encode())

    def _confirm(self, success: Succeeded, response: bytes) -> ServerStep:
        # RFC 4954 4: the challenge that carries data with success is answered with nothing.
        if response:
            return Failed(
                "the server's proof was not answered with nothing", FailureCause.MALFORMED
            )
        return success

    def _out_of_order(self, response: bytes) -> ServerStep:
        self._first = None  # a record that comes too late opens nothing
        return Failed(
            f"{len(response)} octets came where no response was due", FailureCause.MALFORMED
        )
