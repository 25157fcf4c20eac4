"""How the arguments of a call, one JSON value, become those of a method.

The first rule that fits decides:

1. An object with exactly the keys ``args`` (an array) and ``kwargs`` (an object): positional and keyword arguments.
2. ``null``: no arguments.
3. An object, when the method has one parameter that takes any object (``dict``, a dataclass, a ``TypedDict``, ``Any``,
   or no type hint): that parameter's value.
4. Any other object: keyword arguments.
5. Anything else: the one positional argument.

So it depends on the method's signature, and never on which keys an object happens to have.
"""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from .errors import InvalidArgument
from .hints import Unsupported, hints_of
from .types import Mismatch, Schema, Shape, expectation, fields_schema, shape_of

Bind = Callable[[Any], Tuple[List[Any], Dict[str, Any]]]


@dataclasses.dataclass(frozen=True)
class Signature:
    """What a method takes: ``bind`` gives its arguments or raises :class:`InvalidArgument`."""

    bind: Bind
    schema: Optional[Schema]
    returns: Optional[Schema]


def _is_both(args: Any) -> bool:
    return (
        isinstance(args, dict)
        and len(args) == 2
        and isinstance(args.get("args"), list)
        and isinstance(args.get("kwargs"), dict)
    )


def split(args: Any) -> Tuple[List[Any], Dict[str, Any]]:
    """Positional and keyword arguments by rules 1, 2 and 5 alone, for whoever knows no signature."""
    if _is_both(args):
        return args["args"], args["kwargs"]
    return ([], {}) if args is None else ([args], {})


