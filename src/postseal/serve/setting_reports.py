"""The settings of the `tls_reports` table: whether others are told how their servers' TLS fared."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from postseal.address import Address, ascii_domain
from postseal.errors import InvalidAddress, InvalidSetting
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

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.enabled and self.contact is None:
            raise InvalidSetting(
                "reports need a `contact`",
                hint='Write contact = "tls-reports@example.com" with an address of yours.',
            )
        return self
