"""Sends one message by aiosmtplib, as POSTSEAL_LAB_INPUTS says."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from email.message import EmailMessage
from email.policy import SMTP

import aiosmtplib


async def send(inputs: dict[str, str]) -> None:
    """Send it, with TLS required."""
    message = EmailMessage()
    message["From"] = inputs["from"]
    message["To"] = inputs["to"]
    message["Subject"] = inputs["subject"]
    message["X-Lab"] = inputs["header"]
    message.set_content(inputs["body"])
    message.add_attachment(b"attached\n", "text", "plain", filename=inputs["filename"])
    is_implicit = inputs["mode"] == "implicit"
    client = aiosmtplib.SMTP(
        hostname=inputs["host"],
        port=int(inputs["port"]),
        local_hostname=inputs["ehlo"],
        use_tls=is_implicit,
        start_tls=not is_implicit,
        tls_context=ssl.create_default_context(cafile=inputs["ca_file"]),
        timeout=30,
    )
    async with client:
        await client.login(inputs["user"], inputs["password"])
        # What send_message() does, but that it says its own SIZE.
        await client.mail(inputs["from"], options=[f"SIZE={inputs['size']}"])
        await client.rcpt(inputs["to"])
        await client.data(message.as_bytes(policy=SMTP))


asyncio.run(send(json.loads(os.environ["POSTSEAL_LAB_INPUTS"])))
