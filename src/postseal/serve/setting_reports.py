"""The settings of the `tls_reports` table: whether others are told how their servers' TLS fared."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from postseal.address import Address, ascii_domain
from postseal.errors import InvalidAddress, InvalidInput, InvalidSetting
from postseal.mail.authentication.keys import SigningKey
from postseal.mail.authentication.signing_input import SigningIdentity
from postseal.serve.setting_files import File, signing_key_problem
from postseal.serve.setting_types import Table

__all__ = ["TLSReportSettings"]

_MAX_ORGANIZATION = 200


def _read_contact(value: str) -> str:
    try:
        address = Address.parse(value)
    except InvalidAddress as error:
        raise InvalidSetting(f"it is no mail address: {error.text}", hint=error.hint) from None
    domain = ascii_domain(address.domain)
    if domain.startswith("[") or not address.local.isascii():
        raise InvalidSetting('it must be an address such as "tls-reports@example.com"')
    return str(Address(address.local, domain))


def _read_organization(value: str) -> str:
    if not value.isprintable() or not value.strip() or len(value) > _MAX_ORGANIZATION:
        raise InvalidSetting(f"it must be a name of 1 to {_MAX_ORGANIZATION} characters")
    return value


class TLSReportSettings(Table):
    """Reports by RFC 8460 to the domains that ask for them, once a day."""

    enabled: bool = Field(
        default=False, description="Whether results are counted and reports are sent."
    )
    contact: Annotated[str, AfterValidator(_read_contact)] | None = Field(
        default=None,
        description="The mail address of who answers for the reports; they come from it.",
    )
    organization: Annotated[str, AfterValidator(_read_organization)] | None = Field(
        default=None, description="Who reports, in the reports; the hostname if not set."
    )

    dkim_selector: str | None = Field(
        default=None,
        description="The DKIM selector of the key for reports, under the domain of the contact.",
    )
    dkim_key: File | None = Field(
        default=None,
        description=(
            "A PEM file with the private key, RSA or Ed25519. Without one no report goes by mail."
        ),
    )

    @property
    def identity(self) -> SigningIdentity | None:
        """Who signs the reports, None where nobody does; reads the key."""
        if self.contact is None or self.dkim_selector is None or self.dkim_key is None:
            return None
        domain = self.contact.rpartition("@")[2]
        return SigningIdentity(domain, self.dkim_selector, SigningKey.from_path(self.dkim_key))

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.enabled and self.contact is None:
            raise InvalidSetting(
                "reports need a `contact`",
                hint='Write contact = "tls-reports@example.com" with an address of yours.',
            )
        if (self.dkim_selector is None) != (self.dkim_key is None):
            raise InvalidSetting("`dkim_selector` and `dkim_key` need each other")
        if self.dkim_key and (problem := signing_key_problem(self.dkim_key)):
            raise InvalidSetting(problem)
        try:
            _ = self.identity
        except InvalidInput as error:
            raise InvalidSetting(error.text, hint=error.hint) from None
        return self
