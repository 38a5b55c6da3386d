"""A small SMTP client that is right in everything but the weaknesses it is given.

It is the client of the attack lab's own tests: with no weakness it is safe in every case, and with
one it must be caught. The weaknesses are named in `tests.parts.weaknesses`; what they bend is here
(the order of things), in `mutant_wire` (octets and replies) and in `mutant_tls` (trust).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from base64 import b64decode, b64encode
from collections.abc import Set
from dataclasses import dataclass, field, replace

from postseal.audit.lab.case import Mode
from postseal.audit.lab.clients import ClientRun, Settings
from postseal.errors import MailError
from postseal.smtp.sasl.cram_md5 import CramMD5Client
from postseal.smtp.sasl.credentials import Password
from postseal.smtp.sasl.login import LoginClient
from postseal.smtp.sasl.mechanism import ClientMechanism
from postseal.smtp.sasl.plain_exchange import PlainClient
from postseal.smtp.sasl.scram_client import ScramClient
from postseal.smtp.sasl.scram_keys import ScramHash
from tests.parts.mutant_message import Written, write
from tests.parts.mutant_tls import client_context
from tests.parts.mutant_trust import CHAIN, faults_of_chain, faults_of_name
from tests.parts.mutant_wire import Answered, GivenUp, MutantWire
from tests.parts.weaknesses import Weakness

__all__ = ["MutantClient"]

_MAX_CHALLENGES = 5
# What ends a connection, rather than what is said on it.
_BROKE = re.compile(r"\b421\b|closed|broke|^TLS:")
_REDIRECT = re.compile(r"\btry ([a-z0-9.-]+)")
_HIDES_PASSWORD = ("SCRAM-SHA-256", "CRAM-MD5")
_SAYS_PASSWORD = ("PLAIN", "LOGIN")


class _GoesOnInClear(Exception):
    """A weakness has won: there is to be no TLS, and the session goes on."""


@dataclass(frozen=True, slots=True)
class MutantClient:
    """Sends one message as a careful client does, but for its weaknesses.

    Waits end after `timeout` seconds. `fallback_port` is where `FALLS_BACK_TO_PORT` goes, and
    `address` where the host is to be found without the DNS.
    """

    weaknesses: Set[Weakness] = frozenset()
    timeout: float = 2.0
    fallback_port: int | None = None
    address: str | None = None

    @property
    def name(self) -> str:
        return "mutant: " + (", ".join(sorted(one.name for one in self.weaknesses)) or "careful")

    async def run(self, settings: Settings, *, patience: float) -> ClientRun:
        """Send the message in this process; an error of the client is its exit code 1."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        output, crashed = "", False
        try:
            async with asyncio.timeout(patience):
                await self._send(settings)
            status: int | None = 0
        except TimeoutError:
            status = None
        except GivenUp as error:
            raw = Weakness.PRINTS_RAW_TEXT in self.weaknesses
            status, output = 1, str(error) if raw else ascii(str(error))
        except UnicodeDecodeError as error:
            status, output, crashed = 1, str(error), True
        return ClientRun(
            exit_code=status, seconds=loop.time() - began, output=output, crashed=crashed
        )

    async def _send(self, settings: Settings) -> None:
        try:
            await self._visit(settings, in_clear=False)
        except GivenUp as error:
            redirect = _REDIRECT.search(str(error))
            if Weakness.RECONNECTS_IN_CLEAR in self.weaknesses and _BROKE.search(str(error)):
                await self._visit(settings, in_clear=True)
            elif Weakness.FALLS_BACK_TO_PORT in self.weaknesses and self.fallback_port:
                await self._visit(replace(settings, port=self.fallback_port), in_clear=True)
            elif Weakness.FOLLOWS_REDIRECTS in self.weaknesses and redirect:
                await self._visit(replace(settings, host=redirect[1]), in_clear=False)
            elif Weakness.RETRIES_LOWER in self.weaknesses and _BROKE.search(str(error)):
                await self._with(Weakness.TAKES_OLD_VERSIONS)._visit(settings, in_clear=False)
            elif Weakness.TRUSTS_ON_RETURN in self.weaknesses and _BROKE.search(str(error)):
                trusting = self._with(*CHAIN, Weakness.COMPARES_NO_NAMES)
                await trusting._visit(settings, in_clear=False)
            else:
                raise

    def _with(self, *weaknesses: Weakness) -> MutantClient:
        return replace(self, weaknesses={*self.weaknesses, *weaknesses})

    async def _visit(self, settings: Settings, *, in_clear: bool) -> None:
        written = write(settings.canaries, self.weaknesses)
        wire = await MutantWire.connect(
            self.address or settings.host,
            settings.port,
            weaknesses=self.weaknesses,
            timeout=self.timeout,
        )
        try:
            await _Visit(wire, settings, written, self.weaknesses, in_clear=in_clear).send()
        finally:
            await wire.close()


