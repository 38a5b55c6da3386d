from __future__ import annotations

import re
from dataclasses import replace

import httpx2
import pytest

from postseal.serve.setting_types import DeliveryMode
from postseal.serve.storage import DeliveryState, Store, Summary
from postseal.serve.web import create_app
from postseal.tls.requiretls import TLSRequirement
from tests.integration.web import samples
from tests.integration.web.conftest import PASSWORD, Clock, open_client
from tests.integration.web.samples import message_id, new_message, plain

SCRIPT = "<script>alert(1)</script>"


def listed(page: str) -> list[str]:
    return re.findall(r'href="/messages/(\w{26})"', page)


async def test_the_list_shows_the_newest_first(browser: httpx2.AsyncClient, store: Store) -> None:
    await samples.fill(store)
    page = (await browser.get("/")).text
    assert listed(page) == [message_id(n) for n in (6, 5, 4, 3, 2, 1)]
    assert "Your invoice for February 🧾" in page
    assert '<time datetime="2026-03-01T14:00:01+00:00">2026-03-01 14:00:01</time>' in page
    assert re.search(r'sent <span class="count">2</span>', page)
    assert re.search(r'all <span class="count">6</span>', page)


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("?state=sent", [4, 1]),
        ("?state=held", [5]),
        ("?state=failed", [3]),
        ("?q=INVOICE", [1]),
        ("?q=bjorn@example.org", [6, 5, 4, 3, 2, 1]),
        ("?q=invoice&state=held", []),
        ("?q=%25", []),
    ],
)
async def test_the_list_is_narrowed(
    browser: httpx2.AsyncClient, store: Store, query: str, numbers: list[int]
) -> None:
    await samples.fill(store)
    assert listed((await browser.get(f"/{query}")).text) == [message_id(n) for n in numbers]


async def test_older_messages_are_pages_away(browser: httpx2.AsyncClient, store: Store) -> None:
    for number in range(120):
        await store.accept(new_message(number, plain("x"), state=DeliveryState.HELD, reason="s"))
    seen: list[str] = []
    address: str | None = "/?state=held&q=example.org"
    while address:
        page = (await browser.get(address)).text
        seen += listed(page)
        older = re.search(r'<a href="([^"]+)" rel="next">', page)
        address = older[1].replace("&amp;", "&") if older else None
    assert seen == [message_id(n) for n in reversed(range(120))]


async def test_the_sandbox_says_so(browser: httpx2.AsyncClient, store: Store, clock: Clock) -> None:
    assert "kept here, not delivered" in (await browser.get("/")).text
    live = create_app(store, mode=DeliveryMode.LIVE, clock=clock)
    async with open_client(live) as client:
        await client.post("/login", data={"name": "admin", "password": PASSWORD})
        page = (await client.get("/")).text
    assert "No messages yet" in page
    assert "Sandbox" not in page


async def test_a_message_shows_its_parts(browser: httpx2.AsyncClient, store: Store) -> None:
    await samples.fill(store)
    page = (await browser.get(f"/messages/{message_id(1)}")).text
    assert "the invoice for February is attached" in page
    assert "Björn &lt;bjorn@example.org&gt;" in page  # decoded in the table of header fields
    assert "Invoice € 1200.pdf" in page
    assert f'<iframe sandbox src="/messages/{message_id(1)}/html"' in page
    assert "<b>invoice" not in page  # HTML of strangers is in the frame and nowhere else


async def test_the_hops_say_how_they_were_sealed(browser: httpx2.AsyncClient, store: Store) -> None:
    await samples.fill(store)
    sealed = (await browser.get(f"/messages/{message_id(1)}")).text
    for fact in (
        "ESMTPSA",
        "TLS_AES_256_GCM_SHA384",
        "invoices",
        "mx1.example.org",
        "203.0.113.25 port 25",
        samples.FINGERPRINT,
        "PKIX",
        "250 2.0.0 Ok: queued as 4F2B81C0",
        "authenticated (configuration)",
        "To change that: Change delivery.mx_tls.",
    ):
        assert fact in sealed
    assert sealed.count("seal authenticated") == 2
    assert "No TLS" not in sealed

    stripped = (await browser.get(f"/messages/{message_id(2)}")).text
    assert "seal not-reached" in stripped
    assert "does not offer STARTTLS" in stripped
    assert "Next attempt: <time" in stripped

    refused = (await browser.get(f"/messages/{message_id(3)}")).text
    assert "seal encrypted" in refused
    assert "550 5.1.1 no such user here" in refused

    clear = (await browser.get(f"/messages/{message_id(4)}")).text
    assert clear.count("<strong>No TLS</strong>") == 2

    null = (await browser.get(f"/messages/{message_id(6)}")).text
    assert "&lt;&gt; (null)" in null
    assert "No attempt was made yet." in null


