"""The listeners' certificates: renewed where they are ours, read again where they are not."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

import structlog

from postseal.errors import MailError
from postseal.serve.first_run import ServerIdentity, ensure_identity
from postseal.serve.settings import Settings
from postseal.tls import CertificateFiles, ServerCertificates

__all__ = ["ListenerCertificates"]

_LOOK_SECONDS: Final = 30.0
_RENEWAL_SECONDS: Final = 6 * 3600.0

_log = structlog.get_logger("postseal.serve.certificates")


class ListenerCertificates:
    """The TLS context for the next connection to any listener.

    Raises `InvalidSetting` when the certificate cannot be used at the start; later, the one in
    use stays until it can be replaced.
    """

    def __init__(self, settings: Settings, identity: ServerIdentity) -> None:
        self._settings = settings
        self._certificates = ServerCertificates(
            CertificateFiles(identity.certificate, identity.key)
        )

    def context(self) -> ssl.SSLContext:
        """The context of the moment."""
        return self._certificates.context

    async def keep_current(self) -> None:
        """Look for new files twice a minute, and renew what we issued; never returns."""
        loop = asyncio.get_running_loop()
        renewal = loop.time() + _RENEWAL_SECONDS
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                if loop.time() >= renewal:
                    renewal = loop.time() + _RENEWAL_SECONDS
                    await asyncio.to_thread(ensure_identity, self._settings)
                if await asyncio.to_thread(self._certificates.refresh):
                    _log.info("the certificate was read again")
            except MailError as error:
                _log.error("the certificate could not be renewed", error=str(error))
            except Exception:  # noqa: BLE001  # whatever it is, the listeners go on
                _log.exception("the certificate could not be renewed")
