"""By how much the peak of a client's memory grows while it sends a large file, beside smtplib."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.case import Case, Contender, Server
from bench.parts.mail import RECIPIENT, SENDER
from bench.parts.processes import peak_growth
from bench.parts.programs import package_version
from bench.parts.sink import smtp_sink, smtp_sink_version

__all__ = ["CASE"]

_MEGABYTE = 1_000_000


@contextmanager
def _file_of(megabytes: int) -> Iterator[Path]:
    # Not all zeros, and not made in memory at once.
    block = bytes(range(256)) * (_MEGABYTE // 256 + 1)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder, "film.bin")
        with path.open("wb") as file:
            for _ in range(megabytes):
                file.write(block[:_MEGABYTE])
        yield path


def measure_ours(server: Server, size: int) -> float:
    """Send one message with a file of `size` MB; return the growth of peak memory in MiB."""
    from postseal import Attachment, Mailer, Message

    def send() -> None:
        message = Message(
            from_=SENDER,
            to=RECIPIENT,
            subject="The film",
            text="Here it is.",
            attachments=[Attachment.from_path(path)],
        )
        mailer.send(message)

    with _file_of(size) as path, Mailer(f"smtp+insecure://127.0.0.1:{server.port}") as mailer:
        mailer.verify()
        return peak_growth(send)


def measure_smtplib(server: Server, size: int) -> float:
    """Do the same by `email` and smtplib."""
    import smtplib
    from email.message import EmailMessage

    def send() -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = SENDER, RECIPIENT, "The film"
        message.set_content("Here it is.")
        message.add_attachment(
            path.read_bytes(),
            maintype="application",
            subtype="octet-stream",
            filename=path.name,
        )
        client.send_message(message)

    with _file_of(size) as path, smtplib.SMTP("127.0.0.1", server.port) as client:
        client.noop()
        return peak_growth(send)


CASE = Case(
    name="client-attachment-memory",
    bench="client",
    title="blocking, one attachment of 200 MB, plaintext to smtp-sink: growth of peak memory",
    unit="MiB",
    size=200,
    ours=Contender("postseal", lambda: package_version("postseal"), measure_ours, smtp_sink),
    peer=Contender("smtplib", platform.python_version, measure_smtplib, smtp_sink),
    met=smtp_sink_version,
)
