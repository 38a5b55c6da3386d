"""Any content type and any file name are refused as InvalidHeader or become well-formed fields in
ASCII from which a reader gets the same type, parameters and name.
"""

from __future__ import annotations

from email import message_from_bytes
from email.utils import collapse_rfc2231_value

from fuzz.chunks import PAUSE, text_of
from fuzz.fields import check_field
from postseal.errors import InvalidHeader
from postseal.mail.parameters import ContentType, parameterized_field

__all__ = ["run"]


def run(data: bytes) -> None:
    """Check the invariant for a content type and, behind a pause, a file name."""
    content_type, _, filename = data.partition(PAUSE)
    _check_content_type(text_of(content_type))
    _check_filename(text_of(filename))


def _check_content_type(text: str) -> None:
    try:
        content_type = ContentType.parse(text)
        field = parameterized_field(
            "Content-Type", content_type.media_type, content_type.parameters
        )
    except InvalidHeader as error:
        assert str(error).isprintable()
        return
    check_field("Content-Type", field)
    assert field.isascii()
    if not any("*" in name or "'" in name for name, _ in content_type.parameters):
        assert message_from_bytes(field).get_content_type() == content_type.media_type


def _check_filename(filename: str) -> None:
    try:
        field = parameterized_field("Content-Disposition", "attachment", (("filename", filename),))
    except InvalidHeader as error:
        assert str(error).isprintable()
        return
    check_field("Content-Disposition", field)
    assert field.isascii()
    read = message_from_bytes(field).get_param("filename", header="Content-Disposition")
    assert isinstance(read, str | tuple)
    assert collapse_rfc2231_value(read) == filename
