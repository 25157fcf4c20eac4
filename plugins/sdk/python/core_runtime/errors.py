"""Errors: one class, one word (``code``) for each kind, as in the protocol."""

from __future__ import annotations

from typing import Any, Dict, Optional, Type

#: JSON-RPC's number for everything that a plugin or the runtime says itself.
APPLICATION = -32000
#: JSON-RPC's number for a method that is not there.
NO_SUCH_METHOD = -32601

#: The longest message that crosses the boundary, in bytes; longer ones are cut.
MAX_MESSAGE = 160


class PluginError(Exception):
    """An error with a code: what the runtime answers, and what a handler answers its caller with.

    ``code`` is a word of at most 24 bytes, ``message`` a sentence of at most 160 bytes in UTF-8 (a longer one is cut
    when it is sent). Raise it in a service to refuse a call: ``raise PluginError("too_hot", "35 is above 30")``.
    """

    #: The code of a subclass that is raised with a message alone.
    default_code = "error"

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]" if self.message else self.code


class _Named(PluginError):
    """An error whose class says its code."""

    def __init__(self, message: str = "") -> None:
        super().__init__(self.default_code, message)

    def __reduce__(self) -> Any:
        return (type(self), (self.message,))


class NotFound(_Named):
    """There is nothing of this name: no service, no plugin."""

    default_code = "not_found"


class Denied(_Named):
    """A permission is missing; the message names it and the command that grants it."""

    default_code = "denied"


class Timeout(_Named):
    """The answer did not come in time."""

    default_code = "timeout"


class InvalidArgument(_Named):
    """The caller's mistake: raised in a service, it is not counted as an error of the plugin."""

    default_code = "invalid_argument"


class InvalidSettings(_Named):
    """The settings do not fit; the plugin stays FAILED until they are changed."""

    default_code = "invalid_settings"


class Conflict(_Named):
    """A state value has another version than the one that was expected."""

    default_code = "conflict"


class Taken(_Named):
    """The name belongs to another plugin."""

    default_code = "taken"


class Busy(_Named):
    """Whoever should answer has too much in hand."""

    default_code = "busy"


class Cancelled(_Named):
    """The request was cancelled before it was answered."""

    default_code = "cancelled"


class Gone(_Named):
    """Whoever should have answered went away."""

    default_code = "gone"


class TooLarge(_Named):
    """A value or a line is longer than ``limits`` allows."""

    default_code = "too_large"


class NotJson(_Named):
    """A value cannot be written as JSON."""

    default_code = "not_json"


_CLASSES: Dict[str, Type[_Named]] = {kind.default_code: kind for kind in _Named.__subclasses__()}


def from_answer(error: Any) -> PluginError:
    """The exception for the member ``error`` of an answer; whatever has another shape becomes ``error``."""
    if not isinstance(error, dict):
        return PluginError("error", str(error))
    data = error.get("data")
    code: Optional[Any] = data.get("code") if isinstance(data, dict) else None
    message = str(error.get("message", ""))
    if not isinstance(code, str):
        return PluginError("error", message)
    kind = _CLASSES.get(code)
    return kind(message) if kind is not None else PluginError(code, message)


def cut(message: str, limit: int = MAX_MESSAGE) -> str:
    """``message`` on one line, cut to ``limit`` bytes of UTF-8 at the border of a character."""
    line = " ".join(message.split())
    encoded = line.encode("utf-8", "replace")
    if len(encoded) <= limit:
        return encoded.decode()
    return encoded[: limit - 3].decode("utf-8", "ignore") + "…"


def to_answer(error: BaseException) -> Dict[str, Any]:
    """The member ``error`` of an answer for what a handler raised."""
    if isinstance(error, PluginError):
        code, message = error.code, error.message or error.code
    else:
        code, message = "error", f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return {"code": APPLICATION, "message": cut(message), "data": {"code": cut(code, 24)}}
