"""`postseal certs`: from nothing to a server and a client that verify each other, and renewal."""

from __future__ import annotations

import datetime
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from postseal.cli.certificate_folder import CertificateFolder, read_certificates
from postseal.errors import InvalidInput
from postseal.tls import Channel, Opening, TLSLevel, Trust, server_context
from postseal.tls.authority import names_of
from postseal.tls.pins import Pin
from tests.parts import chains
from tests.parts.channels import shake_hands
from tests.parts.command import Ran, run_postseal

NOON = datetime.datetime(2026, 6, 1, 12, tzinfo=datetime.UTC).timestamp()
DAY = 86400
VERSION_3 = bytes.fromhex("a003020102")


def the_error(ran: Ran) -> str:
    (line,) = ran.errors.splitlines()
    assert line.startswith("error: ")
    return line


def files_in(folder: Path) -> list[Path]:
    return list(folder.glob("*"))


async def test_from_nothing_to_both_ends_authenticated(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    ran = await run_postseal("certs", "init", "mail.example.org", "127.0.0.1", "-d", folder)
    assert ran.status == 0, ran.errors
    assert str(folder / "ca.pem") in ran.output
    assert str(folder / "mail.example.org.pem") in ran.output
    ran = await run_postseal("certs", "issue", "--client", "ada@example.com", "-d", folder)
    assert ran.status == 0, ran.errors
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert {name: mode for name, mode in modes.items() if name.endswith(".key")} == {
        "ca.key": 0o600,
        "mail.example.org.key": 0o600,
        "ada@example.com.key": 0o600,
    }
    assert "PRIVATE" not in ran.printed
    context = server_context(folder / "mail.example.org.pem", folder / "mail.example.org.key")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    trust = Trust.only(folder / "ca.pem").with_client_certificate(
        folder / "ada@example.com.pem", folder / "ada@example.com.key"
    )
    for host in ("mail.example.org", "127.0.0.1"):
        here = Channel.client(
            host, trust=trust, level=TLSLevel.AUTHENTICATED, opening=Opening.IMPLICIT
        )
        there = Channel.server(context, opening=Opening.IMPLICIT)
        shake_hands(here, there)
        assert there.is_established
        assert here.outcome().level is TLSLevel.AUTHENTICATED


async def test_nothing_is_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    assert (await run_postseal("certs", "init", "-d", folder)).status == 0
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert {path.name for path in before} == {"ca.pem", "ca.key", "localhost.pem", "localhost.key"}
    for arguments in (
        ("init",),
        ("init", "other.example"),
        ("issue", "localhost"),
        ("issue", "ca"),
    ):
        ran = await run_postseal("certs", *arguments, "-d", folder)
        assert ran.status == 2
        assert "exists, and nothing is overwritten" in the_error(ran)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("init", "bücher.example"), "write A-labels"),
        (("init", "--authority-name", "x" * 65), "1 to 64 characters"),
        (("issue", "a.example"), "has no authority"),
        (("renew",), "has no authority"),
        (("issue", "--client", "a", "b"), "has one name"),
        (("show", "missing.pem"), "cannot be read"),
    ],
)
async def test_mistakes_end_with_2_and_leave_nothing(
    arguments: tuple[str, ...], text: str, tmp_path: Path
) -> None:
    where = () if arguments[0] == "show" else ("-d", tmp_path / "certs")
    ran = await run_postseal("certs", *arguments, *where)
    assert ran.status == 2
    assert text in the_error(ran)
    assert files_in(tmp_path / "certs") == []


async def test_others_may_not_look_into_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    folder.mkdir(mode=0o755)
    ran = await run_postseal("certs", "init", "-d", folder)
    assert ran.status == 1
    assert f"chmod 700 {folder}" in the_error(ran)


async def test_show_says_what_is_in_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    await run_postseal("certs", "init", "a.example", "-d", folder)
    ran = await run_postseal("certs", "show", folder / "a.example.pem")
    assert ran.status == 0
    der = ssl.PEM_cert_to_DER_cert((folder / "a.example.pem").read_text().split("-\n-")[0] + "-\n")
    assert str(Pin.of_certificate(der)) in ran.output
    assert "names       a.example" in ran.output
    assert "89 days left" in ran.output
    assert ran.output.count("subject") == 2
    (folder / "none.pem").write_text("nothing")
    ran = await run_postseal("certs", "show", folder / "none.pem")
    assert "holds no certificate" in the_error(ran)


