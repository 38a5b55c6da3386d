"""SCRAM from the client's side (RFC 5802, RFC 7677): both sides prove what they know of a password.

The password is not sent, the server proves itself too, and -PLUS binds both proofs to the TLS
channel, so that nobody in between can pass them on.
"""

from __future__ import annotations

import hmac
from typing import ClassVar, Final

from postseal.errors import InvalidInput
from postseal.smtp.sasl.credentials import Password
from postseal.smtp.sasl.defaults import NonceSource, random_nonce
from postseal.smtp.sasl.errors import (
    ChallengeInvalid,
    ChannelBindingRefused,
    CredentialsUnusable,
    IterationCountRefused,
    ServerNonceInvalid,
    ServerRefused,
    ServerSignatureInvalid,
)
from postseal.smtp.sasl.mechanism import ClientMechanism, Exposure
from postseal.smtp.sasl.saslprep import StringUse, saslprep
from postseal.smtp.sasl.scram_keys import MAX_ITERATIONS, MIN_ITERATIONS, ClientKeys, ScramHash
from postseal.smtp.sasl.scram_messages import (
    BindingFlag,
    ClientFinal,
    ClientFirst,
    MessageInvalid,
    ServerFinal,
    ServerFirst,
)

__all__ = ["ScramClient"]

_MAX_WORD: Final = 64
_IMPOSTOR_HINT: Final = "Somebody may be between you and the server; nothing more was sent."

# RFC 5802 7: what a server says that sees another channel or another offer than the client.
_BINDING_ERRORS: Final = frozenset(
    {"channel-bindings-dont-match", "server-does-support-channel-binding"}
)


class ScramClient(ClientMechanism):
    """SCRAM with `hash_`, with -PLUS where `flag` is `BindingFlag.USED`.

    `channel_binding` is the `tls-server-end-point` data of the channel (RFC 5929 4), needed for
    -PLUS and for nothing else. `BindingFlag.NOT_OFFERED` tells the server that it was not seen to
    offer -PLUS, so that it notices where its offer was changed on the way (RFC 5802 6).
    """

    exposure: ClassVar[Exposure] = Exposure.SLOW_GUESSES
    advice: ClassVar[str] = (
        "Check user and password. If they are right, the server may keep nothing for SCRAM that "
        "fits this user: then choose another mechanism by name."
    )

    def __init__(
        self,
        credentials: Password,
        *,
        hash_: ScramHash,
        flag: BindingFlag = BindingFlag.UNSUPPORTED,
        channel_binding: bytes = b"",
        nonce: NonceSource = random_nonce,
    ) -> None:
        super().__init__(credentials)
        if (flag is BindingFlag.USED) != bool(channel_binding):
            raise InvalidInput("channel binding data belong to -PLUS, and -PLUS needs them")
        self.name = hash_.mechanism + ("-PLUS" if channel_binding else "")
        self._credentials = credentials
        self._hash = hash_
        self._flag = flag
        self._channel_binding = channel_binding
        self._nonce = nonce
        self._first: ClientFirst | None = None
        self._expected_signature: bytes | None = None
        self._is_proven = False

    def initial_response(self) -> bytes:
        username = saslprep(self.username, StringUse.QUERY)
        if username.problem:
            raise CredentialsUnusable(f"the user cannot be used with SCRAM: {username.problem}")
        # What cannot be prepared must be known before the exchange begins.
        self._prepared_password()
        self._first = ClientFirst.make(
            self._flag,
            username.text,
            self._nonce(),
            authorization_identity=self._credentials.authorization_identity,
        )
        return self._first.encode()

    def respond(self, challenge: bytes) -> bytes:
        if self._first is None or self._is_proven:
            return super().respond(challenge)
        if self._expected_signature is None:
            return self._prove(self._first, challenge)
        self._check_signature(self._expected_signature, challenge)
        self._is_proven = True
        return b""

    def finish(self) -> None:
        if not self._is_proven:
            raise ServerSignatureInvalid(
                f"the server ended {self.name} without a proof that it knows the password's keys",
                hint=_IMPOSTOR_HINT,
            )

    def _prove(self, first: ClientFirst, challenge: bytes) -> bytes:
        try:
            if challenge.startswith(b"e="):
                raise self._refused(ServerFinal.read(challenge).error)
            server_first = ServerFirst.read(challenge)
        except MessageInvalid as error:
            raise ChallengeInvalid(
                f"the server's challenge is not of {self.name}: {error}"
            ) from None
        self._check_nonce(first, server_first)
        self._check_iterations(server_first.iterations)
        keys = ClientKeys.derive(
            self._hash, self._prepared_password(), server_first.salt, server_first.iterations
        )
        binding = first.header + self._channel_binding
        bare = ClientFinal.write_bare(binding, server_first.nonce)
        auth_message = b",".join((first.bare, challenge, bare))
        self._expected_signature = keys.server_signature(auth_message)
        proof = keys.proof(auth_message)
        return ClientFinal(binding, server_first.nonce, proof, bare).encode()

    def _prepared_password(self) -> str:
        password = saslprep(self._credentials.password, StringUse.STORED)
        if password.problem:
            raise CredentialsUnusable(f"the password cannot be used with SCRAM: {password.problem}")
        return password.text

    def _check_nonce(self, first: ClientFirst, server_first: ServerFirst) -> None:
        # RFC 5802 5.1: the server's nonce is ours with its own part behind it.
        ours, theirs = first.nonce, server_first.nonce
        if not theirs.startswith(ours) or len(theirs) == len(ours):
            raise ServerNonceInvalid(
                f"the server's nonce in {self.name} does not continue ours", hint=_IMPOSTOR_HINT
            )

    def _check_iterations(self, iterations: int) -> None:
        if iterations < MIN_ITERATIONS:
            raise IterationCountRefused(
                f"the server asks for {iterations} iterations, fewer than {MIN_ITERATIONS}: "
                "whoever sees the exchange could guess the password",
                hint="Have the server make the user's SCRAM record anew.",
            )
        if iterations > MAX_ITERATIONS:
            raise IterationCountRefused(
                f"the server asks for more than {MAX_ITERATIONS} iterations",
                hint="Have the server make the user's SCRAM record with fewer.",
            )

    def _check_signature(self, expected: bytes, challenge: bytes) -> None:
        try:
            final = ServerFinal.read(challenge)
        except MessageInvalid:
            final = ServerFinal()
        if final.error:
            raise self._refused(final.error)
        if not hmac.compare_digest(final.signature, expected):
            raise ServerSignatureInvalid(
                f"the server's signature in {self.name} is wrong: it does not know the password's "
                "keys, or somebody changed what was said",
                hint=_IMPOSTOR_HINT,
            )

    def _refused(self, word: str) -> ServerRefused | ChannelBindingRefused:
        if word in _BINDING_ERRORS:
            return ChannelBindingRefused(
                f"the server refused {self.name}: {word}", hint=_IMPOSTOR_HINT
            )
        return ServerRefused(f"the server refused {self.name}: {word[:_MAX_WORD]}")
