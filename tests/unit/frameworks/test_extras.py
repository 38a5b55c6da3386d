from __future__ import annotations

import sys
from importlib import import_module

import pytest

from postseal.errors import MissingExtra


@pytest.mark.parametrize(
    ("adapter", "needed"),
    [
        ("celery", "celery"),
        ("django", "django.conf"),
        ("flask", "flask"),
        ("starlette", "starlette.applications"),
    ],
)
def test_a_framework_that_is_not_there_is_named_with_its_extra(
    adapter: str, needed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"postseal.frameworks.{adapter}"
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, needed, None)
    with pytest.raises(MissingExtra) as raised:
        import_module(name)
    assert str(raised.value) == (
        f"{name} needs the package {needed}. Install it with: pip install 'postseal[{adapter}]'."
    )
