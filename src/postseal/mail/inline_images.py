"""Images that are shown within the HTML, which refers to them by their file names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape

from postseal.errors import InvalidInput
from postseal.mail._text import excerpt
from postseal.mail.attachment import Attachment

__all__ = ["content_ids", "with_content_ids", "with_references_renamed"]

# Where HTML and its CSS name an image: the value in quotes, or without any.
_REFERENCE = re.compile(
    r"""(?<![\w-])((?:src|background|poster)\s*=\s*|url\(\s*)
        (?:"([^"<>]*)"|'([^'<>]*)'|([^\s"'<>)]+))""",
    re.IGNORECASE | re.VERBOSE,
)
_PERCENT = re.compile("(?:%[0-9A-Fa-f]{2})+")


def content_ids(images: Sequence[Attachment], token: str) -> dict[str, str]:
    """Make a Content-ID, without brackets, for the name of each image (RFC 2392).

    `token` is random, so that no two messages have the same; nothing else is in them. Raises
    `InvalidInput` for a name that two of them have.
    """
    identifiers: dict[str, str] = {}
    for number, image in enumerate(images, start=1):
        if image.filename in identifiers:
            raise InvalidInput(
                f"two inline images are named {excerpt(image.filename)}",
                hint="The HTML refers to them by name: give each its own.",
            )
        identifiers[image.filename] = f"{token}.{number}@inline"
    return identifiers


def with_content_ids(html: str, identifiers: dict[str, str]) -> str:
    """Put `cid:` URLs in the place of the names `logo.png` and `cid:logo.png`.

    References are whole values of `src`, `background` and `poster`, and of `url()` in CSS. Raises
    `InvalidInput` for an image that nothing refers to: a reader would show it at the end, or not
    at all.
    """
    html, found = with_references_renamed(html, identifiers)
    if missing := [name for name in identifiers if name not in found]:
        raise InvalidInput(
            f"the HTML shows no image named {excerpt(missing[0])}",
            hint='Refer to it as <img src="NAME">, or give it as an attachment.',
        )
    return html


def with_references_renamed(html: str, names: dict[str, str]) -> tuple[str, set[str]]:
    """Put `cid:` and the new name in the place of each reference; tell which names were found."""
    found: set[str] = set()

    def replaced(match: re.Match[str]) -> str:
        value = next((each for each in match.groups()[1:] if each is not None), "")
        name = _name_of(value)
        if name not in names:
            return match[0]
        found.add(name)
        quote = match[0][match.end(1) - match.start() : match.end(1) - match.start() + 1]
        quote = quote if quote in {'"', "'"} else ""
        return f"{match[1]}{quote}cid:{names[name]}{quote}"

    return _REFERENCE.sub(replaced, html), found


def _name_of(value: str) -> str:
    name = unescape(value).strip()
    if name[:4].lower() == "cid:":
        name = name[4:]
    return _PERCENT.sub(_unquoted, name)


def _unquoted(match: re.Match[str]) -> str:
    return bytes.fromhex(match[0].replace("%", "")).decode("utf-8", "replace")
