"""XML from strangers: bounded, and without a document type, which is where entities come from."""

from __future__ import annotations

from typing import Final

# The tree is only built here; expat reads, and is told what to refuse.
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from postseal.errors import InvalidInput

__all__ = ["InvalidXML", "read_xml"]

_MAX_DEPTH: Final = 32


class InvalidXML(InvalidInput):
    """A file is no XML, or has in it what no settings need."""


def read_xml(octets: bytes, *, max_octets: int) -> Element:
    """Read a document, and give its root.

    Raises `InvalidXML` for what is larger than `max_octets`, not well formed, nested without
    measure, or has a document type declaration: with it go all entities but the five of XML 1.0.
    """
    if len(octets) > max_octets:
        raise InvalidXML(f"the file has more than {max_octets} octets")
    builder = TreeBuilder()
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise InvalidXML(f"its elements are nested more than {_MAX_DEPTH} deep")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse_doctype(*_: object) -> None:
        raise InvalidXML("it has a document type declaration, and settings need none")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse_doctype
    try:
        parser.Parse(octets, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        if isinstance(error, InvalidXML):
            raise
        # The last two are of encodings that are declared: not of text, or unknown.
        raise InvalidXML(f"it is no well-formed XML: {error}") from None
    return builder.close()
