"""The envelope of an attempt is that of the leases, and what it makes of each is theirs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from postseal.address import Address
from postseal.errors import InvalidAddress
from postseal.serve.attempts import Consignment
from postseal.serve.storage import Lease


class _Nothing:
    """A message without an octet."""

    def __aiter__(self) -> _Nothing:
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


def lease(recipient: str, reverse_path: str = "ada@example.com", delivery_id: int = 1) -> Lease:
    return Lease(
        delivery_id=delivery_id,
        message_id="a" * 26,
        recipient=recipient,
        domain="example.org",
        reverse_path=reverse_path,
        attempts=0,
        received_at=0.0,
        size=10,
    )


def test_the_null_reverse_path_is_none() -> None:
    outgoing = Consignment((lease("bob@example.org", ""),), content=_Nothing).outgoing()
    assert outgoing.envelope.sender is None


def _is_local_part(text: str) -> bool:
    try:
        Address(text, "example.org")
    except InvalidAddress:
        return False
    return True


LOCAL_PARTS = st.one_of(
    st.text(min_size=1, max_size=20), st.text(alphabet='a. "\\@<>,;:é', min_size=1, max_size=8)
).filter(_is_local_part)
ADDRESSES = LOCAL_PARTS.map(lambda local: Address(local, "example.org"))


@given(st.lists(ADDRESSES, min_size=1, max_size=5, unique=True))
def test_an_address_is_the_same_after_the_store(addresses: list[Address]) -> None:
    # Outcomes find their lease by the address as text: another text would make a refused
    # recipient one to whom the message was sent.
    leases = tuple(lease(str(one), str(one), n) for n, one in enumerate(addresses))
    outgoing = Consignment(leases, content=_Nothing).outgoing()
    assert outgoing.envelope.recipients == tuple(addresses)
    assert [str(one) for one in outgoing.envelope.recipients] == [one.recipient for one in leases]
    assert outgoing.envelope.sender == addresses[0]
