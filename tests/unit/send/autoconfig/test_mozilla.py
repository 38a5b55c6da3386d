"""The file of settings, read from strangers and written for mail programs."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.address import Address
from postseal.send.autoconfig import (
    AccountSettings,
    ServerSettings,
    Service,
    read_client_config,
    write_client_config,
)
from postseal.send.autoconfig.account import username_for
from postseal.send.autoconfig.hostile_xml import InvalidXML, read_xml
from postseal.send.autoconfig.mozilla import MAX_CONFIG_SIZE
from postseal.tls import Opening

# In the form of the ISP database: several domains, both protocols, both ways to begin TLS.
PROVIDER = b"""<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1">
  <emailProvider id="example.com">
    <domain>example.com</domain>
    <domain purpose="mx">example.net</domain>
    <displayName>Example &amp; Sons</displayName>
    <incomingServer type="pop3">
      <hostname>pop.example.com</hostname><port>995</port><socketType>SSL</socketType>
      <username>%EMAILLOCALPART%</username><authentication>password-cleartext</authentication>
    </incomingServer>
    <incomingServer type="exchange">
      <hostname>ews.example.com</hostname><port>443</port><socketType>SSL</socketType>
    </incomingServer>
    <outgoingServer type="smtp">
      <hostname> SMTP.example.com </hostname><port>587</port><socketType>STARTTLS</socketType>
      <username>%EMAILADDRESS%</username>
    </outgoingServer>
    <outgoingServer type="smtp">
      <hostname>old.example.com</hostname><port>25</port><socketType>plain</socketType>
    </outgoingServer>
  </emailProvider>
  <clientConfigUpdate url="https://example.com/"/>
</clientConfig>
"""


def outgoing(**members: str) -> bytes:
    values = {"hostname": "a.example", "port": "465", "socketType": "SSL", **members}
    inner = "".join(f"<{tag}>{text}</{tag}>" for tag, text in values.items())
    return (
        "<clientConfig><emailProvider id='x'>"
        f"<outgoingServer type='smtp'>{inner}</outgoingServer></emailProvider></clientConfig>"
    ).encode()


def test_a_file_of_a_provider_is_read() -> None:
    settings = read_client_config(PROVIDER)
    assert (settings.domain, settings.name) == ("example.com", "Example & Sons")
    assert settings.servers == (
        ServerSettings(
            service=Service.POP3,
            host="pop.example.com",
            port=995,
            opening=Opening.IMPLICIT,
            username="%EMAILLOCALPART%",
        ),
        ServerSettings(
            service=Service.SUBMISSION,
            host="smtp.example.com",
            port=587,
            opening=Opening.STARTTLS,
            username="%EMAILADDRESS%",
        ),
        ServerSettings(service=Service.SUBMISSION, host="old.example.com", port=25, opening=None),
    )
    assert settings.of(Service.IMAP) == ()


@pytest.mark.parametrize(
    "members",
    [
        {"hostname": ""},
        {"hostname": "localhost"},
        {"hostname": "a..example"},
        {"hostname": "a.example/x"},
        {"hostname": "a.example\r\nb"},
        {"port": "0"},
        {"port": "65536"},
        {"port": "-1"},
        {"port": "４６５"},
        {"port": "9" * 5000},
        {"socketType": "ssl"},
        {"socketType": ""},
    ],
    ids=str,
)
def test_a_server_that_makes_no_sense_is_passed_over(members: dict[str, str]) -> None:
    assert read_client_config(outgoing(**members)).servers == ()


@pytest.mark.parametrize(
    ("id_", "domain"),
    [(" example.com ", "example.com"), ("a&#10;b", ""), ("&#x202E;a", ""), ("a" * 256, "")],
)
def test_the_id_of_a_provider_is_a_name_like_any_other(id_: str, domain: str) -> None:
    found = read_client_config(f'<clientConfig><emailProvider id="{id_}"/></clientConfig>'.encode())
    assert (found.domain, found.name) == (domain, domain)


@pytest.mark.parametrize(
    "domain", ["example.com", "example.net", "xn--bcher-kva.example"], ids=["id", "second", "IDN"]
)
def test_a_file_may_have_to_be_for_a_domain(domain: str) -> None:
    third = "<domain>B\u00dcCHER.example</domain><displayName>".encode()
    found = read_client_config(PROVIDER.replace(b"<displayName>", third), domain=domain)
    assert (found.domain, found.name) == (domain, "Example & Sons")


@pytest.mark.parametrize("domain", ["com", "a.example.com", "example.org", "x"])
def test_a_file_for_another_domain_is_refused(domain: str) -> None:
    with pytest.raises(InvalidXML, match="for other domains"):
        read_client_config(PROVIDER, domain=domain)
    with pytest.raises(InvalidXML, match="for other domains"):
        # The id is no domain that the entry is for.
        read_client_config(outgoing(), domain=domain)


def test_an_ip_address_is_a_host() -> None:
    (server,) = read_client_config(outgoing(hostname="2001:DB8::1")).servers
    assert server.host == "2001:db8::1"


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        (b"", "no element found"),
        (b"<a>", "no element found"),
        (b"<a></b>", "mismatched tag"),
        (b"\xff\xfe\x00", "no well-formed XML"),
        (b"<clientConfig/>", "no clientConfig with an emailProvider"),
        (b"<html><emailProvider/></html>", "no clientConfig with an emailProvider"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "document type"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "document type"),
        (b"<a>&b;</a>", "undefined entity"),
        (b'<?xml version="1.0" encoding="rot13"?><a/>', "no well-formed XML"),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', "no well-formed XML"),
        (b"<a>" * 40 + b"</a>" * 40, "nested"),
        (b" " * (MAX_CONFIG_SIZE + 1), "octets"),
    ],
)
def test_what_is_no_such_file_is_refused(octets: bytes, told: str) -> None:
    with pytest.raises(InvalidXML, match=told):
        read_client_config(octets)


def test_the_tree_is_that_of_the_standard_library() -> None:
    expected = ElementTree.fromstring(PROVIDER)
    read = read_xml(PROVIDER, max_octets=MAX_CONFIG_SIZE)
    assert ElementTree.tostring(read) == ElementTree.tostring(expected)


servers = st.builds(
    ServerSettings,
    service=st.sampled_from(Service),
    host=st.sampled_from(["mail.example.com", "192.0.2.1", "2001:db8::1", "xn--bcher-kva.example"]),
    port=st.integers(1, 65535),
    opening=st.sampled_from([None, *Opening]),
    username=st.sampled_from(["", "%EMAILADDRESS%", "a<b>&\"'ü", "x%EMAILDOMAIN%"]),
)


@given(st.lists(servers, max_size=6))
def test_what_is_written_is_read_again(found: list[ServerSettings]) -> None:
    in_order = sorted(found, key=lambda one: one.service is Service.SUBMISSION)
    settings = AccountSettings(domain="example.com", name="<Ü>", servers=tuple(in_order))
    assert read_client_config(write_client_config(settings)) == settings


def test_the_placeholders_stand_for_the_parts_of_an_address() -> None:
    address = Address.parse("ada@example.com")
    template = "%EMAILLOCALPART%+%EMAILDOMAIN%+%EMAILADDRESS%"
    assert username_for(template, address) == "ada+example.com+ada@example.com"
