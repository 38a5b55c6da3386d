"""The exchanges that RFC 5802 and RFC 7677 print, from both sides."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass

import pytest

from postseal.smtp.sasl import Challenge, Password, RecordNeeded, ScramHash, ScramRecord, Succeeded
from postseal.smtp.sasl.scram_client import ScramClient
from postseal.smtp.sasl.scram_server import ScramServer


@dataclass(frozen=True)
class Vector:
    hash: ScramHash
    salt: bytes
    client_nonce: str
    server_nonce: str
    client_first: bytes
    server_first: bytes
    client_final: bytes
    server_final: bytes


# RFC 5802 5
SHA_1 = Vector(
    ScramHash.SHA_1,
    b64decode("QSXCR+Q6sek8bf92"),
    "fyko+d2lbbFgONRv9qkxdawL",
    "3rfcNHYJY1ZVvWVs7j",
    b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
    b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
    b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
)

# RFC 7677 3
SHA_256 = Vector(
    ScramHash.SHA_256,
    b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="),
    "rOprNGfwEbeRWgbNEkqO",
    "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
    b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
)

each_vector = pytest.mark.parametrize("vector", [SHA_1, SHA_256], ids=lambda v: v.hash.name)


@each_vector
def test_the_client(vector: Vector) -> None:
    client = ScramClient(
        Password("user", "pencil"), hash_=vector.hash, nonce=lambda: vector.client_nonce
    )
    assert client.initial_response() == vector.client_first
    assert client.respond(vector.server_first) == vector.client_final
    assert client.respond(vector.server_final) == b""
    client.finish()


@each_vector
def test_the_server(vector: Vector) -> None:
    server = ScramServer(
        hash_=vector.hash, decoy_secret=b"secret", nonce=lambda: vector.server_nonce
    )
    record = ScramRecord.derive("pencil", hash_=vector.hash, salt=vector.salt)
    assert server.receive(vector.client_first) == RecordNeeded("user", vector.hash)
    assert server.supply(record) == Challenge(vector.server_first)
    assert server.receive(vector.client_final) == Challenge(vector.server_final)
    assert server.receive(b"") == Succeeded("user")
