"""What an operator may ask of the way to one domain, and what the ladder is told of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from postseal.errors import InvalidSetting
from postseal.mail.authentication import KeyType, SigningKey
from postseal.serve.setting_policies import DomainPolicy
from postseal.serve.settings import Settings
from postseal.tls import PeerProof, Trust
from tests.parts.certificates import issue_certificate

PIN = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def _policy(value: object, **delivery: object) -> DomainPolicy:
    table = {"policies": {"Example.ORG": value}, **delivery}
    return Settings.load(overrides={"delivery": table}).delivery.policies["example.org"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("opportunistic", []),
        ("encrypted", ["configuration requires encrypted"]),
        ({"level": "authenticated"}, ["configuration requires authenticated"]),
        ({"dangerous_lower_to": "none"}, ["configuration lowers to none"]),
    ],
)
def test_the_ladder_is_told(value: object, said: list[str]) -> None:
    policy = _policy(value)
    statements = policy.statements("example.org", default=Settings().delivery.mx_tls)
    assert [str(one).partition(":")[0] for one in statements] == said
    assert all('delivery.policies."example.org"' in one.remedy for one in statements)


def test_without_a_level_of_its_own_a_domain_has_that_of_all(tmp_path: Path) -> None:
    ca_file = issue_certificate(tmp_path, "mx.example.org").ca_file
    settings = Settings.load(
        overrides={
            "delivery": {
                "mx_tls": "encrypted",
                "policies": {"example.org": {"ca_file": str(ca_file)}},
            }
        }
    ).delivery
    policy = settings.policies["example.org"]
    (statement,) = policy.statements("example.org", default=settings.mx_tls)
    assert statement.found == "set by delivery.mx_tls"
    assert policy.trust == Trust.only(ca_file)


def test_pins_are_the_only_proof() -> None:
    policy = _policy({"level": "authenticated", "pins": [PIN]})
    assert policy.proofs == {PeerProof.PIN}
    assert policy.trust.proof is PeerProof.PIN
    assert [str(pin) for pin in policy.trust.pins] == [PIN]


@pytest.mark.parametrize(("proof", "kind"), [("DANE", PeerProof.DANE), ("PKIX", PeerProof.PKIX)])
def test_a_proof_can_be_the_only_one(proof: str, kind: PeerProof) -> None:
    assert _policy({"level": "authenticated", "proof": proof}).proofs == {kind}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("encryptd", 'it must be "opportunistic", "encrypted" or "authenticated"'),
        ({"levl": "encrypted"}, r'did you mean `delivery\.policies\."Example\.ORG"\.level`'),
        ({"pins": [PIN]}, '`pins` protects nothing unless .* Write level = "authenticated"'),
        ({"level": "encrypted", "proof": "DANE"}, "`proof` protects nothing unless"),
        ({"level": "authenticated", "pins": PIN}, "it must be a list of pins such as"),
        ({"level": "authenticated", "pins": ["sha256/x"]}, "'sha256/x' is not a pin"),
        ({"level": "authenticated", "pins": [PIN], "proof": "PKIX"}, "leave `proof` out"),
        ({"level": "authenticated", "pins": [PIN], "ca_file": "ca.pem"}, "leave `ca_file` out"),
        ({"level": "authenticated", "proof": "DANE", "ca_file": "x"}, "no authority is asked"),
        ({"level": "encrypted", "dangerous_lower_to": "none"}, "asks for encrypted, and"),
        ({"ca_file": "/no/such/file"}, "/no/such/file does not exist"),
    ],
)
def test_what_protects_nothing_or_contradicts_itself_is_refused(value: object, words: str) -> None:
    with pytest.raises(InvalidSetting, match=words):
        _policy(value)


def test_one_domain_has_one_rule() -> None:
    with pytest.raises(InvalidSetting, match=r"example\.org has a route, whose URL says"):
        _policy("encrypted", routes={"example.org": "smtp://relay.example.net"})
    with pytest.raises(InvalidSetting, match="takes the mail of all domains"):
        _policy("encrypted", routes={"*": "smtp://relay.example.net"})
    policies = {"example.org": "encrypted", "EXAMPLE.org": "encrypted"}
    with pytest.raises(InvalidSetting, match="has a policy already"):
        Settings.load(overrides={"delivery": {"policies": policies}})
    with pytest.raises(InvalidSetting, match="it is no domain name"):
        Settings.load(overrides={"delivery": {"policies": {"*": "encrypted"}}})


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"enabled": True}, "reports need a `contact`"),
        ({"contact": "nobody"}, "it is no mail address"),
        ({"contact": "a@[192.0.2.1]"}, "it must be an address such as"),
        ({"organization": "two\nlines"}, "it must be a name"),
        ({"organization": " "}, "it must be a name"),
    ],
)
def test_reports_need_somebody_who_answers_for_them(table: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidSetting, match=words):
        Settings.load(overrides={"tls_reports": table})


@pytest.mark.parametrize(
    ("table", "mode", "words"),
    [
        ({"dkim_selector": "s"}, 0o600, "need each other"),
        ({"dkim_key": "key.pem"}, 0o600, "need each other"),
        ({"dkim_selector": "s", "dkim_key": "gone.pem"}, 0o600, "does not exist"),
        ({"dkim_selector": "s", "dkim_key": "key.pem"}, 0o644, "open to every user"),
        ({"dkim_selector": "s", "dkim_key": "text.pem"}, 0o600, "cannot be read"),
        ({"dkim_selector": "no selector", "dkim_key": "key.pem"}, 0o600, "is no selector"),
    ],
)
def test_a_key_for_reports_that_cannot_sign(
    tmp_path: Path, table: dict[str, object], mode: int, words: str
) -> None:
    for name, content in (
        ("key.pem", SigningKey.generate(KeyType.ED25519).to_pem()),
        ("text.pem", b"no key"),
    ):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(mode)
    path = tmp_path / "postseal.toml"
    path.touch()
    reports = {"enabled": True, "contact": "tls@example.com", **table}
    with pytest.raises(InvalidSetting, match=words):
        Settings.load(path, overrides={"tls_reports": reports})


def test_the_contact_is_written_in_a_labels() -> None:
    reports = {"enabled": True, "contact": "TLS@bücher.example"}
    settings = Settings.load(overrides={"tls_reports": reports})
    assert settings.tls_reports.contact == "TLS@xn--bcher-kva.example"
