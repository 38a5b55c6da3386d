"""A value that does not show itself: not in `repr`, logs, tracebacks' locals or comparisons."""

from __future__ import annotations

import hmac
from typing import NoReturn, final

__all__ = ["Secret"]


@final
class Secret:
    """A password, token or key that only `reveal` gives away.

    `str`, `repr` and formatting show three stars, equality takes constant time, and pickling is
    refused, so that a secret does not travel where nobody thought of it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Give the value; call it where the value is used, and keep no copy."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # What the environment gives may hold lone surrogates (PEP 383).
        mine, others = (one._value.encode("utf-8", "surrogatepass") for one in (self, other))
        return hmac.compare_digest(mine, others)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled; pass a reference to where it is kept instead")
