"""Profiles: what each speaks, in both roles, and what nobody can choose unwittingly."""

from __future__ import annotations

import ssl

import pytest

from postseal.errors import HandshakeFailed, InvalidSetting
from postseal.tls import (
    INTERMEDIATE,
    LEGACY,
    MODERN,
    Channel,
    Opening,
    Profile,
    TLSLevel,
    Trust,
    server_context,
)
from postseal.tls.profiles import PROFILES
from tests.parts.channels import shake_hands
from tests.parts.flawed_certificates import HOST, Certificates
from tests.parts.tls_records import extensions_of

TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def spoken(profile: Profile, role: int = ssl.PROTOCOL_TLS_CLIENT) -> ssl.SSLContext:
    context = ssl.SSLContext(role)
    profile.apply(context)
    return context


@pytest.mark.parametrize("role", [ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER])
@pytest.mark.parametrize("profile", PROFILES.values(), ids=str)
def test_every_profile_keeps_to_RFC_8996_and_9325(profile: Profile, role: int) -> None:
    context = spoken(profile, role)
    assert context.minimum_version is (TLS_1_3 if profile is MODERN else TLS_1_2)
    assert context.maximum_version is ssl.TLSVersion.MAXIMUM_SUPPORTED
    assert context.options & ssl.OP_NO_COMPRESSION
    assert context.options & ssl.OP_NO_RENEGOTIATION
    # 112 bits: no key of RSA below 2048 bits, no SHA-1 in a certificate's signature.
    assert context.security_level == 2
    for cipher in context.get_ciphers():
        assert cipher["strength_bits"] >= 128, cipher
        assert cipher["auth"] != "auth-null", cipher
        if profile is not LEGACY:
            assert cipher["aead"], cipher
            assert cipher["protocol"] == "TLSv1.3" or cipher["kea"] == "kx-ecdhe", cipher


def test_the_suites_are_spoken_as_they_are_written() -> None:
    for profile in PROFILES.values():
        names = [
            cipher["name"]
            for cipher in spoken(profile).get_ciphers()
            if cipher["protocol"] != "TLSv1.3"
        ]
        assert names == list(profile.suites)


def test_legacy_says_that_it_takes_more() -> None:
    more = set(LEGACY.suites) - set(INTERMEDIATE.suites)
    keas = {cipher["kea"] for cipher in spoken(LEGACY).get_ciphers() if cipher["name"] in more}
    assert keas == {"kx-rsa", "kx-dhe", "kx-ecdhe"}


@pytest.mark.parametrize(
    ("mine", "yours", "version"),
    [
        (MODERN, MODERN, "TLSv1.3"),
        (MODERN, INTERMEDIATE, "TLSv1.3"),
        (INTERMEDIATE, LEGACY, "TLSv1.3"),
        (LEGACY, INTERMEDIATE, "TLSv1.3"),
    ],
)
def test_both_roles_speak_them(
    certificates: Certificates, mine: Profile, yours: Profile, version: str
) -> None:
    chain = certificates.chain_file()
    here = Channel.client(
        HOST,
        trust=Trust.only(certificates.ca_file),
        level=TLSLevel.AUTHENTICATED,
        opening=Opening.IMPLICIT,
        profile=mine,
    )
    context = server_context(chain, chain, profile=yours)
    shake_hands(here, Channel.server(context, opening=Opening.IMPLICIT))
    outcome = here.outcome()
    assert outcome.version == version
    assert outcome.profile == mine.name
    # What had to be asked for is shown; what is usual is not.
    assert ("legacy profile" in str(outcome)) is (mine is LEGACY)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=str)
def test_the_best_group_that_OpenSSL_has_comes_first(
    certificates: Certificates, profile: Profile
) -> None:
    here = Channel.client(
        HOST,
        trust=Trust.only(certificates.ca_file),
        level=TLSLevel.AUTHENTICATED,
        opening=Opening.IMPLICIT,
        profile=profile,
    )
    x25519_mlkem768, x25519 = 0x11EC, 0x001D
    best = x25519_mlkem768 if ssl.OPENSSL_VERSION_INFO >= (3, 5) else x25519
    # RFC 8446 4.2.7: supported_groups is extension 10, a vector of pairs of octets.
    groups = extensions_of(here.data_to_send())[10]
    assert int.from_bytes(groups[2:4], "big") == best


def test_modern_takes_no_server_of_TLS_1_2(certificates: Certificates) -> None:
    context = certificates.context()
    context.maximum_version = TLS_1_2
    for profile, fits in ((MODERN, False), (INTERMEDIATE, True)):
        here = Channel.client(
            HOST,
            trust=Trust.only(certificates.ca_file),
            level=TLSLevel.AUTHENTICATED,
            opening=Opening.IMPLICIT,
            profile=profile,
        )
        there = Channel.server(context, opening=Opening.IMPLICIT)
        if fits:
            shake_hands(here, there)
            assert here.outcome().version == "TLSv1.2"
            continue
        with pytest.raises(HandshakeFailed):
            shake_hands(here, there)


