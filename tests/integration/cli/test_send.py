"""`postseal send`: what it prints, how it ends, and every mistake that a person makes with it.

It ends with 0 when everybody was accepted, 1 when sending failed, 2 when it was called wrongly.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import fcntl
import os
import pty
import re
import subprocess
import termios
from pathlib import Path

import pytest

from tests.parts.certificates import ServerCertificate, issue_certificate
from tests.parts.command import COMMAND, Ran, clean_environment, run_postseal
from tests.parts.house import keep_house
from tests.parts.ports import ReservedPort
from tests.parts.queue_view import read_deliveries
from tests.parts.receiver import Receiver

ENVELOPE = ("--from", "Ada <ada@example.com>", "--to", "bob@example.org")
SECRET = "canary-password-of-ada"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ServerCertificate:
    return issue_certificate(tmp_path_factory.mktemp("certificate"), "127.0.0.1")


def the_error(ran: Ran) -> str:
    """What it said on standard error: one line, and no traceback."""
    (line,) = ran.errors.splitlines()
    assert line.startswith("error: ")
    assert "Traceback" not in ran.printed
    return line.removeprefix("error: ")


# -- it works -------------------------------------------------------------------------------------


async def test_a_message_is_sent_and_its_seal_is_shown(tmp_path: Path) -> None:
    attachment = tmp_path / "invoice.bin"
    attachment.write_bytes(b"\x00canary-attachment\xff")
    async with keep_house(tmp_path) as house:
        ran = await run_postseal(
            "send",
            house.url,
            *ENVELOPE,
            *("--cc", "eve@example.org", "--bcc", "hidden@example.org"),
            *("--subject", "Grüße", "--text", "-", "--html", "<p>Hi</p>"),
            *("--attach", attachment, "--ca-file", house.ca_file),
            environment={"POSTSEAL_PASSWORD": house.password},
            stdin="Text von der Standardeingabe: ü\n".encode(),
        )
        assert (ran.status, ran.errors) == (0, "")
        accepted, rest = ran.output.splitlines()[:3], ran.output.splitlines()[3:]
        assert accepted == [
            "accepted    bob@example.org",
            "accepted    eve@example.org",
            "accepted    hidden@example.org",
        ]
        assert rest[0].startswith("server      127.0.0.1 (127.0.0.1): 250 2.0.0 queued as ")
        assert rest[1] == "TLS         TLSv1.3"
        assert rest[2].startswith("cipher      TLS_")
        assert rest[3] == (f"verified by certificate for 127.0.0.1, authorities in {house.ca_file}")
        assert house.password not in ran.printed
        stored = read_deliveries(house.data_directory)
        assert [row.recipient for row in stored] == [
            "bob@example.org",
            "eve@example.org",
            "hidden@example.org",
        ]


async def test_some_refused_recipients_are_shown_and_make_it_fail(
    certificate: ServerCertificate,
) -> None:
    def reply(address: str) -> str:
        return "550 5.1.1 no such mailbox" if address.startswith("gone") else "250 OK"

    async with Receiver(certificate, on_recipient=reply) as receiver:
        ran = await run_postseal(
            "send",
            f"smtp://127.0.0.1:{receiver.port}",
            *ENVELOPE,
            *("--to", "gone@example.org", "--ca-file", certificate.ca_file),
        )
    assert ran.status == 1
    assert ran.output.splitlines()[:2] == [
        "accepted    bob@example.org",
        "refused     gone@example.org (rcpt): 550 5.1.1 no such mailbox",
    ]
    assert len(receiver.messages) == 1


async def test_mail_in_clear_over_loopback_is_called_that() -> None:
    async with Receiver() as receiver:
        ran = await run_postseal("send", f"smtp+insecure://127.0.0.1:{receiver.port}", *ENVELOPE)
    assert ran.status == 0
    assert "TLS         none: this message crossed the network in clear" in ran.output


async def test_opportunistic_tls_says_that_nobody_was_verified(
    certificate: ServerCertificate,
) -> None:
    async with Receiver(certificate) as receiver:
        ran = await run_postseal(
            "send", f"smtp+opportunistic://127.0.0.1:{receiver.port}", *ENVELOPE
        )
    assert ran.status == 0
    assert "verified by nothing: the peer may be anybody" in ran.output


# -- it was called wrongly: 2 ---------------------------------------------------------------------


async def test_a_wrong_url() -> None:
    ran = await run_postseal("send", "smpt://mail.example.com", *ENVELOPE)
    assert ran.status == 2
    assert the_error(ran) == "the scheme 'smpt' is not known. Did you mean smtp://?"


async def test_a_password_in_the_url_is_refused_and_never_repeated() -> None:
    ran = await run_postseal("send", f"smtp://ada:{SECRET}@mail.example.com", *ENVELOPE)
    assert ran.status == 2
    assert the_error(ran).startswith("a URL must not hold a password")
    assert SECRET not in ran.printed


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--from", "ada@example.com"], "Missing option '--to'"),
        (["--to", "bob@example.org"], "Missing option '--from'"),
        ([*ENVELOPE, "--attachment", "x"], "No such option: --attachment"),
        ([*ENVELOPE, "--subject"], "Option '--subject' requires an argument"),
    ],
)
async def test_wrong_options_are_explained(arguments: list[str], told: str) -> None:
    ran = await run_postseal("send", "smtp://mail.example.com", *arguments)
    assert ran.status == 2
    assert told in ran.errors
    assert "Traceback" not in ran.printed


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--from", "ada@example.com", "--to", "bob"], "an address with @ is missing"),
        (["--from", "ada", "--to", "bob@example.org"], "an address with @ is missing"),
        (["--from", "ada@example.com", "--to", ""], ""),
        (["--from", "ada@example.com", "--to", "bob@exam ple.org"], ""),
        (
            [*ENVELOPE, "--subject", "a\r\nBcc: eve@example.org"],
            "Subject holds the control character",
        ),
        ([*ENVELOPE, "--attach", "no-such-file.pdf"], "no-such-file.pdf"),
        ([*ENVELOPE, "--attach", "/"], ""),
        ([*ENVELOPE, "--attach", "/dev/zero"], "/dev/zero"),
    ],
)
async def test_a_message_that_cannot_be_is_refused_before_anything_is_sent(
    arguments: list[str], told: str, tmp_path: Path
) -> None:
    async with Receiver() as receiver:
        ran = await run_postseal(
            "send", f"smtp+insecure://127.0.0.1:{receiver.port}", *arguments, directory=tmp_path
        )
        assert receiver.connections == 0
    assert ran.status == 2
    assert told in the_error(ran)


async def test_standard_input_that_is_no_text(tmp_path: Path) -> None:
    ran = await run_postseal(
        "send", "smtp+insecure://127.0.0.1:1", *ENVELOPE, "--text", "-", stdin=b"\xff\xfe\x00"
    )
    assert ran.status == 2
    assert the_error(ran) == "standard input is not utf-8 text"


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
async def test_a_ca_file_that_cannot_be_used(
    tmp_path: Path, certificate: ServerCertificate, content: bytes | None
) -> None:
    ca_file = tmp_path / "ca.pem"
    if content is not None:
        ca_file.write_bytes(content)
    async with Receiver(certificate) as receiver:
        ran = await run_postseal(
            "send",
            f"smtp://ada@127.0.0.1:{receiver.port}",
            *ENVELOPE,
            "--ca-file",
            ca_file,
            environment={"POSTSEAL_PASSWORD": SECRET},
        )
        assert receiver.messages == []
    assert ran.status == 2
    assert f"the CA file {ca_file} cannot be used" in the_error(ran)


async def test_a_pin_in_place_of_authorities_and_beside_them(tmp_path: Path) -> None:
    other = f"sha256/{'A' * 43}="
    async with keep_house(tmp_path) as house:
        environment = {"POSTSEAL_PASSWORD": house.password}
        ran = await run_postseal(
            "send", house.url, *ENVELOPE, "--pin", other, environment=environment
        )
        assert ran.status == 1
        found = re.search(r"its key is (sha256/\S{44})", the_error(ran))
        assert found
        good = found[1]
        for options, proof in (
            (("--pin", good), f"pinned key {good}"),
            (("--pin", good, "--ca-file", house.ca_file), "and a pinned key"),
        ):
            ran = await run_postseal(
                "send", house.url, *ENVELOPE, *options, environment=environment
            )
            assert ran.status == 0, ran.errors
            assert ran.errors == ""
            assert proof in ran.output


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--pin", "sha256/hello"), "is not a pin"),
        (("--tls-profile", "old"), "There are modern, intermediate, legacy"),
        (("--client-key", "a.key"), "needs --client-certificate"),
        (("--client-certificate", "missing.pem"), "missing.pem cannot be used"),
    ],
)
async def test_mistakes_about_trust_are_found_before_anything_is_sent(
    options: tuple[str, ...], text: str
) -> None:
    ran = await run_postseal("send", "smtps://127.0.0.1:1", *ENVELOPE, *options)
    assert ran.status == 2
    assert text in the_error(ran)


async def test_a_ca_file_where_nobody_is_verified(certificate: ServerCertificate) -> None:
    ran = await run_postseal(
        "send", "smtp+insecure://127.0.0.1:1", *ENVELOPE, "--ca-file", certificate.ca_file
    )
    assert ran.status == 2
    assert "a CA file has no effect where the peer is not verified" in the_error(ran)


# -- sending failed: 1 ----------------------------------------------------------------------------


async def test_no_password_and_nobody_to_ask() -> None:
    ran = await run_postseal("send", "smtp://ada@127.0.0.1:1", *ENVELOPE)
    assert ran.status == 1
    assert the_error(ran) == (
        "there is no password for ada. Set POSTSEAL_PASSWORD, or run the command in a terminal "
        "to be asked."
    )


async def test_in_a_terminal_the_password_is_asked_for_and_not_shown(tmp_path: Path) -> None:
    async with keep_house(tmp_path) as house:
        status, shown = await asyncio.to_thread(
            _send_in_a_terminal,
            ["send", house.url, *ENVELOPE, "--ca-file", str(house.ca_file)],
            password=house.password,
        )
        assert len(read_deliveries(house.data_directory)) == 1
    assert status == 0
    assert "Password of postseal at 127.0.0.1: " in shown
    assert "accepted    bob@example.org" in shown
    assert house.password not in shown


def _send_in_a_terminal(arguments: list[str], *, password: str) -> tuple[int, str]:
    """Run the command in a terminal of its own, and type the password when it asks."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [COMMAND, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        # The password is read from the terminal of the session (tty_ioctl(4)).
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  # it locks nothing
        env=clean_environment() | {"TERM": "dumb"},
    ) as process:
        os.close(theirs)
        shown = b""
        with os.fdopen(ours, "r+b", buffering=0) as terminal, contextlib.suppress(OSError):
            while piece := terminal.read(4096):
                shown += piece
                if shown.endswith(b"127.0.0.1: "):
                    terminal.write(f"{password}\n".encode())
        status = process.wait(timeout=60)
    return status, shown.decode()


