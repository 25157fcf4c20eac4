"""One line of the protocol: how a value becomes JSON, and JSON a value."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
from typing import Any, Callable, Mapping, Tuple

from .errors import NotJson


def _plain(value: Any) -> Any:
    """What stands for a value that JSON does not know: a dataclass is an object, an enum its value."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return list(value)
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON")


# Without ensure_ascii a lone surrogate fails where it is encoded; with it, it would reach the runtime as an escape.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain)

_encode: Callable[[Any], str] = _ENCODER.encode
_parse: Callable[[str], Tuple[Any, int]] = json.JSONDecoder().raw_decode


def dump(value: Any) -> str:
    """``value`` as JSON text; ``NotJson`` for one that JSON cannot hold (NaN, an object without fields, a circle)."""
    try:
        return _encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise NotJson(str(error)) from None


def encode(text: str) -> bytes:
    """Text as the bytes of a line; ``NotJson`` where it holds half a character (a lone surrogate)."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise NotJson(f"a lone surrogate at character {error.start} cannot be written as UTF-8") from None


def parse(line: bytes) -> Any:
    """The value in a line; ``ValueError`` for one that is not UTF-8 or not JSON."""
    text = line.decode()
    try:
        value, end = _parse(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if end != len(text) and text[end:].strip(" \t\r\n"):
        raise ValueError(f"something follows the value at character {end}")
    return value