def join(args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> Any:
    """The one JSON value for positional and keyword arguments; what :func:`split` undoes."""
    if kwargs or len(args) > 1:
        return {"args": list(args), "kwargs": kwargs}
    if not args:
        return None
    # A lone None would be no argument at all, and an object with just these keys would be taken apart.
    if args[0] is None or _is_both(args[0]):
        return {"args": list(args), "kwargs": {}}
    return args[0]


def signature_of(function: Callable[..., Any], what: str) -> Signature:
    """Reads the type hints of a bound method or function; ``Unsupported`` names what cannot be checked."""
    hints = hints_of(function, what)
    shapes: Dict[str, Shape] = {}
    required: Set[str] = set()
    defaults: Dict[str, Any] = {}
    positional: List[str] = []
    rest: Optional[Shape] = None
    more: Optional[Shape] = None
    for parameter in inspect.signature(function).parameters.values():
        try:
            shape = shape_of(hints.get(parameter.name, Any))
        except Unsupported as error:
            raise Unsupported(f"parameter {parameter.name!r} of {what}: {error}") from None
        if parameter.kind is parameter.VAR_POSITIONAL:
            rest = shape
        elif parameter.kind is parameter.VAR_KEYWORD:
            more = shape
        else:
            shapes[parameter.name] = shape
            if parameter.kind is not parameter.KEYWORD_ONLY:
                positional.append(parameter.name)
            if parameter.default is parameter.empty:
                required.add(parameter.name)
            else:
                defaults[parameter.name] = parameter.default
    alone = None
    if len(shapes) == 1 and len(positional) == 1 and rest is None and more is None:
        only = shapes[positional[0]]
        alone = only if only.takes_object else None
    binder = _Binder(shapes, required, positional, rest, more, alone)
    open_ended = rest is not None or more is not None
    schema = None if open_ended else _schema(shapes, required, defaults, positional, alone)
    return Signature(binder.bind, schema, _returns(hints))


class _Binder:
    """The rules of the module for one signature."""

    def __init__(
        self,
        shapes: Dict[str, Shape],
        required: Set[str],
        positional: List[str],
        rest: Optional[Shape],
        more: Optional[Shape],
        alone: Optional[Shape],
    ) -> None:
        self.shapes = shapes
        self.required = required
        self.positional = positional
        self.rest = rest
        self.more = more
        self.alone = alone
        self.checks = {name: shape.check for name, shape in shapes.items()}

    def bind(self, args: Any) -> Tuple[List[Any], Dict[str, Any]]:
        if type(args) is dict and self.alone is None and "kwargs" not in args:
            # What nearly all calls are. Whatever is wrong is found again below, with its place.
            checks = self.checks
            try:
                fits = {name: checks[name](value) for name, value in args.items()}
            except (KeyError, Mismatch):
                pass
            else:
                if fits.keys() >= self.required:
                    return [], fits
        try:
            if args is None:
                return self._both([], {})
            if _is_both(args):
                return self._both(args["args"], args["kwargs"])
            if isinstance(args, dict) and self.alone is None:
                return self._both([], args)
            if self.alone is not None:
                return [self.alone.check(args)], {}
            return self._both([args], {})
        except Mismatch as mismatch:
            raise InvalidArgument(str(mismatch)) from None

    def _both(self, given: List[Any], named: Dict[str, Any]) -> Tuple[List[Any], Dict[str, Any]]:
        if len(given) > len(self.positional) and self.rest is None:
            raise Mismatch(f"expected at most {_count(len(self.positional))}, got {len(given)}")
        fits = [_check(shape, value, name) for shape, value, name in self._pairs(given)]
        known = set(self.positional[: len(given)])
        keywords = {}
        for name, value in named.items():
            shape = self.shapes.get(name, self.more)
            if shape is None:
                listed = ", ".join(self.shapes) or "none"
                raise Mismatch(f"there is no such argument; known: {listed}").at(name)
            if name in known:
                raise Mismatch("is given twice, by position and by name").at(name)
            keywords[name] = _check(shape, value, name)
        known.update(keywords)
        for name in self.required - known:
            shape = self.shapes[name]
            if shape.schema and shape.takes_null and len(self.shapes) == 1:
                return [None], {}
            raise Mismatch(f"is missing: expected {expectation(shape)}").at(name)
        return fits, keywords

    def _pairs(self, given: List[Any]) -> List[Tuple[Shape, Any, str]]:
        pairs = []
        for index, value in enumerate(given):
            if index < len(self.positional):
                name = self.positional[index]
                pairs.append((self.shapes[name], value, name))
            elif self.rest is not None:
                pairs.append((self.rest, value, str(index)))
        return pairs


def _count(number: int) -> str:
    return "no arguments" if number == 0 else "1 argument" if number == 1 else f"{number} arguments"


def _check(shape: Shape, value: Any, name: str) -> Any:
    try:
        return shape.check(value)
    except Mismatch as mismatch:
        raise mismatch.at(name) from None


def _schema(
    shapes: Dict[str, Shape],
    required: Set[str],
    defaults: Dict[str, Any],
    positional: List[str],
    alone: Optional[Shape],
) -> Optional[Schema]:
    """What the rules let through: an object of the parameters, ``null`` and the first parameter's value where they fit."""
    if alone is not None:
        return alone.schema or None
    schema = fields_schema(shapes, required, defaults)
    kinds = ["object"]
    first = shapes[positional[0]] if positional and not required - {positional[0]} else None
    one: Optional[Schema] = None
    if first is not None and not first.takes_object:
        kind = first.schema.get("type")
        if set(first.schema) <= {"type", "items", "description"} and kind is not None:
            # These say nothing about an object, so that both fit into one schema.
            kinds += [kind] if isinstance(kind, str) else kind
            schema.update({key: value for key, value in first.schema.items() if key == "items"})
        else:
            one = first.schema
    if not required and "null" not in kinds:
        kinds.append("null")
    schema["type"] = kinds if len(kinds) > 1 else "object"
    return {"anyOf": [schema, one]} if one is not None else schema


def _returns(hints: Dict[str, Any]) -> Optional[Schema]:
    if "return" not in hints:
        return None
    try:
        return shape_of(hints["return"]).schema or None
    except Unsupported:
        return None
