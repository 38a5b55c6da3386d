"""A script from the days of smtplib, with its import changed and nothing else.

Start it with ``python examples/old_script.py mail.example.com 587``.
"""

from __future__ import annotations

import ssl
import sys
from email.mime.text import MIMEText

from postseal.frameworks import smtplib_compat as smtplib


def report(host: str, port: int, *, context: ssl.SSLContext | None = None) -> None:
    """Send the report; the password is the one of this example."""
    message = MIMEText("All is well.", "plain", "utf-8")
    message["Subject"] = "Daily report"
    message["From"] = "script@example.com"
    message["To"] = "ops@example.org"

    server = smtplib.SMTP(host, port)
    server.ehlo()
    if server.has_extn("STARTTLS"):
        server.starttls(context=context)
        server.ehlo()
    server.login("script", "example")
    server.sendmail("script@example.com", ["ops@example.org"], message.as_string())
    server.quit()


if __name__ == "__main__":
    report(sys.argv[1], int(sys.argv[2]))
