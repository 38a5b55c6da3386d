"""EXTERNAL (RFC 4422 appendix A): TLS has proved who it is, SASL says whom to act as."""

from __future__ import annotations

from typing import ClassVar

from postseal.smtp.sasl.credentials import ClientCertificate
from postseal.smtp.sasl.mechanism import ClientMechanism, Exposure

__all__ = ["ExternalClient"]


class ExternalClient(ClientMechanism):
    """EXTERNAL from the client's side."""

    name = "EXTERNAL"
    exposure: ClassVar[Exposure] = Exposure.NOTHING
    advice: ClassVar[str] = "Check that the server knows the certificate shown in the handshake."

    def __init__(self, credentials: ClientCertificate) -> None:
        super().__init__(credentials)

    def initial_response(self) -> bytes:
        return self.username.encode()
