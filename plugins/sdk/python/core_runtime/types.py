"""Type hints as checks of JSON values and as JSON Schema.

Understood are ``str``, ``int``, ``float``, ``bool``, ``None``, ``Any`` and ``object``, ``list``, ``tuple``, ``set`` and
``dict`` with or without what they hold, ``Optional`` and ``Union``, ``Literal``, ``Enum``, ``NewType``, ``Annotated``,
dataclasses and ``TypedDict``, nested as deep as JSON is.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import typing
from typing import Any, Callable, Dict, List, Literal, Mapping, Optional, Set, Tuple, Type, TypeVar, Union, cast

from . import wire
from .errors import InvalidArgument
from .hints import Unsupported, hints_of

T = TypeVar("T")
Schema = Dict[str, Any]
Check = Callable[[Any], Any]

_MISSING = dataclasses.MISSING


class Mismatch(Exception):
    """A value that does not fit: where (steps of a path, the innermost first) and why."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
        self.path: List[str] = []

    def at(self, step: object) -> "Mismatch":
        """The same, seen from one step further out."""
        self.path.append(str(step))
        return self

    def __str__(self) -> str:
        if not self.path:
            return self.why
        steps = (step.replace("~", "~0").replace("/", "~1") for step in reversed(self.path))
        return f"/{'/'.join(steps)}: {self.why}"


@dataclasses.dataclass(frozen=True)
class Shape:
    """What a type hint means: ``check`` returns the value that fits, or raises :class:`Mismatch`."""

    check: Check
    schema: Schema
    #: Whether it takes any JSON object.
    takes_object: bool = False
    #: Whether it takes ``null``.
    takes_null: bool = False


