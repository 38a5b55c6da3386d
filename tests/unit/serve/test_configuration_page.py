"""The page about the configuration and the example file say what the code does."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from postseal.errors import InvalidSetting
from postseal.mail.authentication import KeyType, SigningKey
from postseal.send import Endpoint
from postseal.serve.setting_policies import DomainPolicy
from postseal.serve.setting_problems import dotted, fields_of
from postseal.serve.setting_routes import Route
from postseal.serve.settings import Settings
from postseal.tls.authority import LocalAuthority

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "examples" / "postseal.toml"
ROW = re.compile(r"^\| `([a-z_.]+)` \| ([^|]+) \| ([^|]+) \| (.+) \|$", re.MULTILINE)
BLOCK = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_key_is_on_the_page_with_its_meaning_and_no_other() -> None:
    documented = {key: meaning for key, _, _, meaning in ROW.findall(PAGE)}
    expected = {dotted(path): field.description for path, field in fields_of(Settings)}
    for entry in (Route, DomainPolicy):
        expected |= {dotted(path): field.description for path, field in fields_of(entry)}
    assert documented == expected
    assert all(documented.values())


def test_the_defaults_on_the_page_are_the_defaults() -> None:
    of_entries = [pair for entry in (Route, DomainPolicy) for pair in fields_of(entry)]
    every = {dotted(path): field for path, field in (*fields_of(Settings), *of_entries)}
    entry_keys = {dotted(path) for path, _ in of_entries}
    lines = []
    for key, _, default, _ in ROW.findall(PAGE):
        if default == "none":
            assert every[key].default is None
        elif key not in entry_keys:
            lines.append(f"{key} = {default.strip('`')}")
    assert Settings.load(overrides=tomllib.loads("\n".join(lines))) == Settings()


@pytest.mark.parametrize("scheme", ["smtp", "smtps", "smtp+opportunistic", "smtp+insecure", "lmtp"])
def test_the_schemes_and_their_ports_are_on_the_page(scheme: str) -> None:
    url = f"{scheme}://host"
    assert re.search(rf"\| `{re.escape(url)}` \|.*\| {Endpoint.parse(url).port} \|", PAGE)


@pytest.mark.parametrize("block", BLOCK.findall(PAGE))
def test_what_the_page_shows_is_accepted(block: str, tmp_path: Path) -> None:
    authority = LocalAuthority.create()
    issued = authority.issue_server(["mail.example.com"])
    # The files are the reader's to bring.
    for name, content in (
        ("fullchain.pem", issued.chain_pem),
        ("privkey.pem", issued.key_pem),
        ("ca.pem", authority.certificate_pem),
        ("tlsrpt.pem", SigningKey.generate(KeyType.ED25519).to_pem()),
    ):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
    path = tmp_path / "postseal.toml"
    path.write_text(block.replace("/etc/postseal/", ""), encoding="utf-8")
    assert Settings.load(path) != Settings.load(overrides={"data_directory": tmp_path})


def test_the_error_on_the_page_is_the_error(tmp_path: Path) -> None:
    path = tmp_path / "postseal.toml"
    path.write_text('\n\n\ndelivrey.mode = "live"\n\n\n\n[listeners.mx]\nport = 99999\n')
    with pytest.raises(InvalidSetting) as caught:
        Settings.load(path)
    assert str(caught.value).replace(str(path), "postseal.toml") in PAGE


def test_the_example_loads() -> None:
    settings = Settings.load(EXAMPLE)
    assert settings.hostname == "mail.example.com"
    assert settings.data_directory == EXAMPLE.parent / "postseal-data"
    assert settings.delivery.routes["internal.example.com"].endpoint.port == 25


def test_the_example_names_every_key() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    text = re.sub(r'^#(?=["a-z_.*]+ = )', "", text, flags=re.MULTILINE)
    document = tomllib.loads(text)
    for path, _ in fields_of(Settings, document):
        if path[:2] not in (("delivery", "routes"), ("delivery", "policies")):
            value: object = document
            for part in path:
                assert isinstance(value, dict)
                value = value[part]
    routes = document["delivery"]["routes"]
    assert set(routes["partner.example"]) == set(Route.model_fields)
