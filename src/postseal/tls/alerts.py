"""What went wrong in TLS, in the words of RFC 8446 6 instead of OpenSSL's."""

from __future__ import annotations

import re
import ssl
from typing import Final

from postseal.errors import TLSError

__all__ = ["DECODE_ERROR", "NO_APPLICATION_PROTOCOL", "alert_hint", "broken", "cause"]

# RFC 8446 5.1, 6: a record of type alert, fatal, decode_error.
DECODE_ERROR: Final = bytes.fromhex("15 0303 0002 02 32")
# The same with no_application_protocol (RFC 7301 3.2).
NO_APPLICATION_PROTOCOL: Final = bytes.fromhex("15 0303 0002 02 78")

# OpenSSL names an alert after the version that brought it; where Python does not know the reason,
# it is in the text.
_ALERT: Final = re.compile(r"(?:sslv3|tlsv1|tlsv13) (?:alert )?(.+)")
_TEXT: Final = re.compile(r"(?:\[SSL[^\]]*\] )?(.*?)(?: \(_ssl\.c:\d+\))?")

_HINTS: Final = {
    "protocol version": "The peer has no version of TLS in common with us; 1.2 and 1.3 are safe.",
    "handshake failure": "The peer has no cipher suite or group in common with us, or wants a "
    "certificate of ours.",
    "insufficient security": "The peer asks for stronger cipher suites than we offer.",
    "certificate required": "The peer wants a certificate of ours.",
    "unknown ca": "The peer does not trust the authority of our certificate.",
    "bad certificate": "The peer does not take our certificate.",
    "certificate expired": "The peer takes our certificate for expired; check the clocks.",
    "certificate unknown": "The peer does not take our certificate.",
    "unrecognized name": "The peer serves no host of this name.",
    "no application protocol": "The port is for another protocol.",
}


def cause(error: ssl.SSLError) -> str:
    """Say what OpenSSL reports: an alert of the peer by its name, anything else in its words."""
    alert = _alert(error)
    return f"the peer sent the alert {alert!r}" if alert else _words(error)


def alert_hint(error: ssl.SSLError) -> str | None:
    """Say what to do about the peer's alert, where that is known."""
    return _HINTS.get(_alert(error))


def broken(error: ssl.SSLError) -> TLSError:
    """Make the error for a connection that failed behind the handshake."""
    return TLSError(f"the TLS connection broke: {cause(error)}", hint=alert_hint(error))


def _alert(error: ssl.SSLError) -> str:
    match = _ALERT.fullmatch(_words(error))
    return match[1] if match else ""


def _words(error: ssl.SSLError) -> str:
    text = _TEXT.fullmatch(str(error))
    return (error.reason or (text[1] if text else str(error))).replace("_", " ").lower()
