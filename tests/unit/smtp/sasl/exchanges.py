"""A client's mechanism and a server's, talking to each other until one of them ends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from postseal.smtp.sasl import (
    CertificateClaimed,
    Challenge,
    ChannelEnds,
    ClientMechanism,
    Failed,
    Password,
    PasswordReceived,
    RecordNeeded,
    SASLError,
    ScramHash,
    ScramRecord,
    ScramServer,
    ServerMechanism,
    Succeeded,
    TokenPresented,
)
from postseal.smtp.sasl.scram_client import ScramClient
from postseal.smtp.sasl.scram_messages import BindingFlag

BINDING = b"the hash of a certificate, 32 o."
CHANNEL = ChannelEnds(BINDING, client_certificate=b"a certificate in DER")
DECOY_SECRET = b"known to nobody else"
ADA = Password("ada", "correct-horse-battery-staple")
RECORDS = {
    hash_: ScramRecord.derive(ADA.password, hash_=hash_, salt=b"sixteen octets..")
    for hash_ in ScramHash
}

Tamper = Callable[[int, bytes], bytes]
"""Changes the message with this number on its way."""


@dataclass
class Exchange:
    """What came of it; exactly one of the last three is set."""

    messages: list[bytes] = field(default_factory=list)
    succeeded: Succeeded | PasswordReceived | TokenPresented | CertificateClaimed | None = None
    failed: Failed | None = None
    error: SASLError | None = None


def untouched(_: int, message: bytes) -> bytes:
    return message


def run(
    client: ClientMechanism,
    server: ServerMechanism,
    *,
    records: dict[str, ScramRecord] | None = None,
    tamper: Tamper = untouched,
) -> Exchange:
    exchange = Exchange()

    def passed_on(message: bytes) -> bytes:
        message = tamper(len(exchange.messages), message)
        exchange.messages.append(message)
        return message

    try:
        initial = client.initial_response()
        step = server.receive(None if initial is None else passed_on(initial))
        while True:
            match step:
                case RecordNeeded(username):
                    assert isinstance(server, ScramServer)
                    step = server.supply((records or {}).get(username))
                case Challenge(data):
                    step = server.receive(passed_on(client.respond(passed_on(data))))
                case Failed():
                    exchange.failed = step
                    return exchange
                case _:
                    client.finish()
                    exchange.succeeded = step
                    return exchange
    except SASLError as error:
        exchange.error = error
        return exchange


def scram_client(
    hash_: ScramHash = ScramHash.SHA_256,
    *,
    plus: bool = False,
    flag: BindingFlag = BindingFlag.UNSUPPORTED,
    credentials: Password = ADA,
    binding: bytes = BINDING,
) -> ScramClient:
    return ScramClient(
        credentials,
        hash_=hash_,
        flag=BindingFlag.USED if plus else flag,
        channel_binding=binding if plus else b"",
        nonce=lambda: "CLIENT",
    )


def scram_server(
    hash_: ScramHash = ScramHash.SHA_256, *, plus: bool = False, binding: bytes = b""
) -> ScramServer:
    return ScramServer(
        hash_=hash_,
        plus=plus,
        channel_binding=BINDING if plus else binding,
        decoy_secret=DECOY_SECRET,
        nonce=lambda: "SERVER",
    )