async def test_a_certificate_that_cannot_be_read_is_a_mistake_and_not_a_fault(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bits.pem"
    path.write_text(ssl.DER_cert_to_PEM_cert(chains.with_bits_for_a_name("a.example")))
    ran = await run_postseal("certs", "show", path)
    assert ran.status == 2
    assert f"{path} holds a certificate that cannot be read: " in the_error(ran)
    assert ran.output == ""


def bad_extension(number: str, value: str) -> bytes:
    unread = x509.UnrecognizedExtension(x509.ObjectIdentifier(number), bytes.fromhex(value))
    return chains.issue("a.example", extensions=[(unread, False)]).der


def of_no_version() -> bytes:
    der = chains.issue("a.example").der
    assert der.count(VERSION_3) == 1
    return der.replace(VERSION_3, VERSION_3[:-1] + b"\5")


@pytest.mark.parametrize(
    "der",
    [
        bad_extension("2.5.29.17", "3004a3023000"),  # an X.400 address for a name
        bad_extension("2.5.29.19", "0500"),
        of_no_version(),
        b"\0" * 20,
    ],
    ids=["X.400 address", "no constraints", "version", "no certificate"],
)
def test_what_cannot_be_read_of_a_certificate_is_not_passed_over(
    der: bytes, tmp_path: Path
) -> None:
    good = chains.issue("b.example").der
    path = tmp_path / "one.pem"
    path.write_text("".join(ssl.DER_cert_to_PEM_cert(one) for one in (good, der)))
    with pytest.raises(InvalidInput, match=r"one\.pem holds a certificate that cannot be read: "):
        read_certificates(path)


async def test_show_ends_with_1_where_one_has_expired(tmp_path: Path) -> None:
    old = CertificateFolder(tmp_path / "old", lambda: NOON - 4000 * DAY)
    path = old.create("Old", ["a.example"])
    ran = await run_postseal("certs", "show", path)
    assert ran.status == 1
    assert "NOT VALID NOW" in ran.output


# -- renewal by the clock -------------------------------------------------------------------------


def certificate(path: Path) -> x509.Certificate:
    return read_certificates(path)[0]


def test_renewal_takes_what_is_near_its_end_and_keeps_the_keys(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    made = CertificateFolder(folder, lambda: NOON).create("Ours", ["a.example", "::1"])
    later = CertificateFolder(folder, lambda: NOON + 45 * DAY)
    client = later.issue_client("ada@example.com")
    assert list(later.renew(everything=False)) == []
    keys = {path: path.read_bytes() for path in folder.glob("*.key")}
    still_later = CertificateFolder(folder, lambda: NOON + 61 * DAY)
    assert list(still_later.renew(everything=False)) == [made]
    assert names_of(certificate(made)) == ("a.example", "::1")
    assert certificate(made).not_valid_after_utc.timestamp() == NOON + 151 * DAY
    assert list(still_later.renew(everything=True)) == [folder / "ca.pem", made, client]
    assert {path: path.read_bytes() for path in folder.glob("*.key")} == keys


def test_an_authority_near_its_end_is_renewed_with_all_it_issued(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    made = CertificateFolder(folder, lambda: NOON).create("Ours, and others'", ["a.example"])
    old = certificate(folder / "ca.pem")
    late = CertificateFolder(folder, lambda: NOON + 3000 * DAY)
    assert set(late.renew(everything=False)) == {folder / "ca.pem", made}
    new = certificate(folder / "ca.pem")
    assert (new.subject, new.public_key()) == (old.subject, old.public_key())
    assert new.not_valid_after_utc.timestamp() == NOON + (3000 + 3652) * DAY
    # The chain that servers send has the new one.
    assert read_certificates(made)[1] == new


def test_what_others_issued_is_left_alone(tmp_path: Path) -> None:
    folder, other = (CertificateFolder(tmp_path / name, lambda: NOON) for name in ("a", "b"))
    folder.create("A", ["a.example"])
    stranger = other.create("B", ["b.example"])
    for suffix in (".pem", ".key"):
        path = folder.path / f"b.example{suffix}"
        path.touch(mode=0o600)
        path.write_bytes(stranger.with_suffix(suffix).read_bytes())
    assert folder.path / "b.example.pem" not in set(folder.renew(everything=True))


@pytest.mark.parametrize(
    ("name", "file"),
    [("*.example.org", "_wildcard.example.org.pem"), ("::1", "_1.pem"), ("fe80::1", "fe80_1.pem")],
)
def test_names_make_names_of_files(name: str, file: str, tmp_path: Path) -> None:
    folder = CertificateFolder(tmp_path / "certs", lambda: NOON)
    assert folder.create("Ours", [name]) == folder.path / file


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", "/etc/shadow", "a/b"])
def test_no_name_leads_out_of_the_folder(name: str, tmp_path: Path) -> None:
    folder = CertificateFolder(tmp_path / "certs", lambda: NOON)
    try:
        folder.create("Ours", ["a.example"])
        made = folder.issue_client(name)
    except InvalidInput:
        return
    assert made.parent == folder.path
    assert made.resolve().parent == folder.path.resolve()