async def test_what_a_sender_asks_of_the_way_is_shown(
    browser: httpx2.AsyncClient, store: Store
) -> None:
    sealed = samples.new_message(
        1, samples.plain("sealed"), tls_requirement=TLSRequirement.REQUIRED
    )
    await store.accept(sealed)
    await store.accept(samples.new_message(2, samples.plain("plain")))
    assert (
        "<dt>Its sender asks for</dt><dd><bdi>REQUIRETLS</bdi></dd>"
        in (await browser.get(f"/messages/{message_id(1)}")).text
    )
    assert "Its sender asks for" not in (await browser.get(f"/messages/{message_id(2)}")).text


async def test_the_frame_cannot_do_anything(browser: httpx2.AsyncClient, store: Store) -> None:
    await samples.fill(store)
    answer = await browser.get(f"/messages/{message_id(1)}/html")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["referrer-policy"] == "no-referrer"
    policy = answer.headers["content-security-policy"].split("; ")
    assert policy == [
        "sandbox",
        "default-src 'none'",
        "img-src data:",
        "style-src 'unsafe-inline'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'self'",
    ]
    assert "<b>invoice for February</b>" in answer.text
    assert (await browser.get(f"/messages/{message_id(2)}/html")).status_code == 404


async def test_an_attachment_is_saved_and_never_shown(
    browser: httpx2.AsyncClient, store: Store
) -> None:
    await samples.fill(store)
    answer = await browser.get(f"/messages/{message_id(1)}/attachments/1")
    assert answer.content == samples.INVOICE_PDF
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == (
        'attachment; filename="Invoice _ 1200.pdf"; '
        "filename*=UTF-8''Invoice%20%E2%82%AC%201200.pdf"
    )
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    for number, status in (("2", 404), ("0", 422), ("-1", 422), ("x", 422), ("9" * 30, 422)):
        answer = await browser.get(f"/messages/{message_id(1)}/attachments/{number}")
        assert answer.status_code == status


async def test_the_raw_message_is_what_is_stored(browser: httpx2.AsyncClient, store: Store) -> None:
    await samples.fill(store)
    answer = await browser.get(f"/messages/{message_id(1)}/raw")
    assert answer.content == samples.INVOICE
    assert answer.headers["content-type"] == "text/plain"
    assert answer.headers["content-length"] == str(len(samples.INVOICE))
    assert answer.headers["content-disposition"].startswith(
        f'attachment; filename="{message_id(1)}.eml"'
    )
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")


