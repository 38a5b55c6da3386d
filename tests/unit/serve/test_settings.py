"""The configuration file: safe defaults, strict reading, and errors that say what to write."""

from __future__ import annotations

import copy
import os
import string
import tempfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from postseal.errors import InvalidSetting
from postseal.send import Endpoint
from postseal.serve.setting_problems import dotted, fields_of
from postseal.serve.setting_routes import Route
from postseal.serve.setting_types import MXTLS, DeliveryMode, Mechanism
from postseal.serve.settings import Settings
from postseal.tls.authority import LocalAuthority

KNOWN = {dotted(path) for path, _ in fields_of(Settings)}


def load(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "postseal.toml"
    path.write_text(text, encoding="utf-8")
    return Settings.load(path)


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(InvalidSetting) as caught:
        load(tmp_path, text)
    return str(caught.value).replace(str(tmp_path / "postseal.toml"), "postseal.toml")


def test_the_defaults_keep_everything_on_this_machine() -> None:
    settings = Settings.load()
    assert settings.delivery.mode is DeliveryMode.SANDBOX
    listeners = settings.listeners
    for endpoint in (listeners.submission, listeners.submissions, listeners.mx, settings.web):
        assert endpoint.enabled
        assert endpoint.address == "127.0.0.1"
    ports = (listeners.submission.port, listeners.submissions.port, listeners.mx.port)
    assert (*ports, settings.web.port) == (2587, 2465, 2525, 8025)
    assert settings.data_directory == Path.cwd() / "postseal-data"
    assert settings == Settings()


def test_settings_cannot_be_changed_and_can_be_copied(tmp_path: Path) -> None:
    settings = load(tmp_path, '[delivery.routes]\n"example.com" = "smtp://127.0.0.1:2600"')
    with pytest.raises(ValidationError):
        settings.hostname = "other"
    with pytest.raises(ValidationError):
        settings.delivery.mode = DeliveryMode.LIVE
    with pytest.raises(TypeError):
        settings.delivery.routes["*"] = Route(url="smtp://b")  # type: ignore[index]
    assert copy.copy(settings) == settings


def test_everything_can_be_set(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        """
        hostname = "Mail.Bücher.example"
        data_directory = "var/data"
        [listeners.submission]
        enabled = false
        [listeners.mx]
        address = "::"
        port = 25
        [limits]
        max_message_size = "1 MiB"
        [delivery]
        mode = "live"
        retry_first = 0.2
        retry_cap = "1h30m"
        lifetime = "4d"
        retry_factor = 3
        mx_tls = "authenticated"
        """,
    )
    assert settings.hostname == "mail.xn--bcher-kva.example"
    assert settings.data_directory == tmp_path / "var/data"
    assert not settings.listeners.submission.enabled
    assert (settings.listeners.mx.address, settings.listeners.mx.port) == ("::", 25)
    assert settings.limits.max_message_size == 2**20
    delivery = settings.delivery
    assert (delivery.mode, delivery.mx_tls) == (DeliveryMode.LIVE, MXTLS.AUTHENTICATED)
    assert (delivery.retry_first, delivery.retry_cap, delivery.lifetime) == (0.2, 5400, 345600)
    assert delivery.retry_factor == 3


def test_overrides_win_key_by_key(tmp_path: Path) -> None:
    path = tmp_path / "postseal.toml"
    path.write_text('[listeners.mx]\naddress = "::1"\nport = 25\n')
    overrides = {"listeners": {"mx": {"port": 0}}, "data_directory": "elsewhere"}
    settings = Settings.load(path, overrides=overrides)
    assert (settings.listeners.mx.address, settings.listeners.mx.port) == ("::1", 0)
    assert settings.data_directory == tmp_path / "elsewhere"
    # The file is not blamed for what an override says.
    with pytest.raises(InvalidSetting, match=r"postseal\.toml: `listeners\.mx\.port` is 70000"):
        Settings.load(path, overrides={"listeners": {"mx": {"port": 70000}}})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('delivrey.mode = "live"', "did you mean `delivery.mode`?"),
        ('[delivrey]\nmode = "live"', "line 2: unknown key `delivrey.mode`; did you mean"),
        ('\n\nmode = "live"', "line 3: unknown key `mode`; did you mean `delivery.mode`?"),
        ("[listeners.mx]\nprot = 1", "`listeners.mx.prot`; did you mean `listeners.mx.port`?"),
        ("[limits]\nmax_size = 1", "did you mean `limits.max_message_size`?"),
        (
            '[delivery.routes."example.com"]\nurl = "smtp://b"\ncafile = "x"',
            'line 3: unknown key `delivery.routes."example.com".cafile`; did you mean',
        ),
        ("[limits]\nqqq = 1", "`limits` knows `max_message_size`, `max_recipients`"),
        ('"\\n" = 1', 'unknown key `"\\n"`; the known ones are `hostname`, `data_directory`'),
        ("[web]\nport = '8025'", 'line 2: `web.port` is "8025": it must be a whole number'),
        ("[web]\nport = 8025.5", "`web.port` is 8025.5: it must be a whole number"),
        ("[web]\nport = true", "`web.port` is true: it must be a whole number"),
        ("[web]\nport = 65536", "`web.port` is 65536: it must be at most 65535"),
        ("[web]\nport = -1", "`web.port` is -1: it must be at least 0"),
        ("[web]\nenabled = 1", "`web.enabled` is 1: it must be true or false"),
        ("web = 1", "`web` is 1: it must be a table"),
        ("hostname = 1", "`hostname` is 1: it must be a text"),
        ("hostname = {}", "`hostname`: it must be a text"),
        ('hostname = ["a"]', "`hostname` is a list: it must be a text"),
        ('hostname = ""', "it is no domain name: it is empty"),
        ('hostname = "192.0.2.1"', "it must be a name"),
        ('hostname = "[192.0.2.1]"', "it must be a name"),
        ('hostname = "a_b.example"', "no underscore"),
        ('hostname = "a..b"', "empty label"),
        ('hostname = "a\\r\\nb"', "U+000D"),
        ("data_directory = 1", "`data_directory` is 1: it must be a text that names a file"),
        ('data_directory = "\\u0000"', "U+0000"),
        ('[listeners.mx]\naddress = "localhost"', "it must be an IP address"),
        ('[listeners.mx]\nproxy_protocol_from = "192.0.2.1"', "it must be a list of networks"),
        ('[listeners.mx]\nproxy_protocol_from = ["::1", "lb"]', '"lb" is no network such as'),
        ("[listeners.mx]\nproxy_protocol_from = [1]", "1 is no network such as"),
        ('[listeners.mx]\nxclient_from = ["192.0.2.1/24"]', 'it may be "192.0.2.0/24"'),
        ('[listeners.mx]\nxclient_from = ["192.0.2.0/33"]', "is no network such as"),
        ('[listeners.mx]\nxclient_from = ["0.0.0.0/0"]', "would trust everybody"),
        ('[listeners.mx]\nxclient_from = ["::/0"]', "would trust everybody"),
        ('[listeners.mx]\nline_endings = "keep"', 'it must be "reject" or "normalize"'),
        ("[authentication]\nmechanisms = []", "it must be a list of some of"),
        ('[authentication]\nmechanisms = "PLAIN"', "it must be a list of some of"),
        ('[authentication]\nmechanisms = ["CRAM-MD5"]', '"SCRAM-SHA-256", "PLAIN", "LOGIN"'),
        ("[authentication]\nmax_failures = 0", "it must be at least 1"),
        ("[limits]\nmax_messages = 0", "it must be at least 1"),
        ('[delivery]\nmode = "lvie"', 'is "lvie": it must be "sandbox" or "live"'),
        ('[delivery]\nmx_tls = "none"', '"opportunistic", "encrypted" or "authenticated"'),
        ('[delivery]\nlifetime = "5 days"', 'such as "90s", "1h30m" or "5d"'),
        ("[delivery]\nlifetime = nan", "it must be a number of seconds"),
        ("[delivery]\nlifetime = 1979-05-27", "it must be a number of seconds"),
        ("[delivery]\nretry_first = 0", "it must be more than 0"),
        ("[delivery]\nretry_factor = inf", "it must be"),
        ("[delivery]\nretry_first = 60\nretry_cap = 50", "`retry_cap` is shorter"),
        ("[limits]\nmax_recipients = 99", "it must be at least 100"),
        ('[limits]\nmax_message_size = "5 MB"', 'such as "512 KiB" or "25 MiB"'),
        ("[limits]\nmax_message_size = true", "it must be a number of octets"),
        ("[listeners.mx]\nport = 2587", "`listeners.submission` and `listeners.mx` both want"),
        ("x", "postseal.toml is not TOML: Expected '='"),
        ("a = " + "[" * 5000, "too many brackets"),
        ("a = " + "9" * 5000, "too many digits"),
    ],
)
def test_what_is_wrong_is_refused_with_what_would_be_right(
    tmp_path: Path, text: str, expected: str
) -> None:
    assert expected in refusal(tmp_path, text)


