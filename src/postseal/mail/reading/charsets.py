"""Octets in a charset that mail names, become text, whatever it names and whatever they are.

The charsets are those of an own list: codecs of Python that turn octets into other octets, or that
take a megabyte out of a kilobyte, cannot be reached by what a stranger writes. Labels mean what
they mean to browsers (WHATWG Encoding Standard 4.2): the larger set that Windows made of each.
"""

from __future__ import annotations

import re

from postseal.mail.reading.defects import DefectKind

__all__ = ["decode", "decode_unlabelled"]

# What cannot be part of a label's meaning: "ISO_8859-1", "iso8859-1" and "iso 8859 1" are one.
_NOISE = re.compile(r"[^a-z0-9]")
_CODECS = {
    "utf8": ("utf8 utf8mb4 unicode11utf8 unicode20utf8 xunicode20utf8 utf8bom xutf8 cputf8"),
    "cp1252": (
        "iso88591 iso885911987 latin1 l1 isoir100 88591 windows1252 cp1252 xcp1252 ansi win1252 "
        "ibm819 cp819 csisolatin1 ansix3419681 iso8859"
    ),
    "iso8859-2": "iso88592 latin2 l2 isoir101 88592 csisolatin2",
    "iso8859-3": "iso88593 latin3 l3 isoir109 88593",
    "iso8859-4": "iso88594 latin4 l4 isoir110 88594",
    "iso8859-5": "iso88595 cyrillic isoir144 88595",
    "cp1256": "windows1256 cp1256 xcp1256",
    "iso8859-6": "iso88596 iso88596e iso88596i arabic isoir127 88596 asmo708 ecma114",
    "iso8859-7": "iso88597 greek greek8 isoir126 88597 ecma118 elot928",
    "iso8859-8": "iso88598 iso88598i iso88598e hebrew visual logical isoir138 88598",
    "cp1254": "windows1254 cp1254 xcp1254 iso88599 latin5 l5 isoir148 88599",
    "iso8859-10": "iso885910 latin6 l6 isoir157",
    "iso8859-13": "iso885913 latin7",
    "iso8859-14": "iso885914 latin8",
    "iso8859-15": "iso885915 latin9 latin0 l9",
    "iso8859-16": "iso885916 latin10",
    "cp874": "windows874 cp874 tis620 iso885911 dos874",
    "cp1250": "windows1250 cp1250 xcp1250 win1250",
    "cp1251": "windows1251 cp1251 xcp1251 win1251",
    "cp1253": "windows1253 cp1253 xcp1253",
    "cp1255": "windows1255 cp1255 xcp1255",
    "cp1257": "windows1257 cp1257 xcp1257",
    "cp1258": "windows1258 cp1258 xcp1258",
    "cp437": "cp437 ibm437 dos437",
    "cp850": "cp850 ibm850 dos850",
    "cp852": "cp852 ibm852",
    "cp866": "cp866 ibm866 866",
    "koi8-r": "koi8r koi8 koi",
    "koi8-u": "koi8u koi8ru",
    "mac-roman": "macintosh mac macroman xmacroman",
    "mac-cyrillic": "xmaccyrillic maccyrillic xmacukrainian",
    # Everybody who says gb2312 sends the larger set.
    "gb18030": "gb18030 gbk gb2312 gb231280 xgbk cp936 windows936 ms936 chinese euccn",
    "hz": "hzgb2312 hz",
    "big5hkscs": "big5 big5hkscs xxbig5 cnbig5 cp950 windows950",
    "cp932": "shiftjis shiftjs sjis xsjis mskanji windows31j windows932 cp932 ms932",
    "euc_jp": "eucjp xeucjp ujis",
    "iso2022_jp_ext": "iso2022jp iso2022jp1 iso2022jp2 iso2022jpms cp50220 cp50221 csiso2022jp jis",
    "cp949": (
        "euckr ksc5601 ksc56011987 ksc56011989 ksc56011992 korean windows949 cp949 ms949 uhc"
        " xwindows949 isoir149"
    ),
    "iso2022_kr": "iso2022kr",
    "utf-7": "utf7 unicode11utf7",
    "utf-16-le": "utf16le",
    "utf-16-be": "utf16be utf16 unicode ucs2 iso10646ucs2",  # RFC 2781 4.3: without mark, big end
    "utf-32-le": "utf32le",
    "utf-32-be": "utf32be utf32 ucs4",
}
_LABELS = {label: codec for codec, labels in _CODECS.items() for label in labels.split()}
# Says nothing: the sender did not know.
_UNLABELLED = frozenset(
    {"", "usascii", "ascii", "unknown", "unknown8bit", "xunknown", "default", "none", "8bit"}
    | {"7bit", "binary", "iso646us", "us", "defaultcharset"}
)
_BYTE_ORDER_MARKS = (
    ("utf-16-le", b"\xff\xfe"),
    ("utf-16-be", b"\xfe\xff"),
)


def decode(octets: bytes, label: str) -> tuple[str, DefectKind | None]:
    """Decode octets in the charset called `label`, and say what was wrong with them, if anything.

    An unknown label is as good as none. Octets that the charset does not have become U+FFFD.
    """
    name = _NOISE.sub("", label.lower())
    if name in _UNLABELLED:
        return decode_unlabelled(octets)
    codec = _LABELS.get(name)
    if codec is None:
        return decode_unlabelled(octets)[0], DefectKind.UNKNOWN_CHARSET
    if codec.startswith("utf-16"):
        for marked, mark in _BYTE_ORDER_MARKS:
            if octets.startswith(mark):
                codec, octets = marked, octets[len(mark) :]
    try:
        text = octets.decode(codec)
        if codec == "utf-7":
            # It lets lone surrogates through, which no text can hold.
            text.encode("utf-8")
    except UnicodeError:
        pass
    else:
        return text, None
    if codec == "cp1252":
        # Five octets mean nothing in the larger set; in the smaller one they are controls.
        return octets.decode("latin-1"), DefectKind.UNDECODABLE_TEXT
    return _replaced(octets, codec), DefectKind.UNDECODABLE_TEXT


def decode_unlabelled(octets: bytes) -> tuple[str, DefectKind | None]:
    """Decode octets of which nobody says the charset: UTF-8 if they are that, else Windows-1252."""
    try:
        text = octets.decode("utf-8")
    except UnicodeError:
        text = _replaced(octets, "cp1252")
        return text, DefectKind.UNDECODABLE_TEXT
    return text, None if text.isascii() else DefectKind.UNDECODABLE_TEXT


def _replaced(octets: bytes, codec: str) -> str:
    try:
        text = octets.decode(codec, "replace")
    except UnicodeError:
        # Some codecs with states give up nevertheless.
        text = octets.decode("ascii", "replace")
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
