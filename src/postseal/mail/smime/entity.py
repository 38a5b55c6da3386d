"""The MIME entities that signed and encrypted content travels in (RFC 8551 3)."""

from __future__ import annotations

from enum import Enum, unique

from postseal.mail.encodings import base64_lines
from postseal.mail.mime import Part, multipart
from postseal.mail.reading.parts import ReceivedPart

__all__ = [
    "SMIMEType",
    "clear_signed_entity",
    "enclosed_entity",
    "is_enclosed",
]


@unique
class SMIMEType(Enum):
    """What application/pkcs7-mime holds (RFC 8551 3.2.2)."""

    SIGNED_DATA = "signed-data"
    ENVELOPED_DATA = "enveloped-data"
    AUTH_ENVELOPED_DATA = "authEnveloped-data"


def enclosed_entity(structure: bytes, kind: SMIMEType) -> bytes:
    """Write an entity of type application/pkcs7-mime."""
    header = (
        f"Content-Type: application/pkcs7-mime; name=smime.p7m;\r\n smime-type={kind.value}\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        "Content-Disposition: attachment; filename=smime.p7m\r\n\r\n"
    )
    return header.encode("ascii") + base64_lines(structure)


def is_enclosed(root: ReceivedPart) -> bool:
    """Tell whether an entity is CMS, by its type or, from senders without one, by its file name."""
    if root.media_type == "application/octet-stream":
        # RFC 8551 3.2.1
        return (root.filename or "").lower().endswith(".p7m")
    return root.media_type in ("application/pkcs7-mime", "application/x-pkcs7-mime")


def clear_signed_entity(content: bytes, structure: bytes, *, micalg: str, token: str) -> bytes:
    """Write a multipart/signed of an entity and the signature over it (RFC 1847 2.1).

    `token` goes into the boundary: hexadecimal digits that nobody can predict.
    """
    header, _, body = content.partition(b"\r\n\r\n")
    signature = Part(
        b"Content-Type: application/pkcs7-signature; name=smime.p7s\r\n"
        b"Content-Transfer-Encoding: base64\r\n"
        b"Content-Disposition: attachment; filename=smime.p7s\r\n",
        (base64_lines(structure),),
    )
    root = multipart(
        "signed",
        (Part(header + b"\r\n", (body,)), signature),
        token=token,
        parameters=f' micalg={micalg};\r\n protocol="application/pkcs7-signature";',
    )
    return b"".join(
        (root.fields, b"\r\n", *(each for each in root.body if isinstance(each, bytes)))
    )
