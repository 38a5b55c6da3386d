"""Settings for Outlook, Apple's systems, the DNS and people: TLS in all of them, no password."""

from __future__ import annotations

import plistlib
from xml.etree import ElementTree

import dns.zone
import pytest
from dns.rdatatype import RdataType

from postseal.address import Address
from postseal.dns import SRV
from postseal.errors import InvalidSetting
from postseal.send.autoconfig import (
    AccountSettings,
    ServerSettings,
    Service,
    UserFormat,
    service_records,
    write_apple_profile,
    write_autodiscover,
)
from postseal.send.autoconfig.settings_text import write_settings_text
from postseal.send.autoconfig.srv_records import write_zone
from postseal.tls import Opening

NAMESPACES = {
    "outer": "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006",
    "inner": "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a",
}
ADA = Address.parse("ada@example.com")


def server(service: Service, port: int, opening: Opening | None) -> ServerSettings:
    return ServerSettings(
        service=service,
        host="mail.example.com",
        port=port,
        opening=opening,
        username=UserFormat.LOCAL_PART.template,
    )


SETTINGS = AccountSettings(
    domain="example.com",
    name="Example & Sons",
    servers=(
        server(Service.SUBMISSION, 465, Opening.IMPLICIT),
        server(Service.SUBMISSION, 587, Opening.STARTTLS),
        server(Service.IMAP, 993, Opening.IMPLICIT),
    ),
)
IN_CLEAR = AccountSettings(
    domain="example.com",
    name="old",
    servers=(server(Service.IMAP, 143, None), server(Service.SUBMISSION, 25, None)),
)


def protocols(octets: bytes) -> list[dict[str, str | None]]:
    root = ElementTree.fromstring(octets)
    found = root.findall("inner:Response/inner:Account/inner:Protocol", NAMESPACES)
    return [{child.tag.rpartition("}")[2]: child.text for child in one} for one in found]


def test_outlook_gets_one_server_of_each_kind() -> None:
    root = ElementTree.fromstring(write_autodiscover(SETTINGS))
    assert root.tag == f"{{{NAMESPACES['outer']}}}Autodiscover"
    account = root.find("inner:Response/inner:Account", NAMESPACES)
    assert account is not None
    assert [account[0].text, account[1].text] == ["email", "settings"]
    imap, smtp = protocols(write_autodiscover(SETTINGS))
    assert imap == {
        "Type": "IMAP",
        "Server": "mail.example.com",
        "Port": "993",
        "DomainRequired": "off",
        "SPA": "off",
        "SSL": "on",
        "AuthRequired": "on",
        "Encryption": "SSL",
    }
    assert (smtp["Type"], smtp["Port"], smtp["Encryption"]) == ("SMTP", "465", "SSL")
    assert (smtp["UsePOPAuth"], smtp["SMTPLast"]) == ("off", "off")


def test_outlook_is_told_the_login_of_a_person() -> None:
    assert [one["LoginName"] for one in protocols(write_autodiscover(SETTINGS, address=ADA))] == [
        "ada",
        "ada",
    ]


def test_outlook_gets_no_server_in_clear() -> None:
    assert protocols(write_autodiscover(IN_CLEAR)) == []


def test_a_profile_has_the_servers_and_asks_for_the_rest() -> None:
    profile = plistlib.loads(write_apple_profile(SETTINGS))
    assert profile["PayloadType"] == "Configuration"
    assert profile["PayloadIdentifier"] == "com.example.postseal.mail"
    (account,) = profile["PayloadContent"]
    assert account["PayloadType"] == "com.apple.mail.managed"
    assert account["PayloadIdentifier"] == "com.example.postseal.mail.account"
    assert account["PayloadUUID"] != profile["PayloadUUID"]
    assert account["EmailAccountDescription"] == "Example & Sons"
    assert account["EmailAccountType"] == "EmailTypeIMAP"
    for direction, port in (("Incoming", 993), ("Outgoing", 465)):
        assert account[f"{direction}MailServerHostName"] == "mail.example.com"
        assert account[f"{direction}MailServerPortNumber"] == port
        assert account[f"{direction}MailServerUseSSL"] is True
        assert account[f"{direction}MailServerAuthentication"] == "EmailAuthPassword"
        assert f"{direction}MailServerUsername" not in account
    assert not [key for key in account if key in ("IncomingPassword", "OutgoingPassword")]


def test_a_profile_for_a_person_has_the_address_and_the_users() -> None:
    (account,) = plistlib.loads(write_apple_profile(SETTINGS, address=ADA))["PayloadContent"]
    assert account["EmailAddress"] == "ada@example.com"
    assert account["IncomingMailServerUsername"] == "ada"
    assert account["OutgoingMailServerUsername"] == "ada"


def test_a_later_profile_takes_the_place_of_an_earlier_one() -> None:
    assert write_apple_profile(SETTINGS) == write_apple_profile(SETTINGS)


@pytest.mark.parametrize("missing", ["reading", "sending"])
def test_a_profile_needs_sealed_servers(missing: str) -> None:
    servers = [
        one for one in SETTINGS.servers if (one.service is Service.IMAP) is (missing != "reading")
    ]
    settings = AccountSettings(
        domain="example.com", name="x", servers=(*servers, *IN_CLEAR.servers)
    )
    with pytest.raises(InvalidSetting, match=f"a server for {missing}"):
        write_apple_profile(settings)


def test_records_rank_the_servers_and_decline_what_is_not_served() -> None:
    declined = SRV(0, 0, 0, "")
    assert service_records(SETTINGS) == (
        ("_submissions._tcp.example.com", SRV(0, 1, 465, "mail.example.com")),
        ("_submission._tcp.example.com", SRV(1, 1, 587, "mail.example.com")),
        ("_imaps._tcp.example.com", SRV(0, 1, 993, "mail.example.com")),
        ("_imap._tcp.example.com", declined),
        ("_pop3s._tcp.example.com", declined),
        ("_pop3._tcp.example.com", declined),
    )
    assert {record for _, record in service_records(IN_CLEAR)} == {declined}


def test_a_name_server_reads_the_records() -> None:
    head = "@ 3600 IN SOA ns hostmaster 1 1 1 1 1\n@ 3600 IN NS ns\n"
    zone = dns.zone.from_text(head + write_zone(SETTINGS), origin="example.com", relativize=False)
    read = {str(name): str(rdata) for name, _, rdata in zone.iterate_rdatas(RdataType.SRV)}
    assert read["_submissions._tcp.example.com."] == "0 1 465 mail.example.com."
    assert read["_pop3._tcp.example.com."] == "0 0 0 ."


def test_people_read_what_to_type_in() -> None:
    text = write_settings_text(SETTINGS)
    assert text.splitlines()[:8] == [
        "Mail of example.com",
        "",
        "Reading (IMAP)",
        "  Server    mail.example.com",
        "  Port      993",
        "  Security  SSL/TLS",
        "  Login     password (normal)",
        "  User      what is before the @ of the address",
    ]
    assert "Sending (SMTP), where the one before does not work" in text
    assert "  User      ada\n" in write_settings_text(SETTINGS, address=ADA)