def test_all_problems_come_together_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = 'hostnme = "a"\n[limits]\nmax_recipients = 1\n[listeners.mx]\n\nport = "25"\n'
    assert refusal(tmp_path, text).splitlines() == [
        "postseal.toml has 3 problems:",
        "  line 1: unknown key `hostnme`; did you mean `hostname`?",
        "  line 3: `limits.max_recipients` is 1: it must be at least 100",
        '  line 6: `listeners.mx.port` is "25": it must be a whole number',
    ]


def test_a_flood_of_problems_is_bounded(tmp_path: Path) -> None:
    flood = "".join(f"unknown_{number} = {number}\n" for number in range(5000))
    lines = refusal(tmp_path, flood).splitlines()
    assert lines[0] == "postseal.toml has 5000 problems:"
    assert lines[-1] == "  and 4980 more"
    assert len(lines) == 22


def test_a_line_is_found_behind_statements_of_many_lines(tmp_path: Path) -> None:
    text = (
        '# first\r\nhostname = """\\\r\n  a.example"""\r\n\r\n[web] # x\r\n# port = 1\r\nport = "x"'
    )
    assert refusal(tmp_path, text).startswith("postseal.toml: line 7: `web.port`")
    text = 'hostname = """\n' + "\n" * 300 + '"""\nbad = 1'
    assert "unknown key `bad`" in refusal(tmp_path, text)


