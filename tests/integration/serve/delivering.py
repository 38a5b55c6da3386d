"""A platform that delivers: its settings, a message through it, and the wait for the outcome."""

from __future__ import annotations

from pathlib import Path

from postseal import AsyncMailer, Message
from tests.parts.eventually import eventually
from tests.parts.house import House
from tests.parts.queue_view import DeliveryRow, read_deliveries

SOON = {"retry_first": "50ms", "retry_cap": "50ms"}
NEVER = {"retry_first": "1h"}


def live(route: str | None, ca_file: Path | None = None, **settings: object) -> dict[str, object]:
    """The [delivery] table of a platform that hands mail for example.org to one server."""
    table: dict[str, object] = {"mode": "live", **settings}
    if route:
        table["routes"] = {
            "example.org": {"url": route, "ca_file": str(ca_file)} if ca_file else {"url": route}
        }
    return table


async def submit(house: House, *to: str, text: str = "Hello") -> Message:
    message = Message(
        from_="ada@example.com", to=to or ["bob@example.org"], subject="A subject", text=text
    )
    async with AsyncMailer(house.url, password=house.password, ca_file=house.ca_file) as mailer:
        await mailer.send(message)
    return message


async def settled(house: House, *states: str) -> list[DeliveryRow]:
    """Wait until each delivery was attempted and none is leased; they are in these states."""

    def all_done() -> list[DeliveryRow] | None:
        rows = read_deliveries(house.data_directory)
        done = all(row.state != "queued" and not row.is_leased for row in rows)
        return (
            rows if rows and done and sorted(row.state for row in rows) == sorted(states) else None
        )

    return await eventually(all_done, what=f"deliveries {states}")
