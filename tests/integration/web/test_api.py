from __future__ import annotations

import httpx2
import pytest

from postseal.serve.storage import Store
from tests.integration.web import samples
from tests.integration.web.samples import message_id


async def test_the_list_is_that_of_the_page(browser: httpx2.AsyncClient, store: Store) -> None:
    await samples.fill(store)
    answer = (await browser.get("/api/v1/messages")).json()
    assert [message["id"] for message in answer["messages"]] == [
        message_id(n) for n in (6, 5, 4, 3, 2, 1)
    ]
    assert answer["counts"] == {"queued": 1, "sent": 2, "deferred": 1, "failed": 1, "held": 1}
    assert answer["older"] is None
    assert answer["messages"][-1] == {
        "id": message_id(1),
        "received_at": "2026-03-01T14:00:01.250000Z",
        "size": len(samples.INVOICE),
        "state": "sent",
        "reverse_path": "bounces@example.com",
        "subject": "Your invoice for February 🧾",
        "header_from": "ada@example.com",
        "header_to": "bjorn@example.org",
        "header_message_id": "",
        "recipient_count": 1,
    }


async def test_older_leads_through_all_of_it(browser: httpx2.AsyncClient, store: Store) -> None:
    await samples.fill(store)
    seen: list[str] = []
    query: dict[str, str] = {"limit": "4"}
    while True:
        answer = (await browser.get("/api/v1/messages", params=query)).json()
        seen += [message["id"] for message in answer["messages"]]
        if answer["older"] is None:
            break
        query["before"] = answer["older"]
    assert seen == [message_id(n) for n in (6, 5, 4, 3, 2, 1)]


async def test_one_message_with_its_hops(browser: httpx2.AsyncClient, store: Store) -> None:
    await samples.fill(store)
    answer = (await browser.get(f"/api/v1/messages/{message_id(1)}")).json()
    assert answer["reception"]["seal"] == {
        "kind": "authenticated",
        "meaning": "Came in encrypted. The client proved who it is with its credential.",
        "tls_version": "TLSv1.3",
        "tls_cipher": "TLS_AES_256_GCM_SHA384",
    }
    [delivery] = answer["deliveries"]
    [attempt] = delivery["attempts"]
    assert (delivery["state"], attempt["code"], attempt["authenticated_by"]) == (
        "sent",
        250,
        "PKIX",
    )
    assert attempt["peer_certificate"] == samples.FINGERPRINT
    assert {"name": "To", "value": "Björn <bjorn@example.org>"} in answer["headers"]
    assert answer["text"].startswith("Hello Björn,")
    assert "<b>invoice for February</b>" in answer["html"]
    [attachment] = answer["attachments"]
    assert attachment["filename"] == "Invoice € 1200.pdf"
    assert (await browser.get(attachment["href"])).content == samples.INVOICE_PDF
    assert (await browser.get(answer["raw"])).content == samples.INVOICE

    clear = (await browser.get(f"/api/v1/messages/{message_id(4)}")).json()
    assert clear["reception"]["seal"]["kind"] == "clear"
    assert clear["deliveries"][0]["attempts"][0]["seal"]["kind"] == "clear"


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        ("messages/unknown", 404, "no message"),
        ("messages/" + "z" * 26, 404, "no message"),
        ("messages?state=lost", 422, "state"),
        ("messages?limit=0", 422, "limit"),
        ("messages?limit=201", 422, "limit"),
        ("messages?q=" + "x" * 201, 422, "q"),
        ("messages?before=x", 400, "no place"),
        ("messages?before=1e999-" + "0" * 26, 400, "no place"),
        ("nowhere", 404, "nothing"),
    ],
)
async def test_refusals_are_problem_details(
    browser: httpx2.AsyncClient, path: str, status: int, word: str
) -> None:
    answer = await browser.get(f"/api/v1/{path}")
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code == status
    assert set(problem) == {"type", "title", "status", "detail"}
    assert word in problem["detail"]


async def test_the_document_describes_the_api(anonymous: httpx2.AsyncClient) -> None:
    document = (await anonymous.get("/api/v1/openapi.json")).json()
    assert set(document["paths"]) == {"/api/v1/messages", "/api/v1/messages/{message_id}"}
    assert set(document["components"]["securitySchemes"]) == {"password", "session"}
    for path in document["paths"].values():
        operation = path["get"]
        assert operation["summary"]
        assert operation["description"]
        assert operation["security"] == [{"password": []}, {"session": []}]
        assert {"200", "401", "422", "429", "503"} <= set(operation["responses"])
        assert "application/problem+json" in operation["responses"]["401"]["content"]
        for parameter in operation["parameters"]:
            assert parameter["description"]
    schemas = document["components"]["schemas"]
    assert {"MessagesModel", "MessageModel", "AttemptModel", "SealModel"} <= set(schemas)
    assert "HTTPValidationError" not in schemas
