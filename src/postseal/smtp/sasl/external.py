"""EXTERNAL (RFC 4422 appendix A): TLS has proved who it is, SASL says whom to act as."""

from __future__ import annotations

from typing import ClassVar, Final

from postseal.smtp.sasl.credentials import ClientCertificate
from postseal.smtp.sasl.mechanism import ClientMechanism, Exposure
from postseal.smtp.sasl.server_mechanism import (
    CertificateClaimed,
    Challenge,
    Failed,
    FailureCause,
    ServerMechanism,
    ServerStep,
)

__all__ = ["ExternalClient", "ExternalServer"]

_MAX_NAME: Final = 255


class ExternalClient(ClientMechanism):
    """EXTERNAL from the client's side."""

    name = "EXTERNAL"
    exposure: ClassVar[Exposure] = Exposure.NOTHING
    advice: ClassVar[str] = "Check that the server knows the certificate shown in the handshake."

    def __init__(self, credentials: ClientCertificate) -> None:
        super().__init__(credentials)

    def initial_response(self) -> bytes:
        return self.username.encode()


class ExternalServer(ServerMechanism):
    """EXTERNAL from the server's side."""

    name = "EXTERNAL"

    def receive(self, response: bytes | None) -> ServerStep:
        if response is None:
            return Challenge(b"")
        try:
            identity = response.decode()
        except UnicodeDecodeError:
            identity = "\x00"
        if "\x00" in identity or len(response) > _MAX_NAME:
            return Failed("the response is not that of EXTERNAL", FailureCause.MALFORMED)
        return CertificateClaimed(identity)
