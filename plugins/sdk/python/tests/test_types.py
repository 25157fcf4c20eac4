"""Type hints as checks and schemas, and arguments by signature."""

from __future__ import annotations

import dataclasses
import enum
import unittest
from typing import (
    Any,
    Callable,
    Dict,
    List,
    Literal,
    NewType,
    Optional,
    Set,
    Tuple,
    TypedDict,
    Union,
)

from core_runtime import InvalidArgument, decode
from core_runtime.arguments import join, signature_of, split
from core_runtime.hints import Unsupported
from core_runtime.types import shape_of


class Mode(enum.Enum):
    HEAT = "heat"
    OFF = "off"


@dataclasses.dataclass
class Room:
    name: str
    target: float = 21.0
    tags: List[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class House:
    rooms: List[Room]


class Place(TypedDict, total=False):
    street: str
    number: int


Celsius = NewType("Celsius", float)


class Checks(unittest.TestCase):
    def fits(self, hint: Any, value: Any, expected: Any) -> None:
        got = shape_of(hint).check(value)
        self.assertEqual(got, expected)
        self.assertIs(type(got), type(expected))

    def refuses(self, hint: Any, value: Any, message: str) -> None:
        with self.assertRaises(InvalidArgument) as caught:
            decode(hint, value)
        self.assertEqual(caught.exception.message, message)

    def test_what_fits_is_of_the_type_that_the_hint_says(self) -> None:
        self.fits(float, 21, 21.0)
        self.fits(int, 21.0, 21)
        self.fits(Union[int, float], 21, 21)
        self.fits(Union[float, int], 21, 21)
        self.fits(Union[float, int], 21.5, 21.5)
        self.fits(Optional[float], 3, 3.0)
        self.fits(Optional[float], None, None)
        self.fits(Celsius, 3, 3.0)
        self.fits(Mode, "heat", Mode.HEAT)
        self.fits(Union[Mode, str], "heat", Mode.HEAT)
        self.fits(Union[Mode, str], "other", "other")
        self.fits(Set[int], [1, 1, 2], {1, 2})
        self.fits(Tuple[int, str], [1, "a"], (1, "a"))
        self.fits(Tuple[int, ...], [1, 2], (1, 2))
        self.fits(Dict[str, int], {"a": 1}, {"a": 1})
        self.fits(Literal["a", 1], 1, 1)
        self.fits(Room, {"name": "bath", "target": 24}, Room("bath", 24.0))
        self.fits(House, {"rooms": [{"name": "hall"}]}, House([Room("hall")]))
        self.fits(Place, {"street": "Main"}, {"street": "Main"})
        self.fits(Any, {"x": [None]}, {"x": [None]})

    def test_what_does_not_fit_is_refused_with_its_place(self) -> None:
        self.refuses(float, "x", "expected number, got string")
        self.refuses(float, True, "expected number, got boolean")
        self.refuses(int, 1.5, "expected integer, got 1.5")
        self.refuses(int, True, "expected integer, got boolean")
        self.refuses(bool, 1, "expected boolean, got number")
        self.refuses(str, None, "expected string, got null")
        self.refuses(Optional[float], "x", "expected number or null, got string")
        self.refuses(List[int], [1, "x"], "/1: expected integer, got string")
        self.refuses(Dict[str, int], {"a/b": "x"}, "/a~1b: expected integer, got string")
        self.refuses(House, {"rooms": [{"name": "a"}, {"name": 3}]}, "/rooms/1/name: expected string, got number")
        self.refuses(Room, {}, "/name: is missing: expected string")
        self.refuses(Room, {"name": "a", "x": 1}, "/x: there is no such member; known: name, target, tags")
        self.refuses(Mode, "cool", 'expected one of "heat", "off", got "cool"')
        self.refuses(Literal[1], True, "expected one of 1, got true")
        self.refuses(Tuple[int, str], [1], "expected 2 items, got 1")

    def test_what_cannot_be_checked_is_refused_before_any_call(self) -> None:
        for hint in (Callable[[], None], complex, asyncio_like):
            with self.assertRaisesRegex(Unsupported, "cannot be checked: use str, int"):
                shape_of(hint)

    def test_schemas(self) -> None:
        self.assertEqual(shape_of(Optional[int]).schema, {"type": ["integer", "null"]})
        self.assertEqual(shape_of(Union[Mode, int]).schema, {"anyOf": [{"enum": ["heat", "off"]}, {"type": "integer"}]})
        self.assertEqual(
            shape_of(Dict[str, bool]).schema, {"type": "object", "additionalProperties": {"type": "boolean"}}
        )
        self.assertEqual(
            shape_of(Room).schema,
            {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "target": {"type": "number", "default": 21.0},
                    "tags": {"type": "array", "items": {"type": "string"}, "default": []},
                },
                "additionalProperties": False,
                "required": ["name"],
            },
        )


class asyncio_like:
    """A class that says nothing about JSON."""


