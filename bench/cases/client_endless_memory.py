"""By how much memory grows while a generator of messages is sent, beside smtplib in a loop.

smtplib holds one message at a time, so a ratio near 1 is as flat as can be. What grows with the
number of messages shows with a larger `--size`.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.case import Case, Contender, Server
from bench.parts.mail import RECIPIENT, SENDER
from bench.parts.processes import peak_growth
from bench.parts.programs import package_version
from bench.parts.sink import smtp_sink, smtp_sink_version

__all__ = ["CASE"]

_TEXT = "Hello Bob.\r\n" * 340


def measure_ours(server: Server, size: int) -> float:
    """Send `size` messages of 4 KiB by `send_many`; return the growth of peak memory in MiB."""
    from postseal import Mailer, Message

    def messages() -> Iterator[Message]:
        for number in range(size):
            yield Message(from_=SENDER, to=RECIPIENT, subject=f"Number {number}", text=_TEXT)

    def send() -> None:
        for sent in mailer.send_many(messages()):
            sent.result()

    with Mailer(f"smtp+insecure://127.0.0.1:{server.port}") as mailer:
        mailer.send(Message(from_=SENDER, to=RECIPIENT, text=_TEXT))
        return peak_growth(send)


def measure_smtplib(server: Server, size: int) -> float:
    """Do the same by `email` and smtplib."""
    import smtplib
    from email.message import EmailMessage

    def make(number: int) -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"] = SENDER, RECIPIENT
        message["Subject"] = f"Number {number}"
        message.set_content(_TEXT)
        return message

    def send() -> None:
        for number in range(size):
            client.send_message(make(number))

    with smtplib.SMTP("127.0.0.1", server.port) as client:
        client.send_message(make(0))
        return peak_growth(send)


CASE = Case(
    name="client-endless-memory",
    bench="client",
    title="growth of peak memory, a generator of messages of 4 KiB",
    unit="MiB",
    size=20_000,
    ours=Contender("postseal", lambda: package_version("postseal"), measure_ours, smtp_sink),
    peer=Contender("smtplib", lambda: "of the same Python", measure_smtplib, smtp_sink),
    met=smtp_sink_version,
)
