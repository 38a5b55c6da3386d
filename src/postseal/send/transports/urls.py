"""URLs of transports that are no servers: a path, and options that somebody knows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

from postseal.errors import InvalidURL

__all__ = ["LocalURL"]


@dataclass(frozen=True, slots=True)
class LocalURL:
    """A URL without a host: what stands behind the scheme, and its options in their order."""

    path: str
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, url: str, *, example: str, known: Collection[str] = ()) -> Self:
        """Read a URL whose scheme is known; raises `InvalidURL`, which shows the `example`.

        `known` are the names of its options.
        """
        hint = f"Write it as {example}."
        if any(character.isspace() or not character.isprintable() for character in url):
            raise InvalidURL("a URL holds no spaces and no control characters", hint=hint)
        try:
            parts = urlsplit(url)
            options = parse_qsl(
                parts.query,
                keep_blank_values=True,
                strict_parsing=bool(parts.query),
                max_num_fields=100,
                errors="strict",
            )
        except ValueError:
            raise InvalidURL(f"the {_scheme(url)} URL cannot be read", hint=hint) from None
        if parts.netloc:
            # Not repeated: in a mistyped URL it may hold a password.
            raise InvalidURL(f"a {parts.scheme}: URL names no host", hint=hint)
        if parts.fragment:
            raise InvalidURL(f"a {parts.scheme}: URL has no fragment", hint=hint)
        for name, _ in options:
            if name not in known:
                options_known = f"It knows: {', '.join(sorted(known))}." if known else hint
                raise InvalidURL(
                    f"a {parts.scheme}: URL has no option {name!a}", hint=options_known
                )
        path = unquote(parts.path, errors="surrogateescape")
        if not path.isprintable() and any(ord(one) < 0x20 or ord(one) == 0x7F for one in path):
            raise InvalidURL("a URL holds no control characters", hint=hint)
        return cls(path, tuple(options))

    def values(self, name: str) -> tuple[str, ...]:
        """All values of an option, in their order."""
        return tuple(value for key, value in self.options if key == name)

    def value(self, name: str) -> str | None:
        """The value of an option that may be there once."""
        values = self.values(name)
        if len(values) > 1:
            raise InvalidURL(f"the option {name} is there {len(values)} times")
        return values[0] if values else None


def _scheme(url: str) -> str:
    return url.partition(":")[0]
