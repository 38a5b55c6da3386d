from __future__ import annotations

from base64 import b64decode

import pytest

from postseal.errors import InvalidInput
from postseal.smtp.sasl import ScramHash, ScramRecord, decoy_record

RECORD = ScramRecord.derive("pencil", hash_=ScramHash.SHA_1, salt=b"salt")


def test_a_record_has_a_salt_of_its_own() -> None:
    one, other = (ScramRecord.derive("pencil") for _ in range(2))
    assert one.salt != other.salt
    assert len(one.salt) == 16
    assert one.hash is ScramHash.SHA_256
    assert one.stored_key != other.stored_key


def test_the_salt_may_be_drawn_from_elsewhere() -> None:
    record = ScramRecord.derive("pencil", random=lambda count: b"x" * count)
    assert record == ScramRecord.derive("pencil", salt=b"x" * 16)


def test_equal_looking_passwords_have_one_record() -> None:
    assert ScramRecord.derive("pe\u00adncil", hash_=ScramHash.SHA_1, salt=b"salt") == RECORD


@pytest.mark.parametrize("iterations", [0, 4095, 2_000_001])
def test_iterations_that_no_client_should_do(iterations: int) -> None:
    with pytest.raises(InvalidInput, match="iterations"):
        ScramRecord.derive("pencil", iterations=iterations)


def test_more_iterations_make_another_record() -> None:
    other = ScramRecord.derive("pencil", hash_=ScramHash.SHA_1, salt=b"salt", iterations=5000)
    assert (other.iterations, other.stored_key == RECORD.stored_key) == (5000, False)


@pytest.mark.parametrize("password", ["", "\u00ad", "x\x00", "\U0001f600", "\ud800"])
def test_passwords_without_a_record(password: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be used with SCRAM"):
        ScramRecord.derive(password)


def test_an_empty_salt() -> None:
    with pytest.raises(InvalidInput, match="salt"):
        ScramRecord.derive("pencil", salt=b"")


@pytest.mark.parametrize("hash_", ScramHash)
def test_a_decoy_looks_like_a_record(hash_: ScramHash) -> None:
    decoy = decoy_record("ada", b"secret", hash_=hash_, iterations=10000)
    real = ScramRecord.derive("pencil", hash_=hash_)
    assert decoy.hash is hash_
    assert decoy.iterations == 10000
    assert [len(part) for part in (decoy.salt, decoy.stored_key, decoy.server_key)] == [
        len(part) for part in (real.salt, real.stored_key, real.server_key)
    ]
    assert decoy == decoy_record("ada", b"secret", hash_=hash_, iterations=10000)
    others = [
        decoy_record("bob", b"secret", hash_=hash_),
        decoy_record("ada", b"another", hash_=hash_),
    ]
    assert all(other.salt != decoy.salt for other in others)


def test_the_decoys_of_one_name_do_not_show_that_they_are_related() -> None:
    one, other = (decoy_record("ada", b"secret", hash_=hash_) for hash_ in ScramHash)
    assert one.salt != other.salt


def test_the_names_of_the_mechanisms() -> None:
    assert [hash_.mechanism for hash_ in ScramHash] == ["SCRAM-SHA-256", "SCRAM-SHA-1"]


def test_a_record_is_kept_as_one_line() -> None:
    # The user of RFC 7677 3; PostgreSQL keeps the same line for this password and salt.
    record = ScramRecord.derive("pencil", salt=b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    line = (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
        ":wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )
    assert record.to_text() == line
    assert ScramRecord.from_text(line) == record
    assert ScramRecord.from_text(RECORD.to_text()) == RECORD


@pytest.mark.parametrize(
    "line",
    [
        "",
        "pencil",
        "SCRAM-SHA-256$4096:c2FsdA==$AAAA",
        # Keys of another length, of no hash we know, and no canonical base64.
        "SCRAM-SHA-256$4096:c2FsdA==$AAAA:AAAA",
        RECORD.to_text().replace("SHA-1", "SHA-512"),
        RECORD.to_text().replace("SHA-1", "SHA-256"),
        RECORD.to_text().replace("c2FsdA==", "c2FsdB=="),
        # Fewer or more iterations than a client of ours would do.
        RECORD.to_text().replace("$4096:", "$4095:"),
        RECORD.to_text().replace("$4096:", "$2000001:"),
        RECORD.to_text() + "\n",
    ],
)
def test_what_is_no_record(line: str) -> None:
    with pytest.raises(InvalidInput, match="SCRAM record") as caught:
        ScramRecord.from_text(line)
    assert not line or line not in str(caught.value)
