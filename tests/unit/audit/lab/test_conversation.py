"""What a hostile server says and keeps: deviations at their moments, and every octet it hears."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from postseal.audit.findings import Severity
from postseal.audit.lab.canaries import make_canaries
from postseal.audit.lab.case import Case, Mode, Server
from postseal.audit.lab.certificates import Certificates
from postseal.audit.lab.conversation import Scene
from postseal.audit.lab.deviations import (
    ANYTHING,
    AUTH_RESPONSE,
    CONNECT,
    END_OF_DATA,
    Advertise,
    Answer,
    Append,
    Channel,
    Deviation,
    Drip,
    Then,
    Trap,
)
from postseal.audit.lab.handshakes import Raw
from postseal.audit.lab.hostile import HostileServer
from postseal.audit.lab.records import Connection

CANARIES = make_canaries(random.Random(1).choice)
CERTIFICATES = Certificates("localhost")
MESSAGE = f"Subject: {CANARIES.subject}\r\n\r\n{CANARIES.body}\r\n".encode()


@dataclass
class Talk:
    """A raw client of one hostile server, and what the server keeps of it."""

    server: HostileServer
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def record(self) -> Connection:
        return self.server.record.connections[0]

    async def hear(self) -> str:
        """Read one reply, all lines of it."""
        lines = b""
        while not (line := await self.reader.readline()) or line[3:4] == b"-":
            assert line, f"the server closed after {lines!a}"
            lines += line
        return (lines + line).decode()

    async def say(self, *lines: str) -> str:
        """Say lines in one segment, and read one reply."""
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())
        return await self.hear()

    async def leave(self) -> None:
        """Close, and let the server come to its end."""
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()
        await self.server.__aexit__(None, None, None)


def case(*deviations: Deviation, server: Server | None = None) -> Case:
    return Case(
        id="T01",
        title="A case",
        story="A story.",
        hostile="did something",
        safe="ends.",
        severity=Severity.HIGH,
        remedy="Mend it.",
        servers=(server or Server(feigns_tls=True, deviations=deviations),),
    )


@contextlib.asynccontextmanager
async def talk(*deviations: Deviation, server: Server | None = None) -> AsyncIterator[Talk]:
    scene = Scene(mode=Mode.STARTTLS, given=CANARIES, certificates=CERTIFICATES)
    async with HostileServer(case(*deviations, server=server), scene) as hostile:
        reader, writer = await asyncio.open_connection("127.0.0.1", hostile.port)
        yield Talk(hostile, reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def greeted(client: Talk) -> None:
    assert (await client.hear()).startswith("220 ")
    assert (await client.say("EHLO client.lab.example")).startswith("250-")


async def test_without_deviations_it_is_an_honest_server() -> None:
    async with talk() as client:
        await greeted(client)
        for line in (f"MAIL FROM:<{CANARIES.sender}>", f"RCPT TO:<{CANARIES.recipient}>"):
            assert await client.say(line) == "250 2.0.0 OK\r\n"
        assert (await client.say("DATA")).startswith("354 ")
        client.writer.write(MESSAGE)
        assert await client.say(".") == "250 2.0.0 OK\r\n"
        assert (await client.say("QUIT")).startswith("221 ")
        (delivered,) = client.record.delivered
        assert [str(one) for one in delivered.recipients] == [CANARIES.recipient]
        assert delivered.content == MESSAGE
        assert not delivered.was_sealed


async def test_an_answer_stands_for_the_honest_one_as_often_as_it_says() -> None:
    async with talk(Answer(to="NOOP", raw=b"599 no\r\n", times=2)) as client:
        await greeted(client)
        assert await client.say("NOOP") == "599 no\r\n"
        assert await client.say("noop") == "599 no\r\n"
        assert (await client.say("NOOP")).startswith("250 ")


async def test_an_answer_goes_on_as_if_nothing_had_come_unless_it_obeys() -> None:
    as_if_not = Answer(to="MAIL", raw=b"250 as you say\r\n")
    async with talk(as_if_not) as client:
        await greeted(client)
        assert await client.say("MAIL FROM:<a@lab.example>") == "250 as you say\r\n"
        assert (await client.say("RCPT TO:<b@lab.example>")).startswith("503 ")
    async with talk(Answer(to="MAIL", raw=b"599 no\r\n", then=Then.OBEY)) as client:
        await greeted(client)
        assert await client.say("MAIL FROM:<a@lab.example>") == "599 no\r\n"
        assert (await client.say("RCPT TO:<b@lab.example>")).startswith("250 ")


async def test_anything_is_answered_but_the_greeting_is_none_of_it() -> None:
    async with talk(Answer(to=ANYTHING, raw=b"554 no\r\n")) as client:
        assert (await client.hear()).startswith("220 ")
        assert await client.say("EHLO x") == "554 no\r\n"
        assert await client.say("no command") == "554 no\r\n"
    async with talk(Answer(to=CONNECT, raw=b"554 no\r\n", then=Then.CLOSE)) as client:
        assert await client.hear() == "554 no\r\n"
        assert await client.reader.read() == b""


async def test_what_is_appended_comes_in_the_same_segment_or_later() -> None:
    async with talk(
        Append(to="NOOP", raw=b"250 more\r\n"), Append(to="NOOP", raw=b"250 late\r\n", seconds=0.05)
    ) as client:
        await greeted(client)
        client.writer.write(b"NOOP\r\n")
        assert (await client.reader.read(100)).endswith(b"250 more\r\n")
        assert await client.hear() == "250 late\r\n"


async def test_the_offer_is_changed_in_answer_to_ehlo_alone() -> None:
    change = Advertise(without=frozenset({"SIZE", "AUTH"}), also=("XMORE 1", "XLAST"))
    async with talk(change) as client:
        await client.hear()
        lines = (await client.say("EHLO x")).splitlines()
        assert lines[-2:] == ["250-XMORE 1", "250 XLAST"]
        assert not any("SIZE" in line or "AUTH" in line for line in lines)
        assert "250-PIPELINING" in lines
        assert "XLAST" not in await client.say("HELO x")


async def test_a_drip_says_the_same_in_more_segments() -> None:
    async with talk(Drip(seconds=0.001)) as client:
        first = await client.reader.read(100)
        assert len(first) < 10
        assert (first.decode() + await client.hear()).endswith("Postseal\r\n")


async def test_a_trap_tells_by_verb_word_and_channel() -> None:
    async with talk(
        Trap(to="MAIL", holding=b"SIZE=", told="used SIZE"),
        Trap(to="NOOP", told="said NOOP sealed", on=Channel.SEALED),
        Trap(to="RSET", told="said RSET"),
    ) as client:
        await greeted(client)
        await client.say("MAIL FROM:<a@lab.example>")
        await client.say("NOOP")
        assert client.record.trapped == []
        await client.say("rset")
        await client.say("MAIL FROM:<a@lab.example> SIZE=1")
        assert client.record.trapped == ["said RSET", "used SIZE"]


async def test_what_follows_a_raw_challenge_is_a_response_whatever_it_looks_like() -> None:
    async with talk(
        Answer(to="AUTH", raw=b"334 AAAA\r\n"), Answer(to=AUTH_RESPONSE, raw=b"235 yes\r\n")
    ) as client:
        await greeted(client)
        assert await client.say("AUTH CRAM-MD5") == "334 AAAA\r\n"
        assert await client.say("NOOP") == "235 yes\r\n"
        assert (await client.say("NOOP")).startswith("250 ")


async def test_a_message_is_delivered_only_if_it_was_accepted() -> None:
    refusal = Answer(to=END_OF_DATA, raw=b"554 no\r\n", then=Then.OBEY)
    async with talk(refusal) as client:
        await greeted(client)
        await client.say(f"MAIL FROM:<{CANARIES.sender}>")
        await client.say(f"RCPT TO:<{CANARIES.recipient}>")
        await client.say("DATA")
        client.writer.write(MESSAGE)
        assert await client.say(".") == "554 no\r\n"
        assert client.record.delivered == []


async def test_what_is_said_behind_a_good_bye_is_heard() -> None:
    async with talk(Answer(to="NOOP", raw=b"", then=Then.CLOSE)) as client:
        await greeted(client)
        client.writer.write(b"NOOP\r\n")
        assert await client.reader.read() == b""
        client.writer.write(b"AUTH PLAIN secret\r\n")
        await client.leave()
        assert b"secret" in client.record.clear


async def test_a_reset_is_no_end() -> None:
    async with talk(Answer(to="NOOP", raw=b"", then=Then.RESET)) as client:
        await greeted(client)
        client.writer.write(b"NOOP\r\n")
        with pytest.raises(ConnectionResetError):
            await client.reader.read()


async def test_a_silent_server_still_hears() -> None:
    async with talk(Answer(to="NOOP", raw=b"", then=Then.STALL)) as client:
        await greeted(client)
        client.writer.write(b"NOOP\r\nAUTH PLAIN secret\r\n")
        await client.leave()
        assert b"secret" in client.record.clear


async def test_the_last_words_of_a_client_that_breaks_off_are_heard() -> None:
    # It closes with octets unread, so that the system sends a reset behind what it said.
    async with talk(Append(to="NOOP", raw=b"250 late\r\n" * 1000, seconds=0.2)) as client:
        await greeted(client)
        client.writer.write(b"NOOP\r\n")
        await client.hear()
        client.writer.write(b"AUTH PLAIN secret\r\n")
        broken = client.writer.get_extra_info("socket")
        broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.writer.transport.abort()
        await client.leave()
        assert b"secret" in client.record.clear


async def test_what_is_said_into_a_pause_is_heard() -> None:
    async with talk(Append(to="NOOP", raw=b"250 late\r\n", seconds=600)) as client:
        await greeted(client)
        await client.say("NOOP")
        client.writer.write(b"AUTH PLAIN secret\r\n")
        await client.leave()
        assert b"secret" in client.record.clear


async def test_records_of_tls_and_words_in_clear_are_told_apart_within_a_segment() -> None:
    hello, alert = b"\x16\x03\x01\x00\x02hi", b"\x15\x03\x03\x00\x02\x02\x28"
    feigning = Server(
        feigns_tls=True,
        handshake=Raw(lambda flight: b"seen " + flight[5:] + b"\r\n", Then.GO_ON),
        deviations=(Answer(to="STARTTLS", raw=b"220 go\r\n"),),
    )
    async with talk(server=feigning) as client:
        await greeted(client)
        await client.say("STARTTLS")
        client.writer.write(hello + alert + b"NOOP\r\n")
        assert await client.reader.readline() == b"seen hi\r\n"
        assert (await client.hear()).startswith("250 ")
        # The second half of this record comes with a command behind it.
        client.writer.write(alert[:3])
        await asyncio.sleep(0.01)
        client.writer.write(alert[3:] + b"RSET\r\n")
        assert (await client.hear()).startswith("250 ")
        assert bytes(client.record.handshake) == hello + alert + alert
        assert client.record.clear.endswith(b"STARTTLS\r\nNOOP\r\nRSET\r\n")


async def test_what_stands_behind_starttls_came_in_clear_unless_it_is_the_handshake() -> None:
    context = ssl.create_default_context(cadata=CERTIFICATES.root.pem.decode())
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    hello = outgoing.read()
    async with talk(server=Server()) as client:
        await greeted(client)
        client.writer.write(b"STARTTLS\r\n" + hello)
        await client.hear()
        while not outgoing.pending:
            incoming.write(await client.reader.read(65536))
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
        client.writer.write(outgoing.read())
        tls.write(b"NOOP secret\r\n")
        client.writer.write(outgoing.read())
        await client.leave()
        assert client.record.clear.endswith(b"STARTTLS\r\n")
        assert client.record.sealed == b"NOOP secret\r\n"
        assert client.record.tls.startswith("TLSv1.")
    async with talk(server=Server()) as client:
        await greeted(client)
        await client.say("STARTTLS", "AUTH PLAIN secret")
        await client.leave()
        assert client.record.clear.endswith(b"STARTTLS\r\nAUTH PLAIN secret\r\n")


async def test_the_dialogue_is_for_people_and_has_an_end() -> None:
    async with talk(Answer(to="NOOP", raw=b"250 \x1b[31m\r\n")) as client:
        await greeted(client)
        for _ in range(200):
            await client.say("NOOP " + "x" * 300)
        await client.leave()
        assert all(line.isprintable() and len(line) < 300 for line in client.record.dialogue)
        assert len(client.record.dialogue) == 201
        assert client.record.dialogue[-1] == "-- and so on"
