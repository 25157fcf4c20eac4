"""Plugins in the test kit: what they declare, ask, and answer."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import logging
import unittest
from typing import Any, Dict, List, Optional

from core_runtime import (
    Conflict,
    Denied,
    Event,
    InvalidArgument,
    InvalidSettings,
    NotFound,
    NotJson,
    Plugin,
    PluginError,
    every,
    on,
    service,
)
from core_runtime.testing import TestRuntime


@dataclasses.dataclass
class Settings:
    target: float = 21.0
    rooms: List[str] = dataclasses.field(default_factory=list)


class Thermostat(Plugin):
    settings: Settings
    hooks: List[str]

    def __init__(self) -> None:
        self.target = self.settings.target
        self.seen: List[Any] = []
        self.hooks = []

    def on_load(self) -> None:
        self.hooks.append("load")

    async def on_start(self) -> None:
        self.hooks.append("start")
        self.target = await self.storage.get("target", self.target)

    async def on_stop(self) -> None:
        self.hooks.append("stop")
        await self.storage.set("stopped", True)

    def on_unload(self) -> None:
        self.hooks.append("unload")

    @on("sensor.*.temperature")
    @on("sensor.*.humidity")
    async def measured(self, event: Event) -> None:
        self.seen.append(event)
        if event.topic.endswith("temperature"):
            await self.publish("heating.switch", event.payload["celsius"] < self.target)

    @service("thermostat.set", examples=[{"target": 20}])
    async def set(self, target: float) -> float:
        """Sets the temperature.

        In degrees Celsius.
        """
        await self.storage.set("target", target)
        self.target = target
        return target

    @service()
    def rooms(self) -> Dict[str, Any]:
        return {"rooms": self.settings.rooms, "name": self.name}

    @every(seconds=5)
    def tick(self) -> None:
        self.publish(".tick")

    @every(seconds=2)
    async def tock(self) -> None:
        await self.publish(".tock")


class Declared(unittest.IsolatedAsyncioTestCase):
    async def test_hooks_come_in_order_once(self) -> None:
        async with TestRuntime(Thermostat) as rt:
            plugin = rt.plugin
            self.assertEqual(plugin.hooks, ["load", "start"])
        self.assertEqual(plugin.hooks, ["load", "start", "stop", "unload"])
        self.assertEqual(rt.stored, {"stopped": True})

    async def test_events_reach_the_handlers_of_their_filters_once(self) -> None:
        async with TestRuntime(Thermostat, settings={"target": 20}) as rt:
            self.assertEqual(await rt.publish("sensor.a.temperature", {"celsius": 19}, source="zigbee", lost=2), 1)
            self.assertEqual(await rt.publish("sensor.a.humidity", 40), 1)
            self.assertEqual(await rt.publish("sensor.a.b.temperature", {"celsius": 19}), 0)
            self.assertEqual([event.topic for event in rt.plugin.seen], ["sensor.a.temperature", "sensor.a.humidity"])
            self.assertEqual(rt.plugin.seen[0].source, "zigbee")
            self.assertEqual(rt.plugin.seen[0].lost, 2)
            self.assertEqual([(event.topic, event.payload) for event in rt.published], [("heating.switch", True)])

    async def test_services_answer_and_describe_themselves(self) -> None:
        async with TestRuntime(Thermostat, name="cellar", settings={"rooms": ["hall"]}) as rt:
            self.assertEqual(await rt.call("thermostat.set", {"target": 18}), 18)
            self.assertEqual(await rt.call(".rooms"), {"rooms": ["hall"], "name": "cellar"})
            about = rt.services["thermostat.set"]
            self.assertEqual(about["description"], "Sets the temperature.")
            self.assertEqual(about["examples"], [{"target": 20}])
            self.assertEqual(about["returns"], {"type": "number"})
            self.assertIn("cellar.rooms", rt.services)
            with self.assertRaisesRegex(InvalidArgument, "/target: expected number, got string"):
                await rt.call("thermostat.set", {"target": "warm"})
            with self.assertRaises(PluginError) as caught:
                await rt.call("cellar.nothing")
            self.assertEqual(caught.exception.code, "not_found")

    async def test_several_intervals_by_one_tick(self) -> None:
        async with TestRuntime(Thermostat) as rt:
            await rt.advance(seconds=10)
            topics = [event.topic.rpartition(".")[2] for event in rt.published]
            self.assertEqual(topics, ["tock", "tock", "tick", "tock", "tock", "tick", "tock"])

    async def test_settings_are_checked(self) -> None:
        async with TestRuntime(Thermostat, settings={"target": 19}) as rt:
            self.assertEqual(rt.plugin.settings, Settings(19.0, []))
        with self.assertRaisesRegex(InvalidSettings, "/target: expected number, got string"):
            async with TestRuntime(Thermostat, settings={"target": "warm"}):
                self.fail("it was started")

    async def test_stored_values_are_there_at_start(self) -> None:
        async with TestRuntime(Thermostat, stored={"target": 15}) as rt:
            self.assertEqual(rt.plugin.target, 15)


class Asking(Plugin):
    """Does whatever a test hands it."""

    @service(".eval")
    async def eval(self, what: str) -> Any:
        return await getattr(self, f"do_{what}")()

    async def do_state(self) -> Any:
        first = await self.state.set(".heat", True)
        second = await self.state.set(".heat", False, version=first)
        try:
            await self.state.set(".heat", True, version=first)
        except Conflict as error:
            conflict = error.code
        await self.state.update({".a": 1, ".b": None})
        versioned = await self.state.get_versioned(".heat")
        assert versioned is not None and versioned.version == second
        return [
            conflict,
            await self.state.get(".heat"),
            await self.state.get("asking.nothing", "default"),
            await self.state.exists(".b"),
            await self.state.get(".b", "default"),
            await self.state.keys("."),
            await self.state.delete(".a"),
            await self.state.delete(".a"),
            await self.state.clear(),
        ]

    async def do_storage(self) -> Any:
        async with self.storage.transaction() as changes:
            for number in range(3):
                changes.set(f"key{number}", number)
            changes.delete("old")
        try:
            async with self.storage.transaction() as changes:
                changes.set("never", 1)
                raise ValueError
        except ValueError:
            pass
        return [await self.storage.keys(), await self.storage.delete("key0"), await self.storage.get("key2")]

    async def do_call(self) -> Any:
        try:
            await self.call("nobody.there")
        except NotFound as error:
            missing = error.code
        return [
            missing,
            await self.call("weather.now", {"city": "Riga"}, timeout=2),
            await self.has_service("weather.now"),
        ]

    async def do_denied(self) -> Any:
        try:
            await self.publish("other.topic")
        except Denied as error:
            return error.message

    async def do_unjson(self) -> Any:
        codes = []
        for value in (float("nan"), object(), "\ud800", {"x": "y" * (1 << 20)}):
            try:
                await self.publish(".x", value)
            except PluginError as error:
                codes.append(error.code)
        return codes

    async def do_result(self) -> Any:
        return object()

    async def do_dynamic(self) -> Any:
        seen: List[Any] = []
        await self.subscribe(".later", lambda event: seen.append(event.payload))
        await self.register(".twice", lambda number: number * 2, description="Doubles")
        await self.publish(".later", 1)
        for _ in range(10):
            await asyncio.sleep(0)
        return [await self.unregister(".twice"), await self.unsubscribe(".later"), await self.unsubscribe(".later")]

    async def do_error(self) -> Any:
        raise PluginError("too_hot", "35 is above 30")

    async def do_crash(self) -> Any:
        raise KeyError("celsius")

    async def do_unawaited(self) -> Any:
        self.publish("other.topic")

    async def do_log(self) -> Any:
        self.log.warning("careful: %s", 1)
        logging.getLogger(f"plugin.{self.name}.part").debug("part")


class Asked(unittest.IsolatedAsyncioTestCase):
    async def ask(self, what: str, **about: Any) -> Any:
        async with TestRuntime(Asking, **about) as rt:
            return await rt.call(".eval", what)

    async def test_state(self) -> None:
        there = ["asking.a", "asking.b", "asking.heat"]
        expected = ["conflict", False, "default", True, None, there, True, False, 2]
        self.assertEqual(await self.ask("state"), expected)

    async def test_storage(self) -> None:
        self.assertEqual(await self.ask("storage", stored={"old": 1}), [["key0", "key1", "key2"], True, 2])

    async def test_calls_of_others(self) -> None:
        def now(args: Any) -> Any:
            return {"celsius": 4, "city": args["city"]}

        answer = await self.ask("call", services={"weather.now": now})
        self.assertEqual(answer, ["not_found", {"celsius": 4, "city": "Riga"}, True])

    async def test_a_refusal_says_how_to_grant(self) -> None:
        self.assertIn("permissions asking grant publish 'other.topic'", await self.ask("denied", permissions={}))

    async def test_what_is_no_json_or_too_long_fails_here(self) -> None:
        self.assertEqual(await self.ask("unjson"), ["not_json", "not_json", "not_json", "too_large"])

    async def test_a_result_that_is_no_json_is_an_error_of_the_call(self) -> None:
        with self.assertRaises(NotJson):
            await self.ask("result")

    async def test_subscribing_and_registering_at_any_time(self) -> None:
        self.assertEqual(await self.ask("dynamic"), [True, True, False])

    async def test_errors_reach_the_caller_with_code_and_message(self) -> None:
        with self.assertRaises(PluginError) as caught:
            await self.ask("error")
        self.assertEqual((caught.exception.code, caught.exception.message), ("too_hot", "35 is above 30"))
        with self.assertLogs("plugin.asking", logging.ERROR), self.assertRaises(PluginError) as caught:
            await self.ask("crash")
        self.assertEqual((caught.exception.code, caught.exception.message), ("error", "KeyError: 'celsius'"))
        self.assertIsInstance(caught.exception.__cause__, KeyError)

    async def test_an_error_that_nobody_awaits_is_logged(self) -> None:
        with self.assertLogs("asyncio", logging.ERROR) as logs:
            await self.ask("unawaited", permissions={})
            gc.collect()
        self.assertIn("publish 'other.topic' is not granted", logs.output[0])

    async def test_logging(self) -> None:
        async with TestRuntime(Asking) as rt:
            await rt.call(".eval", "log")
            self.assertEqual(rt.logs, [("warn", "careful: 1"), ("debug", "part")])


class Wrong(unittest.IsolatedAsyncioTestCase):
    async def fails(self, kind: Any, message: str) -> None:
        with self.assertLogs(level=logging.ERROR), self.assertRaisesRegex(PluginError, message):
            async with TestRuntime(kind):
                self.fail("it was started")

    async def test_mistakes_are_named_when_the_plugin_is_loaded(self) -> None:
        class TwoArguments(Plugin):
            @on("a.b")
            def handle(self, topic: str, payload: Any) -> None:
                pass

        class BadHint(Plugin):
            @service(".x")
            def x(self, what: complex) -> None:
                pass

        await self.fails(TwoArguments, "handle is to handle events: it takes one argument, the event, and not 2")
        await self.fails(BadHint, "parameter 'what' of badhint.x: complex cannot be checked")

    async def test_decorators_refuse_what_makes_no_sense(self) -> None:
        with self.assertRaisesRegex(ValueError, "at least a millisecond"):
            every(seconds=0)
        with self.assertRaisesRegex(TypeError, "@service"):
            service(5)  # type: ignore[arg-type]
        with self.assertRaisesRegex(TypeError, "@on"):
            on("")

    async def test_a_window_out_of_range(self) -> None:
        class Wide(Plugin):
            concurrency = 65

        with self.assertRaisesRegex(PluginError, "Wide.concurrency must be 1 to 64, not 65"):
            async with TestRuntime(Wide):
                self.fail("it was started")

    async def test_a_plugin_that_nobody_runs_says_so(self) -> None:
        with self.assertRaisesRegex(PluginError, "publish: the runtime is not there yet"):
            Asking().publish("x")


class Overlap(Plugin):
    concurrency = 3

    def __init__(self) -> None:
        self.now = self.most = 0
        self.cancelled = 0
        self.gate: Optional[asyncio.Event] = None

    @service(".wait")
    async def wait(self, name: str) -> str:
        self.gate = self.gate or asyncio.Event()
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.now -= 1
        return name

    @service(".open")
    def open(self) -> int:
        assert self.gate is not None
        self.gate.set()
        return self.now

    @service(".twice")
    async def twice(self) -> Any:
        return await self.call(".open")


class One(Overlap):
    concurrency = 1


class Overlapping(unittest.IsolatedAsyncioTestCase):
    async def test_as_many_as_the_class_says(self) -> None:
        async with TestRuntime(Overlap) as rt:
            calls = [asyncio.ensure_future(rt.call(".wait", str(number))) for number in range(2)]
            await asyncio.sleep(0.01)
            self.assertEqual(await rt.call(".open"), 2)
            self.assertEqual(await asyncio.gather(*calls), ["0", "1"])
            self.assertEqual(rt.plugin.most, 2)

    async def test_a_plugin_that_overlaps_may_call_itself(self) -> None:
        async with TestRuntime(Overlap) as rt:
            waiting = asyncio.ensure_future(rt.call(".wait", "a"))
            await asyncio.sleep(0.01)
            self.assertEqual(await rt.call(".twice"), 1)
            self.assertEqual(await waiting, "a")

    async def test_cancel_reaches_the_handler_and_the_next_is_unharmed(self) -> None:
        for kind in (Overlap, One):
            async with TestRuntime(kind) as rt:
                waiting = asyncio.ensure_future(rt.call(".wait", "a"))
                await asyncio.sleep(0.01)
                cancel = {"jsonrpc": "2.0", "method": "cancel", "params": {"id": rt._next_id}}
                rt._session.feed(repr(cancel).replace("'", '"').encode())
                with self.assertRaises(PluginError) as caught:
                    await waiting
                self.assertEqual(caught.exception.code, "cancelled")
                self.assertEqual(rt.plugin.cancelled, 1)
                assert rt.plugin.gate is not None
                rt.plugin.gate.set()
                for name in "bcde":
                    self.assertEqual(await rt.call(".wait", name), name)


if __name__ == "__main__":
    unittest.main()
