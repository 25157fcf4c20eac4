"""Reading type hints, also those that are written as strings."""

from __future__ import annotations

import inspect
import sys
import typing
from typing import Any, Dict


class Unsupported(TypeError):
    """A type hint that says nothing about JSON."""


def hints_of(owner: Any, what: str) -> Dict[str, Any]:
    """The type hints of a class or function, also those that are written as strings."""
    try:
        return typing.get_type_hints(owner, include_extras=True)
    except (NameError, TypeError) as error:
        raise Unsupported(
            f"the type hints of {what} cannot be read ({error}): name types of the module's top level, "
            "and before Python 3.10 write Optional[X] and Union[X, Y] instead of X | Y"
        ) from None


def annotation_of(kind: type, name: str, before: type) -> Any:
    """The type hint of one attribute of a class or of its bases up to ``before``; ``Any`` where there is none."""
    for base in kind.__mro__:
        if base is before:
            break
        # From 3.10 on only this finds the class's own, and not those of its base.
        own = inspect.get_annotations(base) if sys.version_info >= (3, 10) else vars(base).get("__annotations__", {})
        if name in own:
            holder = type(base.__name__, (), {"__annotations__": {name: own[name]}, "__module__": base.__module__})
            return hints_of(holder, base.__qualname__)[name]
    return Any