async def test_a_wrong_password(tmp_path: Path) -> None:
    async with keep_house(tmp_path) as house:
        ran = await run_postseal(
            "send",
            house.url,
            *ENVELOPE,
            "--ca-file",
            house.ca_file,
            environment={"POSTSEAL_PASSWORD": SECRET},
        )
        assert read_deliveries(house.data_directory) == []
    assert ran.status == 1
    assert "the server did not take the credentials of 'postseal'" in the_error(ran)
    assert SECRET not in ran.printed
    assert base64.b64encode(SECRET.encode()).decode()[:-4] not in ran.printed


async def test_a_password_where_the_way_is_not_sealed() -> None:
    ran = await run_postseal(
        "send",
        "smtp+opportunistic://ada@127.0.0.1:1",
        *ENVELOPE,
        environment={"POSTSEAL_PASSWORD": SECRET},
    )
    assert ran.status == 1
    assert "never carries credentials" in the_error(ran)
    assert SECRET not in ran.printed


async def test_a_server_that_is_not_there() -> None:
    with ReservedPort() as port:
        ran = await run_postseal("send", f"smtp://127.0.0.1:{port.number}", *ENVELOPE)
    assert ran.status == 1
    assert f"port {port.number} of 127.0.0.1 cannot be reached" in the_error(ran)


