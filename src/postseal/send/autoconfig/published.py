"""The files of settings that a domain publishes, or Mozilla keeps for it, fetched by HTTPS alone.

Source: draft-ietf-mailmaint-autoconfig 3. Unlike mail programs we never ask by HTTP, ask Mozilla
only where somebody wants that, and do not tell anybody whose settings are wanted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from postseal.dns import NameDoesNotExist
from postseal.errors import ConnectError, MailError, MissingExtra
from postseal.send.autoconfig.account import AccountSettings
from postseal.send.autoconfig.candidates import Origin
from postseal.send.autoconfig.hostile_xml import InvalidXML
from postseal.send.autoconfig.mozilla import MAX_CONFIG_SIZE, read_client_config
from postseal.send.networks.https import HTTPSFailed, HTTPSRequest, exchange
from postseal.send.networks.network import Network
from postseal.tls.trust import Trust

__all__ = ["Place", "PublishedFile", "fetch_published", "mozillas_place", "own_places"]

_PATH: Final = "/mail/config-v1.1.xml"
_DATABASE: Final = "autoconfig.thunderbird.net"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a file for `domain` can be, and whose word it would be."""

    request: HTTPSRequest
    domain: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """What was at one place: `settings`, a `problem`, or neither where nothing is published."""

    place: Place
    settings: AccountSettings | None = None
    problem: MailError | None = None

    @property
    def url(self) -> str:
        """The address of the place."""
        return f"https://{self.place.request.host}{self.place.request.target}"


def own_places(domain: str) -> tuple[Place, Place]:
    """Give the two places where a domain's own file can be, the preferred first."""
    first = HTTPSRequest(host=f"autoconfig.{domain}", target=_PATH)
    second = HTTPSRequest(host=domain, target=f"/.well-known/autoconfig{_PATH}")
    return (
        Place(request=first, domain=domain, origin=Origin.FILE),
        Place(request=second, domain=domain, origin=Origin.FILE),
    )


def mozillas_place(domain: str) -> Place:
    """Give the place of a domain in the database that Thunderbird asks.

    To ask there tells Mozilla that somebody has mail at the domain.
    """
    request = HTTPSRequest(host=_DATABASE, target=f"/v1.1/{domain}")
    return Place(request=request, domain=domain, origin=Origin.DATABASE)


async def fetch_published(
    network: Network, place: Place, *, trust: Trust | None = None, timeout: float
) -> PublishedFile:
    """Fetch one file, within `timeout` seconds; redirects are not followed.

    A domain's own host that does not exist or takes no connection, and any status of its but 200,
    mean that nothing is published: most web servers are for something else. Mozilla's says so by
    404 alone, and its files have to name the domain. Raises `MissingExtra`.
    """
    found = PublishedFile(place)
    is_own = place.origin is Origin.FILE
    deadline = network.now() + timeout
    try:
        response = await exchange(
            network, place.request, trust=trust, deadline=deadline, max_size=MAX_CONFIG_SIZE
        )
        if response.status == 200:
            settings = read_client_config(response.body, domain=None if is_own else place.domain)
            return replace(found, settings=settings)
        if is_own or response.status == 404:
            return found
        raise HTTPSFailed(f"the server answers with the status {response.status}")
    except MissingExtra:
        raise
    except InvalidXML as error:
        problem = HTTPSFailed(f"the file cannot be used: {error.text}", host=place.request.host)
        return replace(found, problem=problem)
    except MailError as error:
        return found if is_own and _is_absence(error) else replace(found, problem=error)


def _is_absence(error: MailError) -> bool:
    """Tell whether nobody is there to publish anything."""
    cause = error.__cause__
    return isinstance(error, ConnectError) and (
        not isinstance(cause, MailError) or isinstance(cause, NameDoesNotExist)
    )
