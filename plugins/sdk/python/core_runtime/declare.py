"""The decorators: what a method of a plugin is for."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, TypeVar, Union

F = TypeVar("F", bound=Callable[..., Any])

_MARKS = "__core_runtime__"


@dataclasses.dataclass(frozen=True)
class On:
    """A subscription."""

    filter: str


@dataclasses.dataclass(frozen=True)
class Service:
    """A service; ``name`` is ``None`` for one that is called as its method."""

    name: Optional[str]
    description: Optional[str] = None
    version: Optional[str] = None
    deprecated: bool = False
    reads: bool = False
    schema: Optional[Dict[str, Any]] = None
    returns: Optional[Dict[str, Any]] = None
    examples: Sequence[Any] = ()


@dataclasses.dataclass(frozen=True)
class Every:
    """An interval, in whole milliseconds."""

    ms: int


Mark = Union[On, Service, Every]


def _mark(function: F, mark: Mark) -> F:
    if not callable(function):
        raise TypeError(f"only a method can be marked so, not {function!r}")
    marks: Tuple[Mark, ...] = getattr(function, _MARKS, ())
    # The decorator that is written first is applied last.
    setattr(function, _MARKS, (mark, *marks))
    return function


def on(filter: str) -> Callable[[F], F]:
    """The method is called with each :class:`Event` whose topic matches ``filter``.

    In a filter ``*`` stands for one token and a final ``>`` for one or more; one that begins with a dot is below the
    plugin's own name. Several ``@on`` on one method are several filters.
    """
    if not isinstance(filter, str) or not filter:
        raise TypeError(f'on() takes a filter, as in @on("sensor.*.temperature"), got {filter!r}')
    return lambda function: _mark(function, On(filter))


def service(
    name: Optional[str] = None,
    *,
    description: Optional[str] = None,
    version: Optional[str] = None,
    deprecated: bool = False,
    reads: bool = False,
    schema: Optional[Dict[str, Any]] = None,
    returns: Optional[Dict[str, Any]] = None,
    examples: Sequence[Any] = (),
) -> Callable[[F], F]:
    """The method answers calls of the service ``name``; what it returns is the reply.

    A name that begins with a dot is below the plugin's own name, and ``@service()`` without one takes the method's. The
    type hints check the arguments and make the schema, the docstring's first paragraph is the description, unless they
    are given here. ``reads`` says that nothing is changed by a call; ``examples`` are arguments, for people.
    """
    if name is not None and not (isinstance(name, str) and name):
        raise TypeError(f'service() takes a name, as in @service("thermostat.set") or @service(), got {name!r}')
    mark = Service(name, description, version, deprecated, reads, schema, returns, examples)
    return lambda function: _mark(function, mark)


def every(*, seconds: float = 0, minutes: float = 0, milliseconds: float = 0) -> Callable[[F], F]:
    """The method is called, without arguments, whenever this time went by since the plugin was started.

    At least one millisecond. One call that is late is not made up for by two.
    """
    ms = round(seconds * 1000 + minutes * 60_000 + milliseconds)
    if ms < 1:
        raise ValueError(f"every() takes a time of at least a millisecond, as in @every(seconds=5), got {ms} ms")
    return lambda function: _mark(function, Every(ms))


@dataclasses.dataclass(frozen=True)
class Declared:
    """A method and one of its marks."""

    method: str
    mark: Mark


def declared_by(kind: type) -> List[Declared]:
    """Every mark of a class, in the order in which the methods were written; a method that is overridden counts as it is."""
    names = dict.fromkeys(name for base in reversed(kind.__mro__) for name in vars(base))
    found = []
    for name in names:
        for mark in getattr(inspect.getattr_static(kind, name), _MARKS, ()):
            found.append(Declared(name, mark))
    return found


def first_paragraph(function: Callable[..., Any]) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
