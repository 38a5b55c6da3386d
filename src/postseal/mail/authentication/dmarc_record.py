"""A DMARC record: what a domain asks to be done with mail that is not its own.

RFC 7489 6.3, with the tags np=, psd= and t= of its successor (DMARCbis).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, unique

from postseal.mail.authentication.tags import InvalidTagList, read_tags

__all__ = ["Alignment", "DMARCPolicy", "DMARCRecord", "PublicSuffix"]


@unique
class DMARCPolicy(StrEnum):
    """What to do with a message that fails."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"

    @property
    def milder(self) -> DMARCPolicy:
        """The policy one step below, which applies while a domain is testing."""
        return DMARCPolicy.QUARANTINE if self is DMARCPolicy.REJECT else DMARCPolicy.NONE


@unique
class Alignment(StrEnum):
    """How near an authenticated domain has to be to that of the author."""

    RELAXED = "r"
    STRICT = "s"


@unique
class PublicSuffix(StrEnum):
    """Whether a domain says that it is one under which others register theirs (psd=)."""

    YES = "y"
    NO = "n"
    UNKNOWN = "u"


@dataclass(frozen=True, slots=True, kw_only=True)
class DMARCRecord:
    """A record, with the defaults filled in.

    `policy` is for the domain itself, `subdomain_policy` for those below and `missing_policy` for
    those below that do not exist. `is_testing` asks for the next milder policy. The destinations
    are URIs, not checked.
    """

    policy: DMARCPolicy
    subdomain_policy: DMARCPolicy
    missing_policy: DMARCPolicy
    dkim: Alignment = Alignment.RELAXED
    spf: Alignment = Alignment.RELAXED
    public_suffix: PublicSuffix = PublicSuffix.UNKNOWN
    is_testing: bool = False
    aggregate_reports: tuple[str, ...] = ()
    failure_reports: tuple[str, ...] = ()

    @classmethod
    def among(cls, texts: Iterable[str]) -> DMARCRecord | None:
        """Find the record among the TXT records of a name.

        None where there is none, or several (RFC 7489 6.6.3). Raises `InvalidTagList` where the
        only one cannot be used.
        """
        found = [text for text in texts if _is_dmarc(text)]
        return cls.parse(found[0]) if len(found) == 1 else None

    @classmethod
    def parse(cls, text: str) -> DMARCRecord:
        """Read a record. Raises `InvalidTagList` where no policy can be had from it.

        Tags with values that are not known count as absent (RFC 7489 6.3).
        """
        if not _is_dmarc(text):
            raise InvalidTagList("the record does not begin with v=DMARC1")
        tags = read_tags(text)
        reports = _uris(tags.get("rua", ""))
        policy = _policy(tags.get("p"))
        if policy is None:
            if not reports:
                raise InvalidTagList("the record has no policy")
            policy = DMARCPolicy.NONE  # RFC 7489 6.6.3, step 6.
        below = _policy(tags.get("sp")) or policy
        return cls(
            policy=policy,
            subdomain_policy=below,
            missing_policy=_policy(tags.get("np")) or below,
            dkim=_alignment(tags.get("adkim")),
            spf=_alignment(tags.get("aspf")),
            public_suffix=_public_suffix(tags.get("psd")),
            # DMARCbis has t=y for what many wrote as pct=0.
            is_testing=tags.get("t", "").lower() == "y" or tags.get("pct") == "0",
            aggregate_reports=reports,
            failure_reports=_uris(tags.get("ruf", "")),
        )


def _is_dmarc(text: str) -> bool:
    name, _, value = text.partition(";")[0].partition("=")
    return name.strip(" \t") == "v" and value.strip(" \t") == "DMARC1"


def _policy(text: str | None) -> DMARCPolicy | None:
    try:
        return DMARCPolicy((text or "").lower())
    except ValueError:
        return None


def _alignment(text: str | None) -> Alignment:
    return Alignment.STRICT if (text or "").lower() == Alignment.STRICT else Alignment.RELAXED


def _public_suffix(text: str | None) -> PublicSuffix:
    try:
        return PublicSuffix((text or "u").lower())
    except ValueError:
        return PublicSuffix.UNKNOWN


def _uris(text: str) -> tuple[str, ...]:
    return tuple(uri.strip(" \t") for uri in text.split(",") if ":" in uri)
