from __future__ import annotations

import pytest

from postseal import Message
from postseal.mail.reading import parse
from tests.parts.doc_blocks import examples_of_page, run_examples

PAGE = "mail.md"
COUNT = len(examples_of_page(PAGE))


@pytest.mark.parametrize("number", range(COUNT))
def test_an_example_makes_messages_that_are_read_back(number: int) -> None:
    names: dict[str, object] = {}
    run_examples(PAGE, names, only=slice(number, number + 1))
    made = [value for value in names.values() if isinstance(value, Message)]
    assert made
    for message in made:
        received = parse(bytes(message))
        assert not received.defects
        assert (received.subject, received.message_id) == (message.subject, message.message_id)
        assert received.text
        assert {each.filename for each in received.attachments} >= {
            each.filename for each in message.attachments
        }
        # It is in the envelope alone.
        assert not received.bcc