def test_a_password_in_the_wrong_place_is_not_repeated(tmp_path: Path) -> None:
    text = (
        'passwrd = "hunter2"\n[delivery.routes]\n'
        '"a.example" = "smtp://me:hunter2@relay.example"\n'
        '"b.example" = { url = "smtp://me:hunt/er2@x@relay.example" }\n'
    )
    message = refusal(tmp_path, text)
    assert "has 3 problems" in message
    assert "hunt" not in message
    assert "cannot hold a user or a password" in message


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="does not exist"):
        Settings.load(tmp_path / "missing.toml")
    with pytest.raises(InvalidSetting, match="is no file"):
        Settings.load(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidSetting, match="is no file"):
        Settings.load(tmp_path / "pipe")
    (tmp_path / "latin.toml").write_bytes(b"# first\n# caf\xe9\n")
    with pytest.raises(InvalidSetting, match="line 2: it is not UTF-8"):
        Settings.load(tmp_path / "latin.toml")
    (tmp_path / "huge.toml").write_bytes(b"#" * (256 * 1024 + 1))
    with pytest.raises(InvalidSetting, match="larger than 256 KiB"):
        Settings.load(tmp_path / "huge.toml")


KEYS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.one_of(st.booleans(), st.integers(), st.text(max_size=5))
TABLES = st.recursive(VALUES, lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=5)


@given(st.dictionaries(KEYS, TABLES, min_size=1, max_size=4))
def test_any_unknown_key_is_refused_by_its_name(tables: dict[str, object]) -> None:
    unknown = {key: value for key, value in tables.items() if key not in Settings.model_fields}
    if not unknown:
        return
    with pytest.raises(InvalidSetting) as caught:
        Settings.load(overrides=unknown)
    assert "unknown key" in caught.value.text


@given(
    st.sampled_from(sorted(KNOWN)),
    st.text(alphabet=string.ascii_lowercase + "_", min_size=1, max_size=8),
)
def test_a_misspelt_key_is_refused_with_one_that_exists(key: str, addition: str) -> None:
    *above, name = key.split(".")
    value: object = 1
    for part in (name + addition, *reversed(above)):
        value = {part: value}
    misspelt = f"{key}{addition}"
    if misspelt in KNOWN:
        return
    assert isinstance(value, dict)
    with pytest.raises(InvalidSetting) as caught:
        Settings.load(overrides=value)
    assert f"unknown key `{misspelt}`" in caught.value.text
    assert any(f"`{known}`" in caught.value.text for known in KNOWN) or "knows" in str(caught.value)