def test_legacy_alone_reaches_a_server_with_CBC(certificates: Certificates) -> None:
    context = certificates.context()
    context.maximum_version = TLS_1_2
    context.set_ciphers("ECDHE-ECDSA-AES256-SHA")
    for profile, fits in ((INTERMEDIATE, False), (LEGACY, True)):
        here = Channel.client(
            HOST,
            trust=Trust.only(certificates.ca_file),
            level=TLSLevel.AUTHENTICATED,
            opening=Opening.IMPLICIT,
            profile=profile,
        )
        there = Channel.server(context, opening=Opening.IMPLICIT)
        if fits:
            shake_hands(here, there)
            assert here.outcome().cipher == "ECDHE-ECDSA-AES256-SHA"
            continue
        with pytest.raises(HandshakeFailed):
            shake_hands(here, there)


@pytest.mark.parametrize(
    ("suite", "weakness"),
    [
        ("ECDHE-RSA-NULL-SHA", "no encryption"),
        ("NULL-MD5", "no encryption"),
        ("ADH-AES256-GCM-SHA384", "no authentication"),
        ("AECDH-AES128-SHA", "no authentication"),
        ("EXP-RC4-MD5", "a key for export"),
        ("ECDHE-RSA-RC4-SHA", "RC4"),
        ("ECDHE-RSA-DES-CBC3-SHA", "DES or 3DES"),
        ("DHE-RSA-MD5", "MD5"),
        ("AES256-GCM-SHA384", "no forward secrecy"),
        ("ECDH-RSA-AES128-SHA", "no forward secrecy"),
        ("ECDHE-PSK-CHACHA20-POLY1305", "a shared secret"),
        ("ALL", "no forward secrecy"),
        ("ECDHE-RSA-AES128-GCM-SHA256:aNULL", "not the name of one suite"),
        ("@SECLEVEL=0", "not the name of one suite"),
        ("", "not the name of one suite"),
        ("x" * 10_000, "not the name of one suite"),
    ],
)
def test_weak_suites_are_refused_by_what_is_wrong_with_them(suite: str, weakness: str) -> None:
    good = INTERMEDIATE.suites[0]
    with pytest.raises(InvalidSetting, match=weakness) as caught:
        Profile.custom([good, suite])
    assert "dangerous_custom" in str(caught.value)
    assert len(str(caught.value)) < 400
    # Nor by the constructor.
    with pytest.raises(InvalidSetting, match=weakness):
        Profile("mine", TLS_1_2, (good, suite))


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1")
def test_no_other_name_makes_a_profile_weak() -> None:
    suites = INTERMEDIATE.suites
    with pytest.raises(InvalidSetting, match=r"weaker than TLS 1\.2"):
        Profile("mine", ssl.TLSVersion.TLSv1_1, suites)
    with pytest.raises(InvalidSetting, match=r"weaker than TLS 1\.2"):
        Profile("legacy", TLS_1_2, suites, 1)
    with pytest.raises(InvalidSetting, match="no encryption"):
        Profile("legacy", TLS_1_2, ("ECDHE-RSA-NULL-SHA",))


def test_no_weak_suite_of_this_OpenSSL_passes() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    taken = []
    for cipher in context.get_ciphers():
        try:
            Profile.custom([cipher["name"]])
        except InvalidSetting:
            continue
        taken.append(cipher)
    assert len(taken) > 20
    for cipher in taken:
        assert cipher["strength_bits"] >= 128, cipher
        assert cipher["auth"] in {"auth-rsa", "auth-ecdsa", "auth-dss"}, cipher
        assert cipher["kea"] in {"kx-ecdhe", "kx-dhe"}, cipher
        assert cipher["digest"] != "md5", cipher


def test_suites_that_OpenSSL_does_not_have() -> None:
    for suites in (["ECDHE-RSA-AES999-SHA"], ["TLS_AES_128_GCM_SHA256"]):
        with pytest.raises(InvalidSetting, match="no suite"):
            Profile.dangerous_custom(suites)
    with pytest.raises(InvalidSetting, match="has no suite"):
        Profile.custom(["ECDHE-RSA-AES999-SHA"])
    for make in (Profile.custom, Profile.dangerous_custom):
        with pytest.raises(InvalidSetting, match="needs a suite"):
            make([])


def test_a_custom_profile_is_what_was_asked_for() -> None:
    profile = Profile.custom(["ECDHE-RSA-AES256-GCM-SHA384", "DHE-RSA-AES256-SHA256"])
    assert str(profile) == "custom"
    assert [cipher["name"] for cipher in spoken(profile).get_ciphers()][-2:] == list(profile.suites)
    assert spoken(profile).security_level == 2


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1")
def test_a_dangerous_profile_says_so_in_the_outcome(certificates: Certificates) -> None:
    profile = Profile.dangerous_custom(
        ["ECDHE-ECDSA-AES128-SHA"], minimum_version=ssl.TLSVersion.TLSv1
    )
    context = certificates.context()
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
    here = Channel.client(
        HOST,
        trust=Trust.only(certificates.ca_file),
        level=TLSLevel.AUTHENTICATED,
        opening=Opening.IMPLICIT,
        profile=profile,
    )
    shake_hands(here, Channel.server(context, opening=Opening.IMPLICIT))
    assert here.outcome().version == "TLSv1"
    assert "dangerous custom profile" in str(here.outcome())


def test_profiles_by_name() -> None:
    for name, profile in PROFILES.items():
        assert Profile.named(name) is profile
    with pytest.raises(InvalidSetting, match="modern, intermediate, legacy"):
        Profile.named("old")