def name_of(value: Any) -> str:
    """The name that JSON has for the type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _expected(what: str, value: Any) -> Mismatch:
    return Mismatch(f"expected {what}, got {name_of(value)}")


def _any(value: Any) -> Any:
    return value


def _none(value: Any) -> None:
    if value is not None:
        raise _expected("null", value)


def _str(value: Any) -> str:
    if not isinstance(value, str):
        raise _expected("string", value)
    return value


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _expected("boolean", value)
    return value


def _int(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _expected("integer", value)
    if isinstance(value, float):
        if not value.is_integer():
            raise Mismatch(f"expected integer, got {value}")
        return int(value)
    return value


def _float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _expected("number", value)
    return float(value)


_SIMPLE: Dict[Any, Shape] = {
    Any: Shape(_any, {}, takes_object=True, takes_null=True),
    object: Shape(_any, {}, takes_object=True, takes_null=True),
    None: Shape(_none, {"type": "null"}, takes_null=True),
    type(None): Shape(_none, {"type": "null"}, takes_null=True),
    str: Shape(_str, {"type": "string"}),
    bool: Shape(_bool, {"type": "boolean"}),
    int: Shape(_int, {"type": "integer"}),
    float: Shape(_float, {"type": "number"}),
}

_ARRAYS: Dict[Any, Callable[[List[Any]], Any]] = {
    list: list,
    set: set,
    frozenset: frozenset,
    collections.abc.Sequence: list,
    collections.abc.Iterable: list,
    collections.abc.Collection: list,
}
_OBJECTS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


def shape_of(hint: Any, seen: Tuple[Any, ...] = ()) -> Shape:
    """The check and the schema of a type hint; :class:`Unsupported` where it has none."""
    try:
        if hint in _SIMPLE:
            return _SIMPLE[hint]
    except TypeError:
        pass
    if hint in seen:
        raise Unsupported(f"{_name(hint)} holds itself: use dict in its place")
    seen = (*seen, hint)
    if isinstance(hint, TypeVar):
        return _SIMPLE[Any]
    if hasattr(hint, "__supertype__"):
        return shape_of(hint.__supertype__, seen)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is not None and hasattr(hint, "__metadata__"):
        return _annotated(shape_of(args[0], seen), hint.__metadata__)
    if origin is Union or _is_new_union(origin):
        return _union([shape_of(arg, seen) for arg in args])
    if origin is Literal:
        return _one_of(list(args), list(args))
    base = origin or hint
    if base in _ARRAYS:
        return _array(_ARRAYS[base], shape_of(args[0], seen) if args else None)
    if base is tuple:
        return _tuple(args, seen)
    if base in _OBJECTS:
        return _dict(shape_of(args[1], seen) if args else None)
    if isinstance(hint, type):
        if issubclass(hint, enum.Enum):
            return _one_of([member.value for member in hint], list(hint))
        if dataclasses.is_dataclass(hint):
            return _dataclass(hint, seen)
        if hasattr(hint, "__total__") and hasattr(hint, "__required_keys__"):
            return _typed_dict(hint, seen)
    raise Unsupported(
        f"{_name(hint)} cannot be checked: use str, int, float, bool, list, dict, Optional, Union, Literal, "
        "an Enum, a dataclass or a TypedDict"
    )


def _name(hint: Any) -> str:
    return str(getattr(hint, "__qualname__", hint))


def _is_new_union(origin: Any) -> bool:
    # The type of `int | str`, which is there since 3.10.
    return getattr(origin, "__name__", "") == "UnionType"


def _annotated(shape: Shape, notes: Tuple[Any, ...]) -> Shape:
    """A string in ``Annotated`` is the description."""
    text = next((note for note in notes if isinstance(note, str)), None)
    return dataclasses.replace(shape, schema={**shape.schema, "description": text}) if text else shape


def _union(shapes: List[Shape]) -> Shape:
    names = [shape.schema.get("type") for shape in shapes]

    def check(value: Any) -> Any:
        reasons: List[Mismatch] = []
        for shape in shapes:
            try:
                fits = shape.check(value)
            except Mismatch as mismatch:
                reasons.append(mismatch)
                continue
            # A whole number stays an int where int and float are both allowed.
            if not (isinstance(fits, float) and isinstance(value, int) and any(s.check is _int for s in shapes)):
                return fits
        deep = [reason for reason in reasons if reason.path]
        if len(deep) == 1:
            raise deep[0]
        if all(isinstance(name, str) for name in names):
            raise _expected(" or ".join(dict.fromkeys(cast(List[str], names))), value)
        raise Mismatch(" or ".join(dict.fromkeys(reason.why for reason in reasons)))

    plain = all(set(shape.schema) == {"type"} for shape in shapes)
    if plain and all(isinstance(name, str) for name in names):
        schema: Schema = {"type": list(dict.fromkeys(names))}
    elif any(not shape.schema for shape in shapes):
        schema = {}
    else:
        schema = {"anyOf": [shape.schema for shape in shapes]}
    return Shape(
        check,
        schema,
        takes_object=any(shape.takes_object for shape in shapes),
        takes_null=any(shape.takes_null for shape in shapes),
    )


def _one_of(values: List[Any], members: List[Any]) -> Shape:
    def check(value: Any) -> Any:
        for allowed, member in zip(values, members):
            if value == allowed and isinstance(value, bool) == isinstance(allowed, bool):
                return member
        listed = ", ".join(wire.dump(allowed) for allowed in values)
        got = wire.dump(value)
        raise Mismatch(f"expected one of {listed}, got {got if len(got) <= 40 else name_of(value)}")

    return Shape(check, {"enum": values}, takes_null=None in values)


def _array(make: Callable[[List[Any]], Any], item: Optional[Shape]) -> Shape:
    def check(value: Any) -> Any:
        if not isinstance(value, list):
            raise _expected("array", value)
        if item is None:
            return make(value)
        return make([_at(item.check, each, index) for index, each in enumerate(value)])

    schema: Schema = {"type": "array"}
    if item is not None and item.schema:
        schema["items"] = item.schema
    return Shape(check, schema)


def _tuple(args: Tuple[Any, ...], seen: Tuple[Any, ...]) -> Shape:
    if not args:
        return _array(tuple, None)
    if len(args) == 2 and args[1] is Ellipsis:
        return _array(tuple, shape_of(args[0], seen))
    items = [shape_of(arg, seen) for arg in args]

    def check(value: Any) -> Any:
        if not isinstance(value, list):
            raise _expected("array", value)
        if len(value) != len(items):
            raise Mismatch(f"expected {len(items)} items, got {len(value)}")
        return tuple(_at(item.check, each, index) for index, (item, each) in enumerate(zip(items, value)))

    schema = {"type": "array", "prefixItems": [item.schema for item in items]}
    return Shape(check, {**schema, "minItems": len(items), "maxItems": len(items)})


def _at(check: Check, value: Any, step: object) -> Any:
    try:
        return check(value)
    except Mismatch as mismatch:
        raise mismatch.at(step) from None


def _dict(item: Optional[Shape]) -> Shape:
    def check(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _expected("object", value)
        if item is None:
            return value
        return {key: _at(item.check, each, key) for key, each in value.items()}

    schema: Schema = {"type": "object"}
    if item is not None and item.schema:
        schema["additionalProperties"] = item.schema
    return Shape(check, schema, takes_object=True)


def fields_check(
    shapes: Mapping[str, Shape], required: Set[str], what: str = "member"
) -> Callable[[Any], Dict[str, Any]]:
    """A check of an object with these members and no others."""

    def check(value: Any) -> Dict[str, Any]:
        if not isinstance(value, dict):
            raise _expected("object", value)
        fits = {}
        for key, each in value.items():
            shape = shapes.get(key)
            if shape is None:
                known = ", ".join(shapes) or "none"
                raise Mismatch(f"there is no such {what}; known: {known}").at(key)
            fits[key] = _at(shape.check, each, key)
        if len(fits) < len(shapes):
            for key in shapes:
                if key in required and key not in fits:
                    raise Mismatch(f"is missing: expected {expectation(shapes[key])}").at(key)
        return fits

    return check


def expectation(shape: Shape) -> str:
    """What a shape wants, in a word or a list."""
    kind = shape.schema.get("type")
    if isinstance(kind, list):
        return " or ".join(kind)
    if isinstance(kind, str):
        return kind
    if "enum" in shape.schema:
        return "one of " + ", ".join(wire.dump(value) for value in shape.schema["enum"])
    return "a value"


def fields_schema(shapes: Mapping[str, Shape], required: Set[str], defaults: Mapping[str, Any]) -> Schema:
    """The schema of an object with these members and no others."""
    properties: Dict[str, Schema] = {}
    for key, shape in shapes.items():
        properties[key] = dict(shape.schema)
        if key in defaults:
            try:
                properties[key]["default"] = wire.parse(wire.encode(wire.dump(defaults[key])))
            except Exception:
                continue
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = [key for key in shapes if key in required]
    return schema


def _dataclass(kind: type, seen: Tuple[Any, ...]) -> Shape:
    hints = hints_of(kind, kind.__qualname__)
    shapes: Dict[str, Shape] = {}
    required: Set[str] = set()
    defaults: Dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        if not field.init:
            continue
        shape = shape_of(hints[field.name], seen)
        note = field.metadata.get("description")
        shapes[field.name] = dataclasses.replace(shape, schema={**shape.schema, "description": note}) if note else shape
        if field.default is not _MISSING:
            defaults[field.name] = field.default
        elif field.default_factory is not _MISSING:
            defaults[field.name] = field.default_factory()
        else:
            required.add(field.name)
    members = fields_check(shapes, required)

    def check(value: Any) -> Any:
        fits = members(value)
        try:
            return kind(**fits)
        except ValueError as error:
            # What __post_init__ refuses.
            raise Mismatch(str(error)) from None

    return Shape(check, fields_schema(shapes, required, defaults), takes_object=True)


def _typed_dict(kind: Any, seen: Tuple[Any, ...]) -> Shape:
    hints = hints_of(kind, kind.__qualname__)
    shapes: Dict[str, Shape] = {}
    required = set(kind.__required_keys__)
    for key, hint in hints.items():
        # Required[...] and NotRequired[...], whose class is in typing since 3.11.
        marker = getattr(typing.get_origin(hint), "_name", None)
        if marker in ("Required", "NotRequired"):
            (required.add if marker == "Required" else required.discard)(key)
            hint = typing.get_args(hint)[0]
        shapes[key] = shape_of(hint, seen)
    return Shape(fields_check(shapes, required), fields_schema(shapes, required, {}), takes_object=True)


def decode(kind: Type[T], value: Any) -> T:
    """``value``, which came as JSON, as a ``kind`` (a dataclass, a TypedDict, any hint of this module).

    ``InvalidArgument`` that says where, as in ``/celsius: expected number, got string``.
    """
    try:
        return cast(T, shape_of(kind).check(value))
    except Mismatch as mismatch:
        raise InvalidArgument(str(mismatch)) from None