@given(st.sampled_from(sorted(KNOWN)), TABLES)
def test_any_value_is_taken_or_refused(key: str, value: object) -> None:
    tables: object = value
    for part in reversed(key.split(".")):
        tables = {part: tables}
    assert isinstance(tables, dict)
    try:
        Settings.load(overrides=tables)
    except InvalidSetting as error:
        refused = error.text
    else:
        refused = ""
    assert refused.startswith("settings") or not refused


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=100))
def test_any_text_is_a_configuration_or_refused(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "postseal.toml")
        path.write_bytes(text.encode())
        try:
            settings = Settings.load(path)
        except InvalidSetting as error:
            refused = error.text
        else:
            # Only comments and space say nothing.
            refused = str(path)
            folder_alone = {"data_directory": settings.data_directory}
            assert settings == Settings.load(overrides=folder_alone)
        assert refused.startswith(str(path))


def test_ports_may_be_shared_where_they_do_not_meet(tmp_path: Path) -> None:
    apart = '[listeners.mx]\nport = 2587\naddress = "::1"'
    assert load(tmp_path, apart).listeners.mx.port == 2587
    off = "[listeners.mx]\nport = 2587\nenabled = false"
    assert not load(tmp_path, off).listeners.mx.enabled
    chosen = "[listeners.mx]\nport = 0\n[listeners.submission]\nport = 0"
    assert load(tmp_path, chosen).listeners.submission.port == 0
    everywhere = '[listeners.mx]\nport = 2587\naddress = "0.0.0.0"'
    assert "both want port 2587" in refusal(tmp_path, everywhere)


def test_the_pages_leave_the_machine_only_by_a_long_name(tmp_path: Path) -> None:
    exposed = '[web]\naddress = "0.0.0.0"\n'
    assert "dangerous_plain_http_beyond_loopback" in refusal(tmp_path, exposed)
    settings = load(tmp_path, exposed + "dangerous_plain_http_beyond_loopback = true")
    assert settings.web.address == "0.0.0.0"
    assert load(tmp_path, '[web]\naddress = "::1"').web.address == "::1"


def test_certificate_and_key_are_tried_before_the_start(tmp_path: Path) -> None:
    authority = LocalAuthority.create()
    one, other = authority.issue_server(["a.example"]), authority.issue_server(["b.example"])
    for name, content in (
        ("one.pem", one.chain_pem),
        ("one.key", one.key_pem),
        ("other.key", other.key_pem),
        ("empty", b""),
    ):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o640)
    (tmp_path / "open.key").write_bytes(one.key_pem)
    (tmp_path / "open.key").chmod(0o644)

    def pair(certificate: str, key: str) -> str:
        return f'[tls]\ncertificate = "{certificate}"\nkey = "{key}"'

    assert load(tmp_path, pair("one.pem", "one.key")).tls.key == tmp_path / "one.key"
    for text, expected in (
        ('[tls]\ncertificate = "one.pem"', "it has a certificate and no key"),
        ('[tls]\nkey = "one.key"', "it has a key and no certificate"),
        (pair("missing.pem", "one.key"), "missing.pem does not exist"),
        (pair("one.pem", "."), "is no file"),
        (pair("one.pem", "other.key"), "is not the key of the certificate"),
        (pair("empty", "one.key"), "are no certificate and private key in PEM form"),
        (pair("one.pem", "empty"), "are no certificate and private key in PEM form"),
        (pair("one.pem", "open.key"), "is open to every user (mode 0644); run: chmod o="),
    ):
        assert expected in refusal(tmp_path, text)


def test_a_key_with_a_passphrase_is_refused_without_asking_for_it(tmp_path: Path) -> None:
    issued = LocalAuthority.create().issue_server(["a.example"])
    key = serialization.load_pem_private_key(issued.key_pem, password=None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"hunter2"),
    )
    for name, content in (("a.pem", issued.chain_pem), ("a.key", locked)):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
    message = refusal(tmp_path, '[tls]\ncertificate = "a.pem"\nkey = "a.key"')
    assert "protected by a passphrase" in message


def test_a_home_directory_is_found_or_its_lack_is_told(tmp_path: Path) -> None:
    assert load(tmp_path, 'data_directory = "~/data"').data_directory == Path.home() / "data"
    message = refusal(tmp_path, 'data_directory = "~no-such-user/data"')
    assert "its ~ cannot be resolved" in message


