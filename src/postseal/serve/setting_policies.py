"""How sealed the way to one recipient domain must be, where the operator decides that.

What is set here goes on the ladder beside what the destination asks for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from postseal.errors import InvalidSetting
from postseal.serve.setting_files import File, certificate_problem
from postseal.serve.setting_types import MXTLS, Table, recipient_domain
from postseal.tls import ANY_PROOF, PeerProof, TLSLevel, Trust
from postseal.tls.ladder import Statement
from postseal.tls.pins import Pin
from postseal.tls.statements import configuration_statement, dangerous_lowering_statement
from postseal.tls.trust import Authorities

__all__ = ["DomainPolicies", "DomainPolicy", "LoweredTLS", "Proof"]

_MAX_PINS: Final = 16


@unique
class Proof(StrEnum):
    """By what alone a domain's servers may prove who they are."""

    PKIX = "PKIX"
    DANE = "DANE"


@unique
class LoweredTLS(StrEnum):
    """What is enough although the destination asks for more."""

    NONE = "none"
    OPPORTUNISTIC = "opportunistic"
    ENCRYPTED = "encrypted"


def _read_pins(value: object) -> frozenset[Pin]:
    if not isinstance(value, list | tuple | frozenset) or len(value) > _MAX_PINS:
        raise InvalidSetting(
            "it must be a list of pins such as "
            f'["sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="], of at most {_MAX_PINS}'
        )
    return frozenset(
        one if isinstance(one, Pin) else Pin.parse(one if isinstance(one, str) else "")
        for one in value
    )


Pins = Annotated[frozenset[Pin], Field(strict=False), BeforeValidator(_read_pins)]
"""Public keys, as a list of `sha256/` and the hash in Base64."""


class DomainPolicy(Table):
    """What the operator asks of the servers of one domain, in place of `delivery.mx_tls`."""

    level: MXTLS | None = Field(
        default=None,
        strict=False,
        description=(
            "The least TLS for the domain's servers: opportunistic, encrypted or authenticated; "
            "what delivery.mx_tls says if not set."
        ),
    )
    proof: Proof | None = Field(
        default=None,
        strict=False,
        description=(
            "The only proof that counts for authenticated: PKIX (an authority vouches for the "
            "name) or DANE (a TLSA record); either if not set."
        ),
    )
    pins: Pins = Field(
        default=frozenset(),
        description=(
            "The public keys that the servers may have; a key among them is then the only proof "
            "that counts."
        ),
    )
    ca_file: File | None = Field(
        default=None,
        description="A PEM file of the authorities to trust instead of the system's.",
    )
    dangerous_lower_to: LoweredTLS | None = Field(
        default=None,
        strict=False,
        description=(
            "Be content with none, opportunistic or encrypted whatever the domain publishes by "
            "DANE and MTA-STS, and whatever it had before; recorded with each delivery."
        ),
    )

    @property
    def proofs(self) -> frozenset[PeerProof]:
        """What counts as a proof of who a server is."""
        if self.pins:
            return frozenset({PeerProof.PIN})
        return ANY_PROOF if self.proof is None else frozenset({PeerProof[self.proof.name]})

    @property
    def trust(self) -> Trust:
        """Whom to believe about the servers' certificates."""
        if self.pins:
            return Trust(authorities=Authorities.NOBODY, pins=self.pins)
        return Trust.only(self.ca_file) if self.ca_file else Trust.system()

    def statements(self, domain: str, *, default: MXTLS) -> tuple[Statement, ...]:
        """What the policy of a domain says on the ladder; `default` is `delivery.mx_tls`."""
        key = f'delivery.policies."{domain}"'
        said: list[Statement] = []
        level = TLSLevel[(self.level or default).name]
        if level > TLSLevel.OPPORTUNISTIC:
            setting = "delivery.mx_tls" if self.level is None else key
            said.append(configuration_statement(level, setting=setting, proofs=self.proofs))
        if self.dangerous_lower_to is not None:
            lowered = TLSLevel[self.dangerous_lower_to.name]
            setting = f"{key}.dangerous_lower_to"
            said.append(dangerous_lowering_statement(lowered, setting=setting))
        return tuple(said)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.pins or self.proof) and self.level is not MXTLS.AUTHENTICATED:
            given = "pins" if self.pins else "proof"
            raise InvalidSetting(
                f"`{given}` protects nothing unless the server must be authenticated",
                hint='Write level = "authenticated" beside it.',
            )
        if self.pins and (self.proof or self.ca_file):
            other = "proof" if self.proof else "ca_file"
            raise InvalidSetting(f"with `pins` the key alone counts; leave `{other}` out")
        if self.ca_file and self.proof is Proof.DANE:
            raise InvalidSetting("where DANE alone counts no authority is asked; leave out ca_file")
        if self.dangerous_lower_to is not None and self.level not in (None, MXTLS.OPPORTUNISTIC):
            raise InvalidSetting(
                f"`level` asks for {self.level}, and `dangerous_lower_to` for less",
                hint="Keep one of them.",
            )
        if self.ca_file and (problem := certificate_problem(self.ca_file)):
            raise InvalidSetting(problem)
        return self


def _read_policy(value: object) -> object:
    return {"level": value} if isinstance(value, str) else value


def _check_policies(policies: Mapping[str, DomainPolicy]) -> Mapping[str, DomainPolicy]:
    by_domain: dict[str, DomainPolicy] = {}
    for written, policy in policies.items():
        try:
            domain = recipient_domain(written)
        except InvalidSetting as error:
            raise InvalidSetting(f"{written!a}: {error.text}", hint=error.hint) from None
        if domain in by_domain:
            raise InvalidSetting(f"{written!a} is {domain}, which has a policy already")
        by_domain[domain] = policy
    return MappingProxyType(by_domain)


DomainPolicies = Annotated[
    Mapping[str, Annotated[DomainPolicy, BeforeValidator(_read_policy)]],
    AfterValidator(_check_policies),
]
"""Policies by recipient domain, in A-labels and lower case; read-only."""