async def test_hostile_text_stays_text(browser: httpx2.AsyncClient, store: Store) -> None:
    content = (
        f"Subject: {SCRIPT}\r\n{SCRIPT}: x\r\nX-<b>: {SCRIPT}\r\n"
        'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
        f"--b\r\n\r\n</pre>{SCRIPT}\r\n"
        f'--b\r\nContent-Type: text/html; charset="{SCRIPT}"\r\n\r\n{SCRIPT}\r\n'
        f'--b\r\nContent-Type: "{SCRIPT}"\r\n'
        f'Content-Disposition: attachment; filename="../../{SCRIPT}\\"; x=\\".html"\r\n\r\nhi\r\n'
        "--b\r\nContent-Disposition: attachment; filename*=utf-8''a%0d%0aSet-Cookie:%20x=y%00.txt"
        "\r\n\r\nhi\r\n--b--\r\n"
    ).encode()
    await store.accept(
        new_message(
            1,
            content,
            summary=Summary(SCRIPT, f'"{SCRIPT}" <a@b>', f"{SCRIPT}@b", SCRIPT),
            reverse_path=f'"{SCRIPT}"@b',
            recipients=((f'"{SCRIPT}"@b', "b"),),
            reception=replace(
                samples.SEALED, client_name=SCRIPT, authenticated_as=SCRIPT, tls_cipher=SCRIPT
            ),
        )
    )
    await samples.settle(
        store,
        1,
        DeliveryState.DEFERRED,
        replace(samples.REFUSED, outcome=DeliveryState.DEFERRED, text=SCRIPT, host=SCRIPT),
    )
    for path in ("/", f"/?q={SCRIPT}", f"/messages/{message_id(1)}", "/login?next=<script>"):
        answer = await browser.get(path)
        assert answer.status_code == 200
        assert "<script" not in answer.text
    page = (await browser.get(f"/messages/{message_id(1)}")).text
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 10
    names = []
    for number in (1, 2):
        answer = await browser.get(f"/messages/{message_id(1)}/attachments/{number}")
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        names.append(answer.headers["content-disposition"])
    for name in names:
        assert "/" not in name
        assert "\\" not in name
        assert "<" not in name
        assert ".." not in name


GARBAGE = {
    "nothing": b"",
    "nul": b"\x00" * 1000,
    "no header": b"\r\n\r\nbody",
    "no end": b"Subject: x",
    "8-bit": bytes(range(256)) * 10,
    "long line": b"Subject: " + b"x" * 1_000_000 + b"\r\n\r\n",
    "long word": b"Subject: =?utf-8?q?" + b"=41" * 100_000 + b"?=\r\n\r\n",
    "many headers": b"A: b\r\n" * 20_000 + b"\r\nx",
    "no boundary": b"Content-Type: multipart/mixed\r\n\r\nx",
    "cut": samples.INVOICE[: len(samples.INVOICE) // 2],
    "bad charset": b"Content-Type: text/plain; charset=rot13\r\n\r\nx\xff",
    "bad base64": b"Content-Transfer-Encoding: base64\r\n\r\n=====a\xff\x00",
    "bad uuencode": b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\r\n\xff\xff",
    "big number": b"Content-Type: text/plain; name*" + b"9" * 5000 + b"=x\r\n\r\nx",
    "deep": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
        for n in range(3000)
    ),
    "messages in messages": b"Content-Type: message/rfc822\r\n\r\n" * 3000,
    "10,000 attachments": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    + b'--b\r\nContent-Disposition: attachment; filename="x"\r\n\r\nhi\r\n' * 10_000,
}


@pytest.mark.parametrize("content", GARBAGE.values(), ids=GARBAGE)
async def test_garbage_is_a_page_as_well(
    browser: httpx2.AsyncClient, store: Store, content: bytes
) -> None:
    await store.accept(new_message(1, content or b"\r\n"))
    page = await browser.get(f"/messages/{message_id(1)}")
    assert page.status_code == 200
    assert len(page.content) < 2_000_000
    assert page.text.count("/attachments/") <= 100
    assert (await browser.get(f"/api/v1/messages/{message_id(1)}")).status_code == 200


async def test_a_large_message_is_shown_in_part(browser: httpx2.AsyncClient, store: Store) -> None:
    head = (
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nThe text.\r\n'
        b"--b\r\nContent-Disposition: attachment; filename=whole\r\n\r\nwhole\r\n"
        b"--b\r\nContent-Disposition: attachment; filename=cut\r\n\r\n"
    )
    chunk = b"x" * 70 + b"\r\n"
    content = head + chunk * 100_000 + b"--b--\r\n"
    await store.accept(new_message(1, content))
    page = (await browser.get(f"/messages/{message_id(1)}")).text
    assert "Only the first 5,242,880 octets" in page
    assert "The text." in page
    assert re.search(r"cut</bdi>[^\n]*only in the raw message", page)
    whole = await browser.get(f"/messages/{message_id(1)}/attachments/1")
    assert whole.content == b"whole"
    assert (await browser.get(f"/messages/{message_id(1)}/attachments/2")).status_code == 404
    raw = await browser.get(f"/messages/{message_id(1)}/raw")
    assert raw.content == content
