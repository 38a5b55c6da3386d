"""What to tell the operator about a configuration file: which line, which key, what would be right.

Pydantic says what it found in its own words; this turns all of it into one `InvalidSetting`, with
line numbers, and with the nearest known key for each unknown one. A value is shown only where the
settings expect a value, so that a password under a mistyped key is not repeated into a log.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from postseal.errors import InvalidSetting, MailError

__all__ = ["KeyPath", "dotted", "explain", "fields_of"]

KeyPath = tuple[str, ...]
"""The way to a key from the top of the file: `("listeners", "mx", "port")`."""

_MAX_PROBLEMS = 20
_MAX_DEPTH = 8
_MAX_SHOWN = 80
_MAX_SEARCHED = 32 * 1024
_MAX_STATEMENT = 50  # lines
_LIKENESS = 0.6
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")
_USER_INFO = re.compile(r"//.*@", re.DOTALL)

_EXPECTED = {
    "bool_type": "it must be true or false",
    "dict_type": "it must be a table",
    "finite_number": "it must be a finite number",
    "float_type": "it must be a number",
    "int_from_float": "it must be a whole number",
    "int_type": "it must be a whole number",
    "mapping_type": "it must be a table",
    "model_type": "it must be a table",
    "path_type": "it must be a text that names a file",
    "string_type": "it must be a text",
}


def dotted(path: Sequence[str]) -> str:
    """Write a key as TOML does, with quotes around the parts that need them."""
    return ".".join(
        part if _BARE_KEY.match(part) else json.dumps(part[:_MAX_SHOWN]) for part in path
    )


def fields_of(
    model: type[BaseModel], document: Mapping[str, object] | None = None, above: KeyPath = ()
) -> Iterator[tuple[KeyPath, FieldInfo]]:
    """Yield every key that `model` knows, tables excluded, in the order of their definition.

    A table with keys of the operator's choosing yields its own key, and the keys of the entries
    that `document` has in it.
    """
    for name, field in model.model_fields.items():
        path = (*above, name)
        written = (document or {}).get(name)
        inner = written if isinstance(written, Mapping) else {}
        if table := _as_model(field.annotation):
            yield from fields_of(table, inner, path)
            continue
        yield path, field
        if entry := _entry_model(field.annotation):
            for key in inner:
                yield from fields_of(entry, None, (*path, key))


def explain(
    error: ValidationError,
    *,
    model: type[BaseModel],
    document: Mapping[str, object],
    overrides: Mapping[str, object],
    text: str,
    source: str,
) -> InvalidSetting:
    """Turn what pydantic found into one error that names all problems.

    `document` is what was validated, merged from `text` (the file named `source`) and `overrides`.
    """
    known = [path for path, _ in fields_of(model, document)]
    faults = list(_faults(error.errors(include_url=False, include_input=False), document))
    problems: list[tuple[int, str]] = []
    for path, detail in faults[:_MAX_PROBLEMS]:
        line = None if _holds(overrides, path) else _line_of(path, text)
        reason = _reason(path, detail, document, known)
        problems.append((line or 0, f"line {line}: {reason}" if line else reason))
    if len(faults) == 1:
        return InvalidSetting(f"{source}: {problems[0][1]}")
    lines = [f"{source} has {len(faults)} problems:", *(reason for _, reason in sorted(problems))]
    if more := len(faults) - len(problems):
        lines.append(f"and {more} more")
    return InvalidSetting("\n  ".join(lines))


def _faults(
    details: Sequence[ErrorDetails], document: Mapping[str, object]
) -> Iterator[tuple[KeyPath, ErrorDetails]]:
    for detail in details:
        path = tuple(str(part) for part in detail["loc"])
        if detail["type"] == "extra_forbidden":
            for leaf in _leaves(document, path):
                yield leaf, detail
            continue
        # Pydantic also counts steps that the file does not have, such as a route's URL where
        # the route is written as a URL alone.
        while not _holds(document, path):
            path = path[:-1]
        yield path, detail


def _reason(
    path: KeyPath, detail: ErrorDetails, document: Mapping[str, object], known: Sequence[KeyPath]
) -> str:
    if detail["type"] == "extra_forbidden":
        return f"unknown key `{dotted(path)}`; {_advice(path, known)}"
    if detail["type"] == "missing":
        return f"`{dotted([str(part) for part in detail['loc']])}` is missing"
    return _judgement(path, _value_at(document, path), _expectation(detail))


def _judgement(path: KeyPath, value: object, expectation: str) -> str:
    if not path:
        return expectation
    if isinstance(value, Mapping):
        return f"`{dotted(path)}`: {expectation}"
    return f"`{dotted(path)}` is {_shown(value)}: {expectation}"


def _expectation(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "value_error" if isinstance(context["error"], MailError):
            return str(context["error"])
        case "enum":
            return f"it must be {context['expected']}".replace("'", '"')
        case "greater_than":
            return f"it must be more than {context['gt']:g}"
        case "greater_than_equal":
            return f"it must be at least {_number(context['ge'])}"
        case "less_than_equal":
            return f"it must be at most {_number(context['le'])}"
        case kind:
            return _EXPECTED.get(kind, detail["msg"])


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _advice(path: KeyPath, known: Sequence[KeyPath]) -> str:
    names = {dotted(candidate): candidate for candidate in known}
    near = difflib.get_close_matches(dotted(path)[:256], names, n=1, cutoff=_LIKENESS)
    if not near:
        near = [name for name, candidate in names.items() if candidate[-1] == path[-1]][:1]
    if near:
        return f"did you mean `{near[0]}`?"
    above = path[:-1]
    beside = dict.fromkeys(
        candidate[len(above)] for candidate in known if candidate[: len(above)] == above
    )
    if not beside:
        above, beside = (), dict.fromkeys(candidate[0] for candidate in known)
    table = f"`{dotted(above)}` knows" if above else "the known ones are"
    return f"{table} {', '.join(f'`{dotted([name])}`' for name in beside)}"


def _leaves(document: Mapping[str, object], path: KeyPath) -> Iterator[KeyPath]:
    value = _value_at(document, path)
    if isinstance(value, Mapping) and value and len(path) < _MAX_DEPTH:
        for key in value:
            yield from _leaves(document, (*path, str(key)))
    else:
        yield path


def _holds(document: Mapping[str, object], path: KeyPath) -> bool:
    value: object = document
    for part in path:
        if not isinstance(value, Mapping) or part not in value:
            return False
        value = value[part]
    return True


def _value_at(document: Mapping[str, object], path: KeyPath) -> object:
    value: object = document
    for part in path:
        value = value[part] if isinstance(value, Mapping) else None
    return value


def _shown(value: object) -> str:
    if isinstance(value, Mapping | list):
        return "a table" if isinstance(value, Mapping) else "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = json.dumps(_USER_INFO.sub("//***@", value)) if isinstance(value, str) else ascii(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 3]}..."


def _line_of(path: KeyPath, text: str) -> int | None:
    """Find the line on which the statement with the key begins; None where that costs too much.

    The first lines of a file are a file themselves, unless they end within a statement. Once
    they hold the key, all longer ones do, so a binary search finds where it comes in, by the
    rules of TOML itself.
    """
    if not path or len(text) > _MAX_SEARCHED:
        return None
    lines = text.replace("\r\n", "\n").split("\n")
    if not _prefix_holds(lines, len(lines), path):
        return None
    without, limit = 0, len(lines)
    while limit - without > 1:
        middle = (without + limit) // 2
        candidates = range(middle, min(limit, middle + _MAX_STATEMENT))
        answers = ((end, _prefix_holds(lines, end, path)) for end in candidates)
        end, holds = next((pair for pair in answers if pair[1] is not None), (limit, None))
        if holds is False:
            without = end
        elif holds is None and candidates.stop < limit:
            return None
        else:
            limit = middle
    return without + 1


def _prefix_holds(lines: Sequence[str], count: int, path: KeyPath) -> bool | None:
    try:
        return _holds(tomllib.loads("\n".join(lines[:count])), path)
    except tomllib.TOMLDecodeError:
        return None


def _as_model(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return None


def _entry_model(annotation: object) -> type[BaseModel] | None:
    """Give the model of the values of a mapping, under whatever it is annotated with."""
    for argument in get_args(annotation):
        if found := _as_model(argument) or _entry_model(argument):
            return found
    return None
