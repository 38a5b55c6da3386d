"""A value that does not show itself: not in `repr`, logs, tracebacks' locals or comparisons."""

from __future__ import annotations

from typing import NoReturn, Self, final

from postseal.errors import InvalidInput

__all__ = ["Secret"]


@final
class Secret:
    """A password, token or key that only `reveal` gives away.

    `str`, `repr` and formatting show three stars, equality takes constant time, and pickling is
    refused, so that a secret does not travel where nobody thought of it. `clear`, or the end of a
    ``with`` block, overwrites the value; Python may still hold the texts that it was made of and
    that `reveal` gave.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        # What the environment gives may hold lone surrogates (PEP 383).
        self._value: bytearray | None = bytearray(value, "utf-8", "surrogatepass")

    def reveal(self) -> str:
        """Give the value; call it where the value is used, and keep no copy.

        Raises `InvalidInput` where the value was cleared.
        """
        return self._octets().decode("utf-8", "surrogatepass")

    def clear(self) -> None:
        """Overwrite the value with zeros and forget it; there is nothing to reveal any more."""
        if self._value is not None:
            self._value[:] = bytes(len(self._value))
            self._value = None

    def _octets(self) -> bytearray:
        if self._value is None:
            raise InvalidInput("the secret was cleared", hint="Fetch it again.")
        return self._value

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def __copy__(self) -> Secret:
        return Secret(self.reveal())

    def __deepcopy__(self, _: object) -> Secret:
        return Secret(self.reveal())

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # It brings a good part of OpenSSL, and most programs compare no secrets.
        import hmac

        return hmac.compare_digest(self._octets(), other._octets())

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled; pass a reference to where it is kept instead")
