"""A Postfix without 8BITMIME gets 8-bit mail from us in 7 bits, and readers find the same in it."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes, policy

import pytest

from postseal import Address, Delivery, Envelope, Timeouts
from postseal.errors import PermanentlyRejected
from postseal.send import Verification
from tests.parts.conversions import check_same_message, wire
from tests.parts.postfix import Postfix
from tests.parts.worlds import AnyMailer, World, in_each_world

ENVELOPE = Envelope(Address.parse("ada@example.com"), (Address.parse("bob@example.org"),))
SOON = Timeouts(total=30)
GREETING = "Grüße, κανάρι, 金丝雀: but most of this line is plain English, so it stays readable\n"

# It has all the fields that Postfix would add for a client of this machine, but Received.
MESSAGE = wire(f"""\
From: ada@example.com
To: bob@example.org
Subject: interop
Date: Sun, 1 Mar 2026 12:00:00 +0000
Message-ID: <conversion@example.com>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"
Content-Transfer-Encoding: 8bit

--outer
Content-Type: multipart/alternative; boundary="outer-2"

--outer-2
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

.one dot
.
From the start
{GREETING}
--outer-2
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: 8bit

<p>{"金丝雀" * 500}</p>
--outer-2--
--outer
Content-Type: application/octet-stream
Content-Transfer-Encoding: 8bit
Content-Disposition: attachment; filename=data

äöü
--outer
Content-Type: message/rfc822
Content-Transfer-Encoding: 8bit

Subject: forwarded

{GREETING}
--outer--
""")


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    with Postfix(certificate=None, hidden_extensions=("8bitmime",)) as postfix:
        postfix.start()
        yield postfix


def _send(world: World, postfix: Postfix, content: list[bytes]) -> Delivery:
    async def use(mailer: AnyMailer) -> Delivery:
        return await mailer.send_raw(ENVELOPE, content, size=len(MESSAGE), is_8bit=True)

    return world.mail(f"smtp+insecure://127.0.0.1:{postfix.port}", use, timeouts=SOON)


@in_each_world
def test_8bit_mail_arrives_decodable(world: World, postfix: Postfix) -> None:
    async def verify(mailer: AnyMailer) -> Verification:
        return await mailer.verify()

    url = f"smtp+insecure://127.0.0.1:{postfix.port}"
    assert "8BITMIME" not in world.mail(url, verify, timeouts=SOON).extensions
    before = len(postfix.stored())
    delivery = _send(world, postfix, [MESSAGE[:1000], MESSAGE[1000:]])
    assert delivery.is_converted
    stored = postfix.wait_for_messages(before + 1)[-1].replace(b"\n", b"\r\n")
    # What Postfix put above is its own.
    arrived = stored[stored.index(b"From: ada@example.com") :]
    check_same_message(MESSAGE, arrived)
    text = message_from_bytes(arrived, policy=policy.default).get_body(("plain",))
    assert text is not None
    assert GREETING.strip() in text.get_content()


@in_each_world
def test_what_must_not_be_converted_does_not_arrive(world: World, postfix: Postfix) -> None:
    before = len(postfix.stored())
    with pytest.raises(PermanentlyRejected, match="would break its dkim-signature"):
        _send(world, postfix, [b"DKIM-Signature: v=1\r\n", MESSAGE])
    assert _send(world, postfix, [MESSAGE]).is_converted
    assert len(postfix.wait_for_messages(before + 1)) == before + 1
