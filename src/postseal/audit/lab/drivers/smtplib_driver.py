"""Sends one message by Python's smtplib, as POSTSEAL_LAB_INPUTS says."""

from __future__ import annotations

import json
import os
import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP


def check(answer: tuple[int, bytes]) -> None:
    """Fail unless the server took it."""
    if answer[0] != 250:
        raise smtplib.SMTPResponseException(*answer)


inputs: dict[str, str] = json.loads(os.environ["POSTSEAL_LAB_INPUTS"])
message = EmailMessage()
message["From"] = inputs["from"]
message["To"] = inputs["to"]
message["Subject"] = inputs["subject"]
message["X-Lab"] = inputs["header"]
message.set_content(inputs["body"])
message.add_attachment(b"attached\n", "text", "plain", filename=inputs["filename"])

context = ssl.create_default_context(cafile=inputs["ca_file"])
where = (inputs["host"], int(inputs["port"]))
client: smtplib.SMTP
if inputs["mode"] == "implicit":
    client = smtplib.SMTP_SSL(*where, local_hostname=inputs["ehlo"], context=context, timeout=30)
else:
    client = smtplib.SMTP(*where, local_hostname=inputs["ehlo"], timeout=30)
with client:
    if inputs["mode"] == "starttls":
        client.starttls(context=context)
    client.ehlo()
    client.login(inputs["user"], inputs["password"])
    # What sendmail() does, but that it says its own SIZE.
    check(client.mail(inputs["from"], [f"SIZE={inputs['size']}"]))
    check(client.rcpt(inputs["to"]))
    check(client.data(message.as_bytes(policy=SMTP)))