class Arguments(unittest.TestCase):
    def bound(self, function: Callable[..., Any], args: Any) -> Any:
        given, named = signature_of(function, "a.service").bind(args)
        return function(*given, **named)

    def refused(self, function: Callable[..., Any], args: Any, message: str) -> None:
        with self.assertRaises(InvalidArgument) as caught:
            self.bound(function, args)
        self.assertEqual(caught.exception.message, message)

    def test_one_parameter_that_takes_no_object(self) -> None:
        def function(target: float) -> float:
            return target

        for args in (22, {"target": 22}, {"args": [22], "kwargs": {}}, {"args": [], "kwargs": {"target": 22}}):
            self.assertEqual(self.bound(function, args), 22.0)
        self.refused(function, {"target": "x"}, "/target: expected number, got string")
        self.refused(function, "x", "/target: expected number, got string")
        self.refused(function, None, "/target: is missing: expected number")
        self.refused(function, {"goal": 1}, "/goal: there is no such argument; known: target")
        self.refused(function, {"args": [1, 2], "kwargs": {}}, "expected at most 1 argument, got 2")
        self.refused(
            function, {"args": [1], "kwargs": {"target": 2}}, "/target: is given twice, by position and by name"
        )

    def test_one_parameter_that_takes_an_object_gets_the_object(self) -> None:
        def typed(room: Room) -> Room:
            return room

        def untyped(value):  # type: ignore[no-untyped-def]
            return value

        self.assertEqual(self.bound(typed, {"name": "bath"}), Room("bath"))
        self.refused(typed, {"name": 1}, "/name: expected string, got number")
        self.assertEqual(self.bound(untyped, {"value": 1}), {"value": 1})
        self.assertEqual(self.bound(untyped, [1]), [1])
        # Not exactly these two keys, or not of these types: an object like any other.
        self.assertEqual(self.bound(untyped, {"args": [1]}), {"args": [1]})
        self.assertEqual(self.bound(untyped, {"args": 1, "kwargs": {}}), {"args": 1, "kwargs": {}})
        self.assertEqual(self.bound(untyped, {"args": [None], "kwargs": {}}), None)

    def test_several_parameters(self) -> None:
        def function(room: str, target: float = 20, *, force: bool = False) -> Any:
            return room, target, force

        self.assertEqual(self.bound(function, {"room": "a", "force": True}), ("a", 20, True))
        self.assertEqual(self.bound(function, "a"), ("a", 20, False))
        self.assertEqual(self.bound(function, {"args": ["a", 3], "kwargs": {"force": True}}), ("a", 3.0, True))
        self.refused(function, {"args": ["a", 3, True], "kwargs": {}}, "expected at most 2 arguments, got 3")
        self.refused(function, {}, "/room: is missing: expected string")

    def test_none_and_the_rest(self) -> None:
        def nothing() -> str:
            return "nothing"

        def maybe(name: Optional[str]) -> Optional[str]:
            return name

        def anything(*args: int, **kwargs: str) -> Any:
            return args, kwargs

        self.assertEqual(self.bound(nothing, None), "nothing")
        self.assertEqual(self.bound(nothing, {}), "nothing")
        self.refused(nothing, 1, "expected at most no arguments, got 1")
        self.assertIsNone(self.bound(maybe, None))
        self.assertEqual(self.bound(anything, {"args": [1, 2], "kwargs": {"a": "b"}}), ((1, 2), {"a": "b"}))
        self.refused(anything, {"args": [1, "2"], "kwargs": {}}, "/1: expected integer, got string")
        self.refused(anything, {"a": 1}, "/a: expected string, got number")

    def test_the_schema_lets_through_what_the_rules_do(self) -> None:
        def one(target: float) -> float:
            return target

        def mode(mode: Mode) -> None:
            pass

        def nothing() -> None:
            pass

        def room(room: Room) -> None:
            pass

        of_one = {"properties": {"target": {"type": "number"}}, "additionalProperties": False, "required": ["target"]}
        self.assertEqual(signature_of(one, "s").schema, {"type": ["object", "number"], **of_one})
        self.assertEqual(signature_of(one, "s").returns, {"type": "number"})
        enum = {"enum": ["heat", "off"]}
        of_mode = {"properties": {"mode": enum}, "additionalProperties": False, "required": ["mode"], "type": "object"}
        self.assertEqual(signature_of(mode, "s").schema, {"anyOf": [of_mode, enum]})
        none = {"type": ["object", "null"], "properties": {}, "additionalProperties": False}
        self.assertEqual(signature_of(nothing, "s").schema, none)
        self.assertEqual(signature_of(room, "s").schema, shape_of(Room).schema)
        self.assertIsNone(signature_of(lambda *args: None, "s").schema)

    def test_a_hint_that_cannot_be_checked_is_named(self) -> None:
        def function(what: complex) -> None:
            pass

        with self.assertRaisesRegex(Unsupported, "parameter 'what' of a.service: complex cannot be checked"):
            signature_of(function, "a.service")

    def test_join_is_undone_by_split(self) -> None:
        both = {"args": [1], "kwargs": {}}
        for args, kwargs in [
            ((), {}),
            ((1,), {}),
            ((None,), {}),
            ((both,), {}),
            ((1, 2), {}),
            ((), {"a": 1}),
            (([1],), {}),
        ]:
            self.assertEqual(split(join(args, kwargs)), (list(args), kwargs))
        self.assertEqual(join((5,), {}), 5)
        self.assertIsNone(join((), {}))
        self.assertEqual(join((), {"a": 1}), {"args": [], "kwargs": {"a": 1}})


if __name__ == "__main__":
    unittest.main()