async def test_a_server_that_nobody_vouches_for(certificate: ServerCertificate) -> None:
    async with Receiver(certificate) as receiver:
        ran = await run_postseal("send", f"smtp://127.0.0.1:{receiver.port}", *ENVELOPE)
        assert receiver.messages == []
    assert ran.status == 1
    assert "the certificate was not accepted: unknown issuer" in the_error(ran)
    assert "give its certificate as CA file" in the_error(ran)


async def test_a_server_without_tls() -> None:
    async with Receiver() as receiver:
        ran = await run_postseal("send", f"smtp://127.0.0.1:{receiver.port}", *ENVELOPE)
        assert receiver.messages == []
    assert ran.status == 1
    assert "the server does not offer STARTTLS, and TLS is required" in the_error(ran)


async def test_tls_at_once_where_the_server_wants_starttls(certificate: ServerCertificate) -> None:
    async with Receiver(certificate) as receiver:
        ran = await run_postseal("send", f"smtps://127.0.0.1:{receiver.port}", *ENVELOPE)
    assert ran.status == 1
    assert "use smtp:// instead of smtps://" in the_error(ran)


async def test_everybody_refused(certificate: ServerCertificate) -> None:
    async with Receiver(certificate, on_recipient=lambda _: "550 5.7.1 no relay") as receiver:
        ran = await run_postseal(
            "send",
            f"smtp://127.0.0.1:{receiver.port}",
            *ENVELOPE,
            "--ca-file",
            certificate.ca_file,
        )
    assert ran.status == 1
    assert the_error(ran) == "127.0.0.1 at rcpt: no relay (recipient bob@example.org)"


async def test_what_a_server_says_does_not_reach_the_terminal_as_it_is() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"554 \x1b]0;owned\x07\x1b[2J go away\r\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        ran = await run_postseal("send", f"smtp://127.0.0.1:{port}", *ENVELOPE)
    assert ran.status == 1
    assert "\\x1b]0;owned" in the_error(ran)
    assert "\x1b" not in ran.printed
