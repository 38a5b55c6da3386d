"""What the operator decides: the tree of settings, read once from `postseal.toml` and then fixed.

Without a file every setting has a default that is safe on its own: loopback only, and outgoing
mail kept in the sandbox. Whatever the file holds that is unknown, of the wrong type or
contradictory is refused on start, all at once. `docs/configuration.md` shows every key to people.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, model_validator

from postseal.errors import InvalidSetting
from postseal.send.endpoint import is_loopback
from postseal.serve.setting_dns import DNSSettings
from postseal.serve.setting_files import File, key_pair_problem
from postseal.serve.setting_policies import DomainPolicies
from postseal.serve.setting_problems import explain
from postseal.serve.setting_reports import TLSReportSettings
from postseal.serve.setting_routes import DEFAULT_ROUTE, Routes
from postseal.serve.setting_types import (
    MXTLS,
    BindAddress,
    DeliveryMode,
    Duration,
    HostName,
    LineEnding,
    Mechanism,
    Mechanisms,
    Networks,
    Port,
    Size,
    Table,
)
from postseal.tls.remembered import Fall

__all__ = [
    "AuthenticationSettings",
    "DeliverySettings",
    "LimitSettings",
    "ListenerSettings",
    "ListenersSettings",
    "Settings",
    "TLSSettings",
    "WebSettings",
]

_MAX_FILE_OCTETS = 256 * 1024
_DAY = 86400.0


class ListenerSettings(Table):
    """Where one SMTP listener waits for connections."""

    enabled: bool = Field(default=True, description="Whether the listener is started.")
    address: BindAddress = Field(
        default="127.0.0.1", description="The IP address to listen on; loopback unless changed."
    )
    port: Port = Field(description="The TCP port; 0 lets the system choose one.")
    proxy_protocol_from: Networks = Field(
        default=(),
        description=(
            "Balancers that begin each connection with a header of the PROXY protocol, as they "
            "then must; nobody else may."
        ),
    )
    xclient_from: Networks = Field(
        default=(),
        description="Proxies that may say with XCLIENT on whose behalf they speak.",
    )
    line_endings: LineEnding = Field(
        default=LineEnding.REJECT,
        strict=False,
        description=(
            "What becomes of a message with a CR or LF that stands alone: reject refuses it, "
            "normalize makes each a line ending."
        ),
    )
    requiretls: bool = Field(
        default=False,
        description=(
            "Whether REQUIRETLS is offered under TLS (RFC 8689): to deliver such mail by it, or "
            "not at all."
        ),
    )


class SubmissionListener(ListenerSettings):
    """For mail programs that begin in clear: STARTTLS before AUTH and MAIL (RFC 6409)."""

    port: Port = Field(default=2587, description="The TCP port; 0 lets the system choose one.")


class SubmissionsListener(ListenerSettings):
    """For mail programs that speak TLS from the first byte (RFC 8314)."""

    port: Port = Field(default=2465, description="The TCP port; 0 lets the system choose one.")


class MXListener(ListenerSettings):
    """For mail from other servers (RFC 5321)."""

    port: Port = Field(default=2525, description="The TCP port; 0 lets the system choose one.")


class ListenersSettings(Table):
    """The three ways in by SMTP."""

    submission: SubmissionListener = Field(default_factory=SubmissionListener)
    submissions: SubmissionsListener = Field(default_factory=SubmissionsListener)
    mx: MXListener = Field(default_factory=MXListener)


class LimitSettings(Table):
    """What one client may ask of the listeners."""

    max_message_size: Size = Field(
        default=25 * 2**20,
        ge=64 * 2**10,  # RFC 5321 4.5.3.1.7
        le=2**30,
        description="The largest message taken, in octets, announced by SIZE (RFC 1870).",
    )
    max_recipients: int = Field(
        default=1000,
        ge=100,  # RFC 5321 4.5.3.1.8
        le=10_000,  # what an envelope holds
        description="How many recipients one message may have.",
    )
    max_recipient_domains: int | None = Field(
        default=None,
        ge=1,
        description="In how many domains one message may have recipients; no limit if not set.",
    )
    max_messages: int | None = Field(
        default=None,
        ge=1,
        description="How many messages one connection may bring; no limit if not set.",
    )
    max_connections: int = Field(
        default=250, ge=1, le=50_000, description="How many connections each listener serves."
    )


class AuthenticationSettings(Table):
    """How mail programs prove who they are to the submission listeners."""

    mechanisms: Mechanisms = Field(
        default=frozenset({Mechanism.SCRAM_SHA_256, Mechanism.PLAIN}),
        description=(
            "The SASL mechanisms offered, under TLS alone: SCRAM-SHA-256 (with its -PLUS form), "
            "PLAIN, and LOGIN for programs that know nothing else."
        ),
    )
    max_failures: int = Field(
        default=3, ge=1, le=20, description="After how many failed logins a connection is ended."
    )


class TLSSettings(Table):
    """The certificate of the listeners; without one, the local authority issues it."""

    certificate: File | None = Field(
        default=None,
        description="A PEM file with the server's certificate and the chain behind it.",
    )
    key: File | None = Field(
        default=None, description="A PEM file with the certificate's private key."
    )

    @model_validator(mode="after")
    def _check_pair(self) -> Self:
        if self.certificate and self.key:
            if problem := key_pair_problem(self.certificate, self.key):
                raise InvalidSetting(problem)
        elif self.certificate or self.key:
            given, lacking = ("certificate", "key") if self.certificate else ("key", "certificate")
            raise InvalidSetting(
                f"it has a {given} and no {lacking}; give both, or neither to use the local "
                "authority"
            )
        return self


class WebSettings(Table):
    """The web pages and the JSON API."""

    enabled: bool = Field(default=True, description="Whether the pages and the API are served.")
    address: BindAddress = Field(
        default="127.0.0.1", description="The IP address to listen on; loopback unless changed."
    )
    port: Port = Field(default=8025, description="The TCP port; 0 lets the system choose one.")
    dangerous_plain_http_beyond_loopback: bool = Field(
        default=False,
        description=(
            "Allow an address other than loopback, though passwords and mail then cross the "
            "network in clear unless a proxy seals them."
        ),
    )

    @model_validator(mode="after")
    def _check_address(self) -> Self:
        if is_loopback(self.address) or self.dangerous_plain_http_beyond_loopback:
            return self
        raise InvalidSetting(
            f"address {self.address} would carry passwords and mail over the network in clear",
            hint="Keep it on 127.0.0.1 behind a proxy that speaks HTTPS, or set "
            "`web.dangerous_plain_http_beyond_loopback` to true.",
        )


class DeliverySettings(Table):
    """How mail leaves."""

    mode: DeliveryMode = Field(
        default=DeliveryMode.SANDBOX,
        strict=False,
        description="sandbox keeps outgoing mail and shows it; live delivers it.",
    )
    concurrency: int = Field(
        default=20, ge=1, le=1000, description="How many deliveries run at the same time."
    )
    lease_seconds: Duration = Field(
        default=120.0,
        ge=1,
        le=_DAY,
        description=(
            "How long a worker owns a delivery without a sign of life before another takes it."
        ),
    )
    retry_first: Duration = Field(
        default=60.0, gt=0, le=_DAY, description="The wait after the first failed attempt."
    )
    retry_factor: float = Field(
        default=2.0,
        ge=1,
        le=10,
        allow_inf_nan=False,
        strict=False,
        description="By how much each wait is longer than the one before.",
    )
    retry_cap: Duration = Field(
        default=3600.0, gt=0, le=7 * _DAY, description="The longest wait between two attempts."
    )
    lifetime: Duration = Field(
        default=5 * _DAY,  # RFC 5321 4.5.4.1: at least 4-5 days
        gt=0,
        le=30 * _DAY,
        description="How long after its arrival a message is tried before it fails for good.",
    )
    mx_tls: MXTLS = Field(
        default=MXTLS.OPPORTUNISTIC,
        strict=False,
        description=(
            "The least TLS for servers found by MX records: opportunistic (TLS if offered), "
            "encrypted (TLS or no delivery) or authenticated (TLS with a verified name, or no "
            "delivery)."
        ),
    )
    mx_port: int = Field(
        default=25, ge=1, le=65535, description="The TCP port of servers found by MX records."
    )
    remembered_level: Fall = Field(
        default=Fall.REPORT,
        strict=False,
        description=(
            "What comes of a domain's servers that have less TLS than the domain had in the last "
            "30 days: ignore, report (the mail goes, and the fall is recorded) or defer."
        ),
    )
    policies: DomainPolicies = Field(
        default_factory=dict,
        description="The least TLS by recipient domain, for servers found by MX records.",
    )
    dangerous_mx_on_this_machine: bool = Field(
        default=False,
        description=(
            "Hand mail to servers found by MX records although their address is one of this "
            "machine, so that strangers' DNS can lead it to services that trust this machine."
        ),
    )
    routes: Routes = Field(
        default_factory=dict,
        description='Next hops by recipient domain; "*" takes the domains without one.',
    )

    @model_validator(mode="after")
    def _check_schedule(self) -> Self:
        if self.retry_cap < self.retry_first:
            raise InvalidSetting("`retry_cap` is shorter than `retry_first`")
        return self

    @model_validator(mode="after")
    def _check_policies(self) -> Self:
        if self.policies and DEFAULT_ROUTE in self.routes:
            raise InvalidSetting(
                f'the route "{DEFAULT_ROUTE}" takes the mail of all domains, so `policies` would '
                "protect nothing",
                hint="The URL of the route says how sealed it is.",
            )
        for domain in self.policies:
            if domain in self.routes:
                raise InvalidSetting(
                    f"{domain} has a route, whose URL says how sealed it is, and a policy as well"
                )
        return self


class Settings(Table):
    """Every decision of the operator. Frozen; made by `load`, or by keyword in tests."""

    hostname: HostName = Field(
        default="localhost",
        description="The name that the platform greets by and has a certificate for.",
    )
    data_directory: File = Field(
        default=Path("postseal-data"),
        description="Where the database, the local authority and the lock are kept.",
    )
    listeners: ListenersSettings = Field(default_factory=ListenersSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    authentication: AuthenticationSettings = Field(default_factory=AuthenticationSettings)
    tls: TLSSettings = Field(default_factory=TLSSettings)
    web: WebSettings = Field(default_factory=WebSettings)
    dns: DNSSettings = Field(default_factory=DNSSettings)
    delivery: DeliverySettings = Field(default_factory=DeliverySettings)
    tls_reports: TLSReportSettings = Field(default_factory=TLSReportSettings)

    @model_validator(mode="after")
    def _check_ports(self) -> Self:
        endpoints: dict[str, ListenerSettings | WebSettings] = {
            "listeners.submission": self.listeners.submission,
            "listeners.submissions": self.listeners.submissions,
            "listeners.mx": self.listeners.mx,
            "web": self.web,
        }
        for (name, one), (other_name, other) in combinations(endpoints.items(), 2):
            if one.enabled and other.enabled and one.port and one.port == other.port:
                if one.address != other.address and not _ANY & {one.address, other.address}:
                    continue
                raise InvalidSetting(f"`{name}` and `{other_name}` both want port {one.port}")
        return self

    @classmethod
    def load(
        cls, path: Path | None = None, *, overrides: Mapping[str, object] | None = None
    ) -> Self:
        """Read the configuration file at `path`; None means the defaults.

        `overrides` has the shape of the file (nested tables) and wins over it, key by key.
        Relative paths, also in `overrides`, start at the folder of the file, or at the current
        one where there is no file. Raises `InvalidSetting`, one for all problems together.
        """
        text = "" if path is None else _read_text(path)
        source = "settings" if path is None else str(path)
        try:
            written: Mapping[str, object] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise InvalidSetting(f"{source} is not TOML: {error}") from None
        except (ValueError, RecursionError):  # what tomllib does not expect
            raise InvalidSetting(
                f"{source} has a number with too many digits or too many brackets in one another"
            ) from None
        merged = _merge(written, overrides or {})
        base = Path.cwd() if path is None else path.absolute().parent
        try:
            return cls.model_validate(merged, context={"base": base})
        except ValidationError as error:
            raise explain(
                error,
                model=cls,
                document=merged,
                overrides=overrides or {},
                text=text,
                source=source,
            ) from None


_ANY = frozenset({"0.0.0.0", "::"})  # noqa: S104  # compared with, not bound to


def _read_text(path: Path) -> str:
    try:
        if not path.is_file():
            raise InvalidSetting(
                f"{path} is no file" if path.exists() else f"{path} does not exist",
                hint="Without a configuration file the defaults are used.",
            )
        with path.open("rb") as file:
            octets = file.read(_MAX_FILE_OCTETS + 1)
    except OSError as error:
        raise InvalidSetting(f"{path} cannot be read: {error.strerror}") from None
    if len(octets) > _MAX_FILE_OCTETS:
        raise InvalidSetting(f"{path} is larger than {_MAX_FILE_OCTETS // 1024} KiB")
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise InvalidSetting(f"{path}, line {line}: it is not UTF-8") from None


def _merge(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    merged = dict(below)
    for key, value in above.items():
        lower = merged.get(key)
        if isinstance(lower, Mapping) and isinstance(value, Mapping):
            merged[key] = _merge(lower, value)
        else:
            merged[key] = value
    return merged
