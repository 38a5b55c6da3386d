"""Messages made of Jinja2 templates, whose CSS is written into the tags that it is for.

It needs the extra `templates`. Templates run in Jinja2's sandbox: they read what they are given and
change nothing. Loops and output are bounded; the memory and time of one expression are not, so
templates of strangers belong in a process that has limits of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from postseal.errors import InvalidInput, MissingExtra

if TYPE_CHECKING:
    from jinja2 import BaseLoader
    from jinja2.sandbox import SandboxedEnvironment

__all__ = ["MessageTemplates", "Rendered"]

# What expressions raise for values that they do not fit.
_FAILURES = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_MAX_CHARACTERS = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a message is made of; give it to `Message` as it is."""

    subject: str | None
    text: str | None
    html: str | None


class MessageTemplates:
    """Templates by name: `welcome` is `welcome.subject`, `welcome.txt` and `welcome.html`.

    At least one of the last two has to be there. HTML escapes what is put into it, the others do
    not. A name that is used and not given is an error, not an empty place. CSS of `<style>` goes
    into the tags, where mail programs heed it, and nothing is loaded for that from anywhere.
    """

    def __init__(self, loader: BaseLoader) -> None:
        """Take what finds the templates: `FileSystemLoader(folder)`, `DictLoader(texts)`...

        Raises `MissingExtra` without the packages.
        """
        try:
            import css_inline
            from jinja2 import StrictUndefined, select_autoescape
            from jinja2.sandbox import ImmutableSandboxedEnvironment
        except ModuleNotFoundError as error:
            raise MissingExtra(
                f"templates need the package {error.name}",
                hint="pip install 'postseal[templates]'",
            ) from error
        self._inliner = css_inline.CSSInliner(load_remote_stylesheets=False)
        self._environment: SandboxedEnvironment = ImmutableSandboxedEnvironment(
            loader=loader,
            undefined=StrictUndefined,
            autoescape=select_autoescape(["html"], default=False),
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )

    def render(self, name: str, values: Mapping[str, object]) -> Rendered:
        """Fill in the templates of a message.

        Raises `InvalidInput`, which names the template, if none is there, or one cannot be read or
        filled in, or gives more than 4 Mi characters.
        """
        html = self._render(f"{name}.html", values)
        text = self._render(f"{name}.txt", values)
        if html is None and text is None:
            raise InvalidInput(
                f"there is no template {name}.txt or {name}.html",
                hint="Look at what the loader finds.",
            )
        subject = self._render(f"{name}.subject", values)
        return Rendered(
            # A file ends with a line end, which no subject may hold.
            subject=None if subject is None else " ".join(subject.split("\n")).strip(),
            text=text,
            html=None if html is None else self._inlined(html, name),
        )

    def _render(self, name: str, values: Mapping[str, object]) -> str | None:
        from jinja2 import TemplateError, TemplateNotFound

        try:
            template = self._environment.get_template(name)
        except TemplateNotFound as error:
            # One that another template wants is missing; this one is just not there.
            if error.name == name:
                return None
            raise InvalidInput(
                f"the template {name} wants {error.name}, which is not there"
            ) from None
        except TemplateError as error:
            raise InvalidInput(f"the template {name} cannot be read: {error}") from error
        pieces: list[str] = []
        count = 0
        try:
            for piece in template.generate(**values):
                count += len(piece)
                if count > _MAX_CHARACTERS:
                    raise InvalidInput(
                        f"the template {name} gives over {_MAX_CHARACTERS} characters"
                    )
                pieces.append(piece)
        except InvalidInput:
            raise
        except (TemplateError, *_FAILURES) as error:
            raise InvalidInput(f"the template {name} cannot be filled in: {error}") from error
        return "".join(pieces)

    def _inlined(self, html: str, name: str) -> str:
        from css_inline import InlineError

        if "<style" not in html.lower():
            return html
        try:
            return self._inliner.inline(html)
        except InlineError as error:
            raise InvalidInput(f"the CSS of {name}.html cannot be inlined: {error}") from error
