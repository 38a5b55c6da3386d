"""The templates, and how times and sizes read in them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

__all__ = ["format_octets", "format_time", "render_page"]

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_UNITS: Final = {"kB": 10**3, "MB": 10**6, "GB": 10**9}


def format_time(seconds: float) -> str:
    """Write a time for people: `2026-03-01 14:05:09`, UTC."""
    return _moment(seconds).strftime("%Y-%m-%d %H:%M:%S")


def format_octets(count: int) -> str:
    """Write a size for people: octets up to a thousand, then in decimal units."""
    if count < 1000:
        return f"{count} octet{'' if count == 1 else 's'}"
    unit = next((unit for unit, size in _UNITS.items() if count < 999.95 * size), "GB")
    return f"{count / _UNITS[unit]:.1f} {unit}"


def render_page(
    template: str, *, status: int = HTTPStatus.OK, name: str | None = None, **values: object
) -> HTMLResponse:
    """Fill a template. `name` is the account that is logged in; None hides what needs one."""
    page = _environment.get_template(template).render(account_name=name, **values)
    # A lone surrogate has no UTF-8; wherever it came from, it must not take the page away.
    return HTMLResponse(_SURROGATE.sub("\ufffd", page), status_code=status)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def _machine_time(seconds: float) -> str:
    return _moment(seconds).isoformat(timespec="seconds")


# Autoescape is what keeps mail from being markup, so it is on whatever a template is called.
_environment = Environment(
    loader=PackageLoader("postseal.serve.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(time=format_time, machine_time=_machine_time, octets=format_octets)