def test_routes_have_schemes_hosts_and_ports(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(LocalAuthority.create().certificate_pem)
    routes = load(
        tmp_path,
        """
        [delivery.routes]
        "Example.COM" = "smtp://127.0.0.1:2600"
        "bücher.example" = { url = "smtps://[::1]", ca_file = "ca.pem", tls_name = "MX.a.example" }
        "[192.0.2.1]" = "smtp+opportunistic://mx.example"
        "*" = "smtp+insecure://localhost:1025"
        """,
    ).delivery.routes
    assert [(domain, route.endpoint) for domain, route in routes.items()] == [
        ("example.com", Endpoint.parse("smtp://127.0.0.1:2600")),
        ("xn--bcher-kva.example", Endpoint.parse("smtps://[::1]:465")),
        ("[192.0.2.1]", Endpoint.parse("smtp+opportunistic://mx.example:25")),
        ("*", Endpoint.parse("smtp+insecure://localhost:1025")),
    ]
    verified = routes["xn--bcher-kva.example"]
    assert (verified.ca_file, verified.tls_name) == (tmp_path / "ca.pem", "mx.a.example")


def test_a_route_to_a_socket_stays_on_this_machine(tmp_path: Path) -> None:
    routes = load(tmp_path, '[delivery.routes]\n"*" = "lmtp+unix:///run/dovecot/lmtp"')
    assert routes.delivery.routes["*"].endpoint.socket_path == "/run/dovecot/lmtp"


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ('"http://a"', "the scheme 'http' is not known"),
        ('"smtp:/a"', "must be given as a URL"),
        ('"smtp://"', "names no host"),
        ('"smtp://a/b"', "ends after its host and port"),
        ('"smtp://a?b=c"', "ends after its host and port"),
        ('"smtp://a b"', "holds no spaces"),
        ('"smtp://a\\r\\nb"', "no control characters"),
        ('"smtp://::1"', "not well formed"),
        ('"smtp://a:0"', "port 0 cannot be connected to"),
        ('"smtp://a:65536"', "not well formed"),
        ('"smtp://-a"', "is no host name"),
        ('"smtp+insecure://mx.example"', "mx.example is not this machine"),
        ('"smtp+insecure://192.0.2.1"', "192.0.2.1 is not this machine"),
        ('"smtp+insecure://localhost.example"', "localhost.example is not this machine"),
        ("7", "it must be a table"),
        ("{}", '`delivery.routes."a.example".url` is missing'),
        ('{ url = "smtp+opportunistic://a", tls_name = "b" }', "would protect nothing"),
        ('{ url = "smtp://a", ca_file = "missing.pem" }', "missing.pem does not exist"),
        ('{ url = "smtp://a", ca_file = "postseal.toml" }', "holds no certificate in PEM form"),
        ('{ url = "smtp://a", tls_name = "[::1]" }', "it must be a name"),
    ],
)
def test_a_route_that_cannot_be_right_is_refused(tmp_path: Path, route: str, expected: str) -> None:
    assert expected in refusal(tmp_path, f'[delivery.routes]\n"a.example" = {route}')


@pytest.mark.parametrize("domain", ["a b", "", "**", "*.example", "a@b", "a..b", "-"])
def test_a_route_needs_a_domain(tmp_path: Path, domain: str) -> None:
    message = refusal(tmp_path, f'[delivery.routes]\n"{domain}" = "smtp://a.example"')
    assert "it is no domain name" in message


def test_two_spellings_of_a_domain_are_one(tmp_path: Path) -> None:
    text = '[delivery.routes]\n"A.example" = "smtp://b"\n"a.example" = "smtp://c"'
    assert "a.example, which has a route already" in refusal(tmp_path, text)


def test_trusted_peers_are_networks(tmp_path: Path) -> None:
    peers = '["192.0.2.7", "198.51.100.0/24", "2001:DB8:0::/32", "fe80::1"]'
    settings = load(tmp_path, f"[listeners.submission]\nproxy_protocol_from = {peers}")
    networks = settings.listeners.submission.proxy_protocol_from
    assert [str(one) for one in networks] == [
        "192.0.2.7/32",
        "198.51.100.0/24",
        "2001:db8::/32",
        "fe80::1/128",
    ]
    # Each listener trusts its own.
    assert settings.listeners.mx.proxy_protocol_from == ()


def test_the_mechanisms_are_a_set(tmp_path: Path) -> None:
    settings = load(tmp_path, '[authentication]\nmechanisms = ["LOGIN", "PLAIN", "LOGIN"]')
    assert settings.authentication.mechanisms == {Mechanism.PLAIN, Mechanism.LOGIN}
