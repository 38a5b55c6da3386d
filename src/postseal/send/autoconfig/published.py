"""The file of settings that a domain publishes, fetched by HTTPS alone.

Source: draft-ietf-mailmaint-autoconfig 3. Unlike mail programs we never ask by HTTP, nor a database
of third parties, and do not tell the web server whose settings are wanted.
"""

from __future__ import annotations

from dataclasses import dataclass

from postseal.dns import NameDoesNotExist
from postseal.errors import ConnectError, MailError, MissingExtra
from postseal.send.autoconfig.account import AccountSettings
from postseal.send.autoconfig.hostile_xml import InvalidXML
from postseal.send.autoconfig.mozilla import MAX_CONFIG_SIZE, read_client_config
from postseal.send.networks.https import HTTPSFailed, HTTPSRequest, exchange
from postseal.send.networks.network import Network
from postseal.tls.trust import Trust

__all__ = ["PublishedFile", "fetch_published", "places"]

_PATH = "/mail/config-v1.1.xml"


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """What was at one `url`: `settings`, a `problem`, or neither where nothing is published."""

    url: str
    settings: AccountSettings | None = None
    problem: MailError | None = None


def places(domain: str) -> tuple[HTTPSRequest, HTTPSRequest]:
    """Give the two places where a domain's file can be, the preferred first."""
    return (
        HTTPSRequest(host=f"autoconfig.{domain}", target=_PATH),
        HTTPSRequest(host=domain, target=f"/.well-known/autoconfig{_PATH}"),
    )


async def fetch_published(
    network: Network, place: HTTPSRequest, *, trust: Trust | None = None, timeout: float
) -> PublishedFile:
    """Fetch one file, within `timeout` seconds.

    A host that does not exist or takes no connection, and any status but 200, mean that nothing is
    published: most web servers are for something else. Raises `MissingExtra`.
    """
    url = f"https://{place.host}{place.target}"
    deadline = network.now() + timeout
    try:
        response = await exchange(
            network, place, trust=trust, deadline=deadline, max_size=MAX_CONFIG_SIZE
        )
        if response.status != 200:
            return PublishedFile(url)
        return PublishedFile(url, read_client_config(response.body))
    except MissingExtra:
        raise
    except ConnectError as error:
        is_absent = not isinstance(error.__cause__, MailError) or isinstance(
            error.__cause__, NameDoesNotExist
        )
        return PublishedFile(url) if is_absent else PublishedFile(url, problem=error)
    except InvalidXML as error:
        return PublishedFile(
            url, problem=HTTPSFailed(f"the file cannot be used: {error.text}", host=place.host)
        )
    except MailError as error:
        return PublishedFile(url, problem=error)
