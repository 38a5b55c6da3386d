"""What only a browser can judge of the HTML report: that it runs and fetches nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from postseal.audit.findings import Evidence
from postseal.audit.report.html_page import html_report
from tests.integration.web.browser import open_tab
from tests.parts.audited import HONEST, found, passed, triaged

ATTACK = (
    "</pre></details><script>document.title = 'owned'</script>"
    "<img src=x onerror=\"document.title = 'owned'\"><style>body { display: none }</style>"
    '<meta http-equiv="refresh" content="0;url=about:blank">'
)


@pytest.mark.needs("chromium")
async def test_a_hostile_report(tmp_path: Path, program: Callable[[str], Path]) -> None:
    finding = replace(found(), message=ATTACK, evidence=(Evidence("output", ATTACK),))
    page = tmp_path / "report.html"
    text = html_report(triaged(passed(HONEST), finding))
    page.write_text(text, encoding="utf-8")
    # The same with its text as markup: now only the policy of the page stands against it.
    broken = tmp_path / "broken.html"
    broken.write_text(text.replace("<h2>Evidence</h2>", ATTACK.partition("<meta")[0]), "utf-8")
    async with open_tab(program("chromium"), tmp_path / "profile") as tab:
        await tab.go(page.as_uri())
        assert await tab.evaluate("document.title") == "Postseal audit: client-starttls"
        assert await tab.evaluate("document.querySelectorAll('pre')[1].textContent") == ATTACK
        complaints = {"Log.entryAdded", "Runtime.exceptionThrown"}
        assert [event for event in tab.events if event["method"] in complaints] == []
        fetched = [event for event in tab.events if event["method"] == "Network.requestWillBeSent"]
        assert [event["params"]["request"]["url"] for event in fetched] == [page.as_uri()]
        # Its own style is allowed by its own policy.
        style = "getComputedStyle(document.querySelector('.result')).fontWeight"
        assert await tab.evaluate(style) == "600"
        # Evidence is folded until somebody asks for it.
        shown = "document.querySelectorAll('pre')[1].checkVisibility()"
        assert await tab.evaluate(shown) is False
        await tab.evaluate("document.querySelectorAll('summary')[1].click()")
        assert await tab.evaluate(shown) is True
        # Nothing needs to be scrolled sideways on a small screen.
        await tab.command(
            "Emulation.setDeviceMetricsOverride",
            width=360,
            height=800,
            deviceScaleFactor=1,
            mobile=True,
        )
        assert await tab.evaluate("document.documentElement.scrollWidth") <= 360

        await tab.go(broken.as_uri())
        assert await tab.evaluate("document.title") == "Postseal audit: client-starttls"
        assert await tab.evaluate("getComputedStyle(document.body).display") == "block"
