"""How a TLS report leaves: as a mail message, or by POST (RFC 8460 5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from postseal.address import Address, ascii_domain
from postseal.defaults import Clock, RandomSource, local_now, random_octets
from postseal.errors import InvalidReport
from postseal.mail.attachment import Attachment
from postseal.mail.message import Message
from postseal.mail.prepared import PreparedMessage
from postseal.send.networks.https import HTTPSFailed, HTTPSRequest, exchange
from postseal.send.networks.network import Network
from postseal.tls import Trust
from postseal.tls.reports import (
    GZIP_TYPE,
    HTTPSDestination,
    MailDestination,
    Report,
    report_filename,
    report_octets,
    submitter_of,
)
from postseal.tls.requiretls import TLS_NOT_REQUIRED_HEADER

if TYPE_CHECKING:
    from postseal.mail.authentication.dkim_signing import DKIMSigner

__all__ = ["post_tls_report", "signed_tls_report", "tls_report_message"]

# Nothing is expected of the answer but its status.
_MAX_ANSWER: Final = 65536


def tls_report_message(
    report: Report,
    destinations: Iterable[MailDestination],
    *,
    policy_domain: str,
    clock: Clock = local_now,
    random: RandomSource = random_octets,
) -> Message:
    """Make the message, from the report's contact address.

    It must yet be signed, see `signed_tls_report`. It carries
    `TLS-Required: No`, since the policies that a report complains of must not hold it up
    (RFC 8460 5.3, RFC 8689 3). Raises `InvalidReport` or `InvalidAddress` where `contact_info` is
    no address, and `InvalidInput` without any destination.
    """
    submitter = submitter_of(report)
    domain = ascii_domain(policy_domain)
    contact = Address.parse(report.contact_info)
    identity = report.report_id if "@" in report.report_id else f"{report.report_id}@{submitter}"
    day = report.period.start.date()
    return Message(
        from_=contact,
        to=[destination.address for destination in destinations],
        subject=f"Report Domain: {domain} Submitter: {submitter} Report-ID: <{identity}>",
        text=f"This is an aggregate TLS report from {submitter} about {domain} for {day} (UTC).\n",
        attachments=[
            Attachment.from_bytes(
                report_octets(report),
                filename=report_filename(report, policy_domain=domain),
                content_type=GZIP_TYPE,
            )
        ],
        report_type="tlsrpt",
        headers=[
            ("TLS-Report-Domain", domain),
            ("TLS-Report-Submitter", submitter),
            TLS_NOT_REQUIRED_HEADER,
        ],
        clock=clock,
        random=random,
    )


def signed_tls_report(message: Message, signer: DKIMSigner) -> PreparedMessage:
    """Sign a report as receivers of reports want it (RFC 8460 3).

    The key's record should name the service, `s=tlsrpt`. Raises `InvalidReport` unless all
    signatures are of the domain that the report is from.
    """
    domain = ascii_domain(message.from_[0].address.domain)
    for identity in signer.identities:
        if identity.domain != domain:
            raise InvalidReport(
                f"a report from {domain} cannot be signed by {identity.domain}",
                hint="Reports are signed by the reporting domain (RFC 8460 3).",
            )
    plain = PreparedMessage.from_message(message)
    return replace(plain, content=signer.sign(plain.content) + plain.content)


async def post_tls_report(
    network: Network,
    report: Report,
    destination: HTTPSDestination,
    *,
    deadline: float,
    trust: Trust | None = None,
) -> None:
    """Hand a report over to a web server, whose certificate must be good for its name.

    RFC 8460 3 allows to ignore the certificate; who asks for reports of broken TLS can be asked to
    keep it whole for them, or to take mail. Raises `HTTPSFailed` for an answer other than 2xx, and
    what `postseal.send.networks.https.exchange` raises; later attempts are wanted for a day
    (RFC 8460 5.4, 5.5).
    """
    request = HTTPSRequest(
        host=destination.host,
        target=destination.target,
        method="POST",
        headers=(("Content-Type", GZIP_TYPE),),
        body=report_octets(report),
    )
    response = await exchange(
        network, request, trust=trust, deadline=deadline, max_size=_MAX_ANSWER
    )
    if not 200 <= response.status < 300:
        raise HTTPSFailed(
            f"the report was not taken: HTTP status {response.status}", host=destination.host
        )
