"""A server that says what a test tells it to, honest or not, and keeps every octet it got.

It has sockets, threads and OpenSSL of its own: nothing of it is the project's.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

from tests.parts.ports import LOOPBACK

_PIECE = 65536
# A script that hangs is a failed test.
_PATIENCE = 20.0
# l_onoff, l_linger: closing sends a reset, as a broken path does (socket(7)).
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Gone(Exception):
    """The client closed the connection, in whatever way."""


@dataclass(slots=True)
class Talk:
    """One connection, as a script sees it.

    `received` is all that came in clear and, where the script made TLS, all that could be
    deciphered: what a thief in the server's place would have. `on_the_wire` is what somebody on
    the path would have seen.
    """

    connection: socket.socket
    over: threading.Event
    received: bytearray = field(default_factory=bytearray)
    on_the_wire: bytearray = field(default_factory=bytearray)
    _waiting: bytearray = field(default_factory=bytearray)
    _tls: ssl.SSLObject | None = None
    _incoming: ssl.MemoryBIO = field(default_factory=ssl.MemoryBIO)
    _outgoing: ssl.MemoryBIO = field(default_factory=ssl.MemoryBIO)

    def say(self, *lines: str) -> None:
        """Send lines, CRLF behind each, in one segment."""
        self.send("".join(f"{line}\r\n" for line in lines).encode())

    def send(self, data: bytes) -> None:
        """Send octets, under TLS where there is."""
        if self._tls is not None:
            self._tls.write(data)
            data = self._outgoing.read()
        self._write(data)

    def say_last(self, *lines: str) -> None:
        """Send lines and the end of TLS (close_notify) in one segment, and hear the client out."""
        assert self._tls is not None
        self._tls.write("".join(f"{line}\r\n" for line in lines).encode())
        with contextlib.suppress(ssl.SSLError):
            # The client's own close_notify has not come.
            self._tls.unwrap()
        self._write(self._outgoing.read())
        self.end()

    def say_with(self, clear: bytes, *lines: str) -> None:
        """Send lines under TLS, and octets behind them in the same segment that nobody sealed."""
        assert self._tls is not None
        self._tls.write("".join(f"{line}\r\n" for line in lines).encode())
        self._write(self._outgoing.read() + clear)

    def hear(self, beginning: str = "") -> str:
        """Receive one line, which must begin so."""
        while b"\r\n" not in self._waiting:
            self._waiting += self.take()
        line, _, rest = bytes(self._waiting).partition(b"\r\n")
        self._waiting[:] = rest
        text = line.decode()
        assert text.startswith(beginning), f"the client should say {beginning}, but said {text!r}"
        return text

    def hear_body(self) -> bytes:
        """Receive what ends with a line of one dot; return it without that, and stuffed."""
        self._waiting[:0] = b"\r\n"
        while (end := self._waiting.find(b"\r\n.\r\n")) < 0:
            self._waiting += self.take()
        body = bytes(self._waiting[2 : end + 2])
        del self._waiting[: end + 5]
        return body

    def take(self, *, keep: bool = True) -> bytes:
        """Receive what is there, at least one octet. Raises `Gone` at the end."""
        while not (data := self._decipher() if self._tls else self._read(keep=keep)):
            # What is under TLS may need more than one segment to be read.
            self._incoming.write(self._read(keep=keep))
        if keep:
            self.received += data
        return data

    def take_all(self, *, keep: bool = True) -> None:
        """Receive until the client goes, saying nothing."""
        with contextlib.suppress(Gone, ssl.SSLError):
            while True:
                self.take(keep=keep)

    def seal(self, context: ssl.SSLContext) -> None:
        """Do the server's half of the handshake. Raises `ssl.SSLError` where it fails."""
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._write(self._outgoing.read())
                self._incoming.write(self._read())
            except ssl.SSLError:
                with contextlib.suppress(Gone):
                    self._write(self._outgoing.read())
                raise
            else:
                break
        self._write(self._outgoing.read())

    def finish(self) -> None:
        """Say close_notify under TLS: all that was sent is all there is."""
        assert self._tls is not None
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        self._write(self._outgoing.read())

    def end(self) -> None:
        """Say that nothing more will be said, and hear the client to its end."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
        self.take_all()

    def reset(self) -> None:
        """Break the connection."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.connection.close()
        raise Gone

    def stall(self) -> None:
        """Neither say nor take anything until the test is over."""
        self.over.wait(_PATIENCE)
        raise Gone

    def _decipher(self) -> bytes:
        assert self._tls is not None
        data = b""
        with contextlib.suppress(ssl.SSLWantReadError):
            while piece := self._tls.read(_PIECE):
                data += piece
            if not data:
                # The client said close_notify.
                raise Gone
        return data

    def _read(self, *, keep: bool = True) -> bytes:
        try:
            data = self.connection.recv(_PIECE)
        except ConnectionError:
            raise Gone from None
        if not data:
            raise Gone
        if keep:
            self.on_the_wire += data
        return data

    def _write(self, data: bytes) -> None:
        try:
            self.connection.sendall(data)
        except ConnectionError:
            raise Gone from None


Script = Callable[[Talk], None]


class HostileServer:
    """Listens on a loopback port while it is entered, and plays one script a connection.

    The last script serves all further connections. What a script asserts in vain fails the test
    on exit. `talks` are the connections, in order. `listener` is one to take over, such as that of
    another network namespace.
    """

    def __init__(
        self, *scripts: Script, address: str = LOOPBACK, listener: socket.socket | None = None
    ) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = listener or socket.create_server((address, 0), family=family, backlog=64)
        self._scripts = scripts
        self._threads: list[threading.Thread] = []
        self._over = threading.Event()
        self._failures: list[BaseException] = []
        self.talks: list[Talk] = []
        self.port: int = self._listener.getsockname()[1]

    @property
    def received(self) -> bytes:
        """All that clients let any script have, and all that was seen on the wire."""
        talks: Sequence[Talk] = list(self.talks)
        return b"\0".join(bytes(part) for one in talks for part in (one.received, one.on_the_wire))

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._over.set()
        # A shutdown wakes the thread that waits in accept.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in list(self._threads):
            thread.join(_PATIENCE)
        for talk in self.talks:
            talk.connection.close()
        if self._failures and kind is None:
            raise self._failures[0]

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(_PATIENCE)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            talk = Talk(connection, self._over)
            script = self._scripts[min(len(self.talks), len(self._scripts) - 1)]
            self.talks.append(talk)
            self._start(self._play, script, talk)

    def _play(self, script: Script, talk: Talk) -> None:
        try:
            script(talk)
        except (Gone, ssl.SSLError):
            # The client does not have to stay with a server like this.
            pass
        except BaseException as error:  # noqa: BLE001 - it is raised where the test is
            self._failures.append(error)
        finally:
            talk.connection.close()
