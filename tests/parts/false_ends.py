r"""What some server takes for the end of a message, and what is none: only CRLF.CRLF is.

From the SMTP smuggling disclosures (VU#302671): SEC Consult, its outbound variants, and smtpsmug.
"""

from __future__ import annotations

INBOUND = (
    b"\n.\n",
    b"\n.\r",
    b"\r.\n",
    b"\r.\r",
    b"\n.\r\n",
    b"\r.\r\n",
    b"\r\n\x00.\r\n",
)
OUTBOUND = (b"\r\n.\r\r\n", b"\r\r\n.\r\r\n")
SMTPSMUG = (b"\r\n.\n", b"\r\n.\r", b"\r\n.\x00\r\n")

FALSE_ENDS = (*INBOUND, *OUTBOUND, *SMTPSMUG)
END = b"\r\n.\r\n"