@dataclass(slots=True)
class _Visit:
    """One connection, from the greeting to QUIT. `in_clear`: TLS has been given up beforehand."""

    wire: MutantWire
    settings: Settings
    written: Written
    weaknesses: Set[Weakness]
    in_clear: bool
    offered: dict[str, str] = field(default_factory=dict)
    is_authenticated: bool = False

    async def send(self) -> None:
        try:
            if self.settings.mode is Mode.IMPLICIT and not self.in_clear:
                await self._seal_first()
            greeting = await self.wire.reply()
        except _GoesOnInClear:
            # The greeting, if there was one, has gone into the handshake.
            self.in_clear, greeting = True, Answered(220, ("ESMTP",))
        if greeting.code != 220:
            raise GivenUp(f"refused by {greeting.code} {greeting.lines[0]}")
        try:
            await self._greet(greeting)
            if self.settings.mode is Mode.STARTTLS and not self.in_clear:
                await self._start_tls()
        except _GoesOnInClear:
            self.in_clear = True
        if self.wire.is_sealed and self._is(Weakness.GOES_BY_THE_GREETING):
            self._check_name(greeting.lines[0].partition(" ")[0])
        await self._authenticate()
        await self._mail()
        # The message is taken: whatever comes now is no failure.
        with contextlib.suppress(GivenUp):
            await self.wire.command("QUIT")

    async def _seal_first(self) -> None:
        if self._is(Weakness.SPEAKS_CLEAR_WHEN_GREETED):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await self.wire.read_more()
            if self.wire.buffer.startswith(b"220"):
                self.in_clear = True
                return
        await self._seal()

    async def _seal(self) -> None:
        context = client_context(self.settings.ca_file, self.weaknesses)
        try:
            await self.wire.seal(context, self.settings.host)
            self._check_chain()
            if not self._is(Weakness.GOES_BY_THE_GREETING):
                self._check_name(self.settings.host)
        except GivenUp as error:
            if self._is(Weakness.GOES_ON_AFTER_FAILED_HANDSHAKE):
                raise _GoesOnInClear from error
            raise

    def _check_chain(self) -> None:
        root = ssl.PEM_cert_to_DER_cert(self.settings.ca_file.read_text())
        if faults := faults_of_chain(self.wire.peer_chain, root) - self.weaknesses:
            told = ", ".join(sorted(one.value for one in faults))
            raise GivenUp(f"TLS: none but a client that {told} goes on here")

    def _check_name(self, host: str) -> None:
        if faults_of_name(self.wire.peer_chain, host, self.weaknesses) - self.weaknesses:
            raise GivenUp(f"TLS: the certificate is for another host than {host}")

    async def _greet(self, greeting: Answered) -> None:
        if self._is(Weakness.HELO_UNLESS_ESMTP) and "ESMTP" not in greeting.lines[0]:
            await self.wire.command(f"HELO {self.written.ehlo}")
            raise _GoesOnInClear
        answer = await self._ehlo()
        if answer.is_positive:
            return
        if self._is(Weakness.FALLS_BACK_TO_HELO) or self._is(Weakness.GOES_ON_UNGREETED):
            helo = await self.wire.command(f"HELO {self.written.ehlo}")
            if helo.is_positive == self._is(Weakness.FALLS_BACK_TO_HELO):
                raise _GoesOnInClear
        raise GivenUp(f"EHLO: {answer.code} {answer.lines[0]}")

    async def _ehlo(self) -> Answered:
        answer = await self.wire.command(f"EHLO {self.written.ehlo}")
        if answer.is_positive:
            lines = (line.partition(" ") for line in answer.lines[1:])
            self.offered = {keyword.upper(): rest for keyword, _, rest in lines}
            self._misread(answer)
        return answer

    def _misread(self, answer: Answered) -> None:
        if self._is(Weakness.SUBSTRING_OFFERS) and "STARTTLS" in "\n".join(answer.lines):
            self.offered["STARTTLS"] = ""
        if "STARTTLS" not in self.offered:
            return
        lines = answer.lines[1:]
        overlooks = {
            Weakness.CASE_SENSITIVE_OFFERS: not any("STARTTLS" in line for line in lines),
            Weakness.EXACT_LINE_OFFERS: "STARTTLS" not in map(str.upper, lines),
            Weakness.LAST_LINE_OFFERS: "STARTTLS" not in lines[-1].upper(),
        }
        if any(overlooks.get(weakness) for weakness in self.weaknesses):
            raise _GoesOnInClear

    async def _start_tls(self) -> None:
        canaries = self.settings.canaries
        if self._is(Weakness.AUTHENTICATES_BEFORE_TLS):
            for keyword in self.offered:
                if keyword.startswith("AUTH") and not self.is_authenticated:
                    await self._try("PLAIN")
        if "STARTTLS" not in self.offered:
            mechanisms = self.offered.get("AUTH", "").split()
            if self._is(Weakness.GOES_ON_UNOFFERED):
                raise _GoesOnInClear
            if self._is(Weakness.PROVES_IN_CLEAR) and set(mechanisms) & set(_HIDES_PASSWORD):
                raise _GoesOnInClear
            if self._is(Weakness.NAMES_ITSELF_IN_CLEAR) and "EXTERNAL" in mechanisms:
                await self.wire.command(f"AUTH EXTERNAL {_encoded(canaries.user.encode())}")
            raise GivenUp("STARTTLS is not offered")
        self._nothing_waits()
        await self.wire.write(b"STARTTLS\r\n")
        self._take_starttls_reply(await self._starttls_reply())
        if self._is(Weakness.KEEPS_PARTIAL_LINE):
            del self.wire.buffer[: self.wire.buffer.rfind(b"\n") + 1]
        elif self._is(Weakness.FEEDS_BUFFER_TO_TLS):
            self.wire.feed_buffer()
        else:
            self._nothing_waits()
        if self._is(Weakness.READS_AHEAD):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.3):
                    while True:
                        await self.wire.read_more()
        before = self.offered
        await self._seal()
        answer = await self._ehlo()
        if not answer.is_positive:
            raise GivenUp(f"EHLO under TLS: {answer.code} {answer.lines[0]}")
        if self._is(Weakness.KEEPS_OFFERS):
            self.offered = {**self.offered, **before}

    def _nothing_waits(self) -> None:
        if self.wire.buffer and not self._is(Weakness.KEEPS_BUFFER):
            raise GivenUp("the server spoke out of turn")

    async def _starttls_reply(self) -> Answered:
        if self._is(Weakness.READS_ONE_LINE):
            while b"\n" not in self.wire.buffer:
                await self.wire.read_more()
            line, _, rest = bytes(self.wire.buffer).partition(b"\r\n")
            self.wire.buffer[:] = rest
            return Answered(int(line[:3]), (line[4:].decode(),))
        if self._is(Weakness.READS_ONE_SEGMENT):
            await self.wire.read_more()
            if not self.wire.buffer.startswith(b"220"):
                raise _GoesOnInClear
        try:
            return await self.wire.reply()
        except GivenUp as error:
            if self._is(Weakness.GOES_ON_AFTER_SILENCE) and "silent" in str(error):
                raise _GoesOnInClear from error
            raise

    def _take_starttls_reply(self, answer: Answered) -> None:
        if self._is(Weakness.BARE_CODE_IS_REFUSAL) and answer.lines == ("",):
            raise _GoesOnInClear
        if answer.code == 220:
            return
        ignored = {
            2: Weakness.TAKES_2YZ_FOR_DONE,
            3: Weakness.IGNORES_3YZ,
            4: Weakness.IGNORES_4YZ,
            5: Weakness.IGNORES_5YZ,
        }.get(answer.code // 100)
        if ignored in self.weaknesses:
            raise _GoesOnInClear
        raise GivenUp(f"STARTTLS: {answer.code} {answer.lines[0]}")

    async def _authenticate(self) -> None:
        if self.is_authenticated:
            return
        offered = self.offered.get("AUTH", "").upper().split()
        known = [one for one in (*_HIDES_PASSWORD, *_SAYS_PASSWORD) if one in offered]
        if not known and self._is(Weakness.AUTHENTICATES_UNOFFERED):
            known = ["PLAIN"]
        if not known:
            if self.in_clear:
                # A client that has given up TLS does without AUTH as well.
                return
            raise GivenUp("AUTH is not offered")
        answer = await self._try(known[0])
        if answer.code == 535 and self._is(Weakness.RETRIES_WEAKER):
            answer = await self._try(known[-1])
        if answer.code != 235:
            raise GivenUp(f"AUTH: {answer.code} {answer.lines[0]}")

    async def _try(self, name: str) -> Answered:
        mechanism = self._mechanism(name)
        initial = mechanism.initial_response()
        command = f"AUTH {name}" if initial is None else f"AUTH {name} {_encoded(initial)}"
        answer = await self.wire.command(command)
        challenges = 0
        while answer.code == 334:
            challenges += 1
            if self._is(Weakness.ANSWERS_EVERY_CHALLENGE):
                response = initial or b""
            elif challenges > _MAX_CHALLENGES:
                raise GivenUp("challenges without end")
            else:
                response = _response(mechanism, answer.lines[0])
            answer = await self.wire.command(b64encode(response).decode())
        self.is_authenticated = answer.code == 235
        return answer

    def _mechanism(self, name: str) -> ClientMechanism:
        canaries = self.settings.canaries
        password = Password(canaries.user, canaries.password)
        if name == "SCRAM-SHA-256":
            return ScramClient(password, hash_=ScramHash.SHA_256)
        if name == "CRAM-MD5":
            return CramMD5Client(password)
        return LoginClient(password) if name == "LOGIN" else PlainClient(password)

    async def _mail(self) -> None:
        written = self.written
        size = f" SIZE={written.size}" if "SIZE" in self.offered else ""
        await self._expect(250, f"MAIL FROM:<{written.sender}>{size}")
        try:
            await self._expect(250, f"RCPT TO:<{written.recipient}>")
        except GivenUp:
            if self._is(Weakness.IGNORES_REFUSED_RECIPIENTS):
                return
            raise
        await self._expect(354, "DATA")
        if self._is(Weakness.IGNORES_VERDICT):
            await self.wire.write(written.content + b".\r\n")
            return
        self._nothing_is_early()
        await self.wire.write(written.content + b".\r\n")
        answer = await self.wire.reply()
        if answer.code != 250:
            raise GivenUp(f"refused by {answer.code} {answer.lines[0]}")

    def _nothing_is_early(self) -> None:
        if self.wire.buffer and self._is_careful_about_order():
            raise GivenUp("a reply came before its command")

    def _is_careful_about_order(self) -> bool:
        trusting = {Weakness.TRUSTS_EARLY_REPLIES, Weakness.KEEPS_BUFFER}
        return self.wire.is_sealed and trusting.isdisjoint(self.weaknesses)

    async def _expect(self, code: int, command: str) -> None:
        self._nothing_is_early()
        answer = await self.wire.command(command)
        if answer.code != code:
            verb = command.split(" ", 1)[0]
            raise GivenUp(f"{verb}: {answer.code} {answer.lines[0]}")

    def _is(self, weakness: Weakness) -> bool:
        return weakness in self.weaknesses


def _response(mechanism: ClientMechanism, challenge: str) -> bytes:
    try:
        return mechanism.respond(b64decode(challenge, validate=True))
    except (ValueError, MailError) as error:
        raise GivenUp(f"no challenge of {mechanism.name}: {error}") from error


def _encoded(response: bytes) -> str:
    return b64encode(response).decode() or "="
