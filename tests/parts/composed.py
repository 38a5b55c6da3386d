"""Messages that use all that a message can have, one by one and together, by what they show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from postseal.mail import (
    Attachment,
    AutoSubmitted,
    Calendar,
    Message,
    MissingText,
    Priority,
    TextLayout,
)

__all__ = ["COMPOSED"]

_LOGO = Attachment.from_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)), filename="logo.png")
_PDF = Attachment.from_bytes(b"%PDF-1.7\n" * 1000, filename="invoice.pdf")
_INVITATION = Calendar(
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example//EN\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\n"
    "UID:1@example.com\r\nDTSTAMP:20260301T120000Z\r\nDTSTART:20260302T090000Z\r\n"
    "SUMMARY:Frühstück\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
_GERMAN = "Grüße aus Köln, wo es heute schön ist.\n" * 5
_CHINESE = "今天天气很好。\n" * 5
_HTML = "<p>Hello <b>Bob</b>, see <a href='https://example.com/?a=1&amp;b=2'>this</a>.</p>\n"

_FIELDS: dict[str, dict[str, object]] = {
    "nothing but addresses": {},
    "plain text": {"text": "Hello Bob,\n\nsee you.\n"},
    "empty text": {"text": ""},
    "text without line end": {"text": "Hello"},
    "text in German": {"text": _GERMAN},
    "text in Chinese": {"text": _CHINESE},
    "text of emoji": {"text": "📬 🇨🇭 👩‍👩‍👧\n"},
    "text with long lines": {"text": ("x" * 5000) + "\n" + ("word " * 1000) + "\n"},
    "text with a From line": {"text": "From here on\n>From there\n.\n..\n"},
    "text like a boundary": {"text": "--=_mixed_\n--=_alternative_0--\n--\n"},
    "text like quoted-printable": {"text": "=3D =\n=C3=BC ü=\n"},
    "text with blanks at the ends": {"text": "  a  \n\tb\t\n ü \n   \n\n\n"},
    "text that flows": {
        "text": "Short.\n> quoted\n",
        "text_layout": TextLayout.FLOWED,
    },
    "html alone": {"html": _HTML, "missing_text": MissingText.LEFT_OUT},
    "html and its text": {"html": _HTML},
    "text and html": {"text": "Hello Bob", "html": _HTML},
    "text, amp and html": {"text": "t", "amp": "<html amp4email>ü</html>", "html": _HTML},
    "html in Chinese": {"text": _CHINESE, "html": f"<p>{_CHINESE}</p>"},
    "html of one long line": {"text": "t", "html": "<p>" + "abc äöü " * 3000 + "</p>"},
    "an attachment": {"text": "t", "attachments": [_PDF]},
    "an attachment alone": {"attachments": [_PDF]},
    "an empty attachment": {
        "text": "t",
        "attachments": [Attachment.from_bytes(b"", filename="empty.bin")],
    },
    "attachments in their order": {
        "text": "t",
        "html": _HTML,
        "attachments": [
            Attachment.from_bytes(bytes([n]) * n * 57, filename=f"{n}.bin") for n in range(1, 9)
        ],
    },
    "a text as attachment": {
        "text": "the text",
        "attachments": [Attachment.from_bytes(b"the file\n", filename="b.txt")],
    },
    "html as attachment": {
        "text": "the text",
        "html": _HTML,
        "attachments": [Attachment.from_bytes(b"<p>file</p>\n", filename="b.html")],
    },
    "file name in Russian": {
        "attachments": [Attachment.from_bytes(b"x", filename="счёт за март.pdf")]
    },
    "long file name in Japanese": {
        "attachments": [Attachment.from_bytes(b"x", filename="請求書" * 30 + ".pdf")]
    },
    "file name with quotes": {
        "attachments": [Attachment.from_bytes(b"x", filename="a \"b\" 'c'; d=e, 100%.txt")]
    },
    "an inline image": {"html": '<img src="logo.png">', "text": "t", "inline_images": [_LOGO]},
    "image, file and all": {
        "text": "t",
        "html": '<p style="background: url(logo.png)"><img src="cid:logo.png"></p>',
        "inline_images": [_LOGO],
        "attachments": [_PDF],
    },
    "an invitation": {"text": "Come", "html": "<p>Come</p>", "calendar": _INVITATION},
    "an invitation with a file": {
        "text": "Come",
        "calendar": _INVITATION,
        "attachments": [_PDF],
    },
    "names in German": {
        "from_": "Jürgen Müßig <j@example.com>",
        "to": ["Käthe <k@example.com>", "Ōkubo <o@example.com>"],
    },
    "names with specials": {
        "from_": '"Doe, John (Sales)" <j@example.com>',
        "to": ['"a@b.example" <c@example.com>', '"O\'Neil \\"Bob\\"" <o@example.com>'],
    },
    "long name in Greek": {"to": f"{'Αλέξανδρος ' * 8}Π. <a@example.com>"},
    "several authors": {
        "from_": ["Ada <ada@example.com>", "Babbage <cb@example.com>"],
        "sender": "Office <office@example.com>",
    },
    "all kinds of recipients": {
        "to": "Bob <b@example.org>",
        "cc": ["Carol <c@example.org>", "d@example.org"],
        "bcc": "hidden@blind.example",
        "reply_to": ["Desk <desk@example.com>"],
    },
    "many recipients": {"to": [f"Person {n} <p{n}@example.org>" for n in range(300)]},
    "a quoted local part": {"to": '"john doe"@example.org'},
    "a domain in German": {"to": "info@bücher.example"},
    "subject in Japanese": {"subject": "請求書のお知らせ" * 12},
    "subject with odd spaces": {"subject": "two  spaces and ü  between = _ ?"},
    "subject like an encoded word": {"subject": "=?utf-8?q?no?= =?"},
    "a long subject": {"subject": "word " * 60 + "end"},
    "subject of emoji": {"subject": "📬" * 40},
    "an offset of half an hour": {
        "date": datetime(2026, 3, 1, 12, 0, 5, tzinfo=timezone(timedelta(hours=-3, minutes=-30)))
    },
    "an answer": {
        "subject": "Re: Hello",
        "in_reply_to": "<2@example.org>",
        "references": [f"<{n}.{'x' * 40}@example.org>" for n in range(20)],
    },
    "a mailing": {
        "list_unsubscribe": ["https://example.com/u/123?x=y", "mailto:leave@example.com"],
        "headers": [("List-ID", "News <news.example.com>"), ("X-One", "1"), ("X-One", "ü")],
        "auto_submitted": AutoSubmitted.GENERATED,
        "priority": Priority.LOW,
    },
    "a report": {
        "text": "This is a report.\n",
        "report_type": "tlsrpt",
        "attachments": [Attachment.from_bytes(b"{}", filename="report.json")],
    },
}


def _composed(fields: dict[str, object]) -> Message:
    given = {
        "from_": "Ada Lovelace <ada@example.com>",
        "to": "Bob <bob@example.org>",
        "subject": "Your invoice",
        "date": datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC),
        **fields,
    }
    return Message(**given)  # type: ignore[arg-type]


COMPOSED = {name: _composed(fields) for name, fields in _FIELDS.items()}
"""A message for each thing that readers might get wrong."""
