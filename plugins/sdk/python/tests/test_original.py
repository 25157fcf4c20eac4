"""Classes of the original, as they were written for it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any, AsyncIterator, Dict, List, Type
from unittest import mock

from core_runtime import PluginError
from core_runtime.original.adapter import adapted
from core_runtime.original.base import BasePlugin, PluginMetadata
from core_runtime.original.describe import Undescribed, describe
from core_runtime.original.doing import PATIENCE
from core_runtime.original.registry import ServiceMiddleware
from core_runtime.testing import TestRuntime

SDK = Path(__file__).resolve().parent.parent


class Named(BasePlugin):
    """What every class here says of itself."""

    @property
    def metadata(self) -> PluginMetadata:
        return PluginMetadata(name="trial", version="1.0.0")


def runtime(kind: Type[Any], **about: Any) -> "TestRuntime[Any]":
    return TestRuntime(adapted(lambda: kind), name=about.pop("name", "trial"), **about)


class Example(Named):
    async def on_load(self) -> None:
        await super().on_load()
        # The first two as the original's README has them, the last as its code does.
        self.runtime.service_registry.register("trial.hello", self._hello)
        self.runtime.event_bus.subscribe("trial.test", self._on_test)
        await self.runtime.event_bus.subscribe("trial.test", self._on_test_too)

    async def on_start(self) -> None:
        await super().on_start()
        await self.runtime.storage.set("trial", "status", {"state": "started"})

    async def on_stop(self) -> None:
        await super().on_stop()
        await self.runtime.storage.set("trial", "status", {"state": "stopped"})

    async def on_unload(self) -> None:
        await super().on_unload()
        await self.runtime.service_registry.unregister("trial.hello")
        self.runtime.event_bus.unsubscribe("trial.test", self._on_test)
        self.runtime = None

    async def _hello(self, name: str, punctuation: str = "!") -> str:
        return f"Привет, {name}{punctuation}"

    async def _on_test(self, event_type: str, data: Dict[str, Any]) -> None:
        await self.runtime.service_registry.call(
            "logger.log", level="warning", message=f"got {event_type}", plugin="trial", event_data=data
        )

    def _on_test_too(self, event_type: str, data: Dict[str, Any]) -> None:
        self.runtime.event_bus.publish("trial.done", data)


class Life(unittest.IsolatedAsyncioTestCase):
    async def test_the_example(self) -> None:
        async with runtime(Example) as rt:
            instance = rt.plugin._instance
            self.assertTrue(instance.is_loaded and instance.is_started)
            self.assertEqual(rt.stored, {"status": {"state": "started"}})
            self.assertEqual(await rt.call("trial.hello", "Мир"), "Привет, Мир!")
            self.assertEqual(
                await rt.call("trial.hello", {"args": ["Мир"], "kwargs": {"punctuation": "?"}}), "Привет, Мир?"
            )
            with self.assertRaises(PluginError) as caught:
                await rt.call("trial.hello")
            self.assertEqual(caught.exception.code, "invalid_argument")
            await rt.publish("trial.test", {"a": 1})
            self.assertEqual([(event.topic, event.payload) for event in rt.published], [("trial.done", {"a": 1})])
            self.assertEqual(rt.logs, [("warn", "got trial.test event_data={'a': 1}")])
        self.assertEqual(rt.stored, {"status": {"state": "stopped"}})
        self.assertEqual((rt.services, rt.subscriptions), ({}, ["trial.test"]))
        self.assertFalse(instance.is_loaded or instance.is_started)

    async def test_constructors_of_each_kind(self) -> None:
        class WithRuntime(Named):
            def __init__(self, runtime: Any = None) -> None:
                super().__init__(runtime)
                self.had = self.runtime

        class Without(Named):
            def __init__(self) -> None:
                self.had = self.runtime

        class NoBase:
            """Has the methods alone."""

            metadata = PluginMetadata("trial", "1")
            runtime: Any = None

            async def on_load(self) -> None:
                pass

            on_start = on_stop = on_unload = on_load

        for kind in (WithRuntime, Without):
            async with runtime(kind) as rt:
                self.assertIs(rt.plugin._instance.had, rt.plugin._instance.runtime)
        async with runtime(NoBase) as rt:
            self.assertTrue(hasattr(rt.plugin._instance.runtime, "event_bus"))

    async def test_abstract_and_failing_classes_say_why(self) -> None:
        class Fails(Named):
            async def on_load(self) -> None:
                raise ValueError("no bridge")

        with self.assertRaisesRegex(PluginError, "BasePlugin is abstract: it must define metadata"):
            async with runtime(BasePlugin):
                pass
        with self.assertLogs(level=logging.ERROR), self.assertRaisesRegex(PluginError, "ValueError: no bridge"):
            async with runtime(Fails):
                pass

    async def test_what_fails_without_await_fails_the_hook(self) -> None:
        class Greedy(Named):
            async def on_load(self) -> None:
                self.runtime.service_registry.register("other.service", self.on_load)
                self.runtime.service_registry.register("trial.fine", self.on_load)

        with self.assertRaisesRegex(PluginError, "register 'other.service' is not granted: .*grant register"):
            async with runtime(Greedy, permissions={}):
                self.fail("it was loaded")

    async def test_a_hook_does_not_wait_for_the_tasks_that_it_makes(self) -> None:
        class Background(Named):
            async def on_start(self) -> None:
                registry = self.runtime.service_registry
                self.task = asyncio.create_task(registry.call("other.slow"))
                self.other = asyncio.ensure_future(registry.call("other.slow"))

        released = asyncio.Event()

        async def slow(args: Any) -> str:
            await released.wait()
            return "done"

        # It is started though nothing was answered yet, and long before the hook would give up waiting.
        start = time.monotonic()
        async with runtime(Background, services={"other.slow": slow}) as rt:
            self.assertLess(time.monotonic() - start, PATIENCE)
            released.set()
            self.assertEqual(await rt.plugin._instance.task, "done")
            self.assertEqual(await rt.plugin._instance.other, "done")

    async def test_what_fails_without_await_in_a_handler_is_logged(self) -> None:
        class Careless(Named):
            async def on_load(self) -> None:
                self.runtime.service_registry.register("trial.go", self.go)

            async def go(self) -> str:
                self.runtime.event_bus.publish("other.topic", {})
                return "gone"

        with self.assertLogs("asyncio", logging.ERROR) as logs:
            async with runtime(Careless, permissions={}) as rt:
                self.assertEqual(await rt.call("trial.go"), "gone")
            gc.collect()
        self.assertIn("publish 'other.topic' is not granted", logs.output[0])

    async def test_environment_and_settings(self) -> None:
        class Configured(Named):
            pass

        variables = {"TRIAL_URL": "one", "URL": "two", "OTHER_URL": "three", "ON": "Yes", "PORT": "80", "BAD": "x"}
        with mock.patch.dict(os.environ, variables):
            async with runtime(Configured, settings={"mode": "quiet", "URL": "four", "flag": True}) as rt:
                plugin = rt.plugin._instance
                self.assertEqual(plugin.get_env_config("URL"), "one")
                self.assertEqual(plugin.get_env_config("URL", prefix="OTHER"), "three")
                self.assertEqual(plugin.get_env_config("URL", prefix="NOBODY"), "two")
                self.assertEqual(plugin.get_env_config("MODE"), "quiet")
                self.assertEqual(plugin.get_env_config("NOTHING", "default"), "default")
                self.assertTrue(plugin.get_env_config_bool("ON"))
                self.assertTrue(plugin.get_env_config_bool("FLAG"))
                self.assertFalse(plugin.get_env_config_bool("NOTHING"))
                self.assertEqual(plugin.get_env_config_int("PORT"), 80)
                self.assertEqual(plugin.get_env_config_int("BAD", 5), 5)


class Runtime(unittest.IsolatedAsyncioTestCase):
    @contextlib.asynccontextmanager
    async def runtime(self, **about: Any) -> AsyncIterator[Any]:
        async with runtime(Example, **about) as self.rt:
            yield self.rt.plugin._instance.runtime

    async def test_services(self) -> None:
        def late(args: Any) -> Any:
            raise PluginError("timeout", "5 s went by")

        def raises(args: Any) -> Any:
            raise KeyError("lamp")

        got: List[Any] = []
        fakes = {"other.late": late, "other.raises": raises, "other.args": got.append, "logger.log": got.append}
        async with self.runtime(services=fakes) as rt:
            registry = rt.service_registry
            with self.assertRaises(ValueError):
                await registry.call("nobody.there")
            with self.assertRaises(asyncio.TimeoutError):
                await registry.call_with_timeout("other.late", 5, "a")
            with self.assertRaises(asyncio.TimeoutError):
                await registry.call_with_timeout("other.late", timeout=5)
            with self.assertRaisesRegex(KeyError, "lamp"):
                await registry.call("other.raises")
            await registry.call("other.args")
            await registry.call("other.args", 1)
            await registry.call("other.args", None)
            await registry.call("other.args", 1, b=2)
            await registry.call("other.args", {"args": [], "kwargs": {}})
            await registry.call("logger.log", level="info", message="m")
            both: Dict[str, Any] = {"args": [], "kwargs": {}}
            self.assertEqual(
                got,
                [
                    None,
                    1,
                    {"args": [None], "kwargs": {}},
                    {"args": [1], "kwargs": {"b": 2}},
                    {"args": [both], "kwargs": {}},
                    {"args": [], "kwargs": {"level": "info", "message": "m"}},
                ],
            )

    async def test_a_service_of_its_own_may_be_called_from_within_one(self) -> None:
        async with self.runtime() as rt:

            async def outer(name: str) -> Any:
                return [await rt.service_registry.call("trial.hello", name), object in (object,)]

            await rt.service_registry.register("trial.outer", outer)
            self.assertEqual(await self.rt.call("trial.outer", "a"), ["Привет, a!", True])
            with self.assertRaises(asyncio.TimeoutError):
                await rt.service_registry.register("trial.sleep", lambda: asyncio.sleep(10))
                await rt.service_registry.call_with_timeout("trial.sleep", 0.01)

    async def test_versions_and_marks(self) -> None:
        async with self.runtime() as rt:
            registry = rt.service_registry
            for version in (None, "v1", "v2"):
                await registry.register("trial.list", lambda: [], version=version)
            with self.assertRaises(ValueError):
                await registry.register("trial.list", lambda: [])
            self.assertEqual(await registry.get_versions("trial.list"), ["", "v1", "v2"])
            self.assertFalse(await registry.is_deprecated("trial.list", "v1"))
            await registry.mark_deprecated("trial.list", "v1")
            self.assertTrue(await registry.is_deprecated("trial.list", "v1"))
            self.assertEqual(await self.rt.call("trial.list.v1"), [])
            with self.assertRaises(ValueError):
                await registry.mark_deprecated("trial.nothing")
            self.assertTrue(await registry.has_service("trial.list.v2"))
            self.assertIn("trial.list", await registry.list_services())
            await registry.unregister("trial.list")
            await registry.unregister("trial.list")
            self.assertFalse(await registry.has_service("trial.list"))

    async def test_middleware(self) -> None:
        seen: List[Any] = []

        class Seeing(ServiceMiddleware):
            async def before_call(self, service_name: str, args: Any, kwargs: Dict[str, Any]) -> None:
                seen.append(("before", service_name, args, kwargs))

            async def after_call(self, service_name: str, result: Any) -> None:
                seen.append(("after", result))

            async def on_error(self, service_name: str, error: Exception) -> None:
                seen.append(("error", str(error)))

        async def half(number: int) -> float:
            return 1 / number

        async with self.runtime() as rt:
            await rt.service_registry.register_with_middleware("trial.half", half, [Seeing()])
            self.assertEqual(await self.rt.call("trial.half", 2), 0.5)
            with self.assertLogs("plugin.trial"), self.assertRaisesRegex(PluginError, "division by zero"):
                await self.rt.call("trial.half", 0)
            with self.assertRaises(PluginError) as caught:
                await self.rt.call("trial.half")
            self.assertEqual(caught.exception.code, "invalid_argument")
        before: List[Any] = [("before", "trial.half", (number,), {}) for number in (2, 0)]
        self.assertEqual(seen, [before[0], ("after", 0.5), before[1], ("error", "division by zero")])

    async def test_events(self) -> None:
        seen: List[Any] = []

        async def one(event_type: str, data: Dict[str, Any]) -> None:
            seen.append(("one", data))

        async def bad(event_type: str, data: Dict[str, Any]) -> None:
            raise RuntimeError("bad handler")

        async with self.runtime() as rt:
            bus = rt.event_bus
            await bus.subscribe("trial.many", one)
            await bus.subscribe("trial.many", bad)
            await bus.subscribe("trial.many", lambda event_type, data: seen.append(("two", event_type)))
            self.assertEqual(await bus.get_subscribers_count("trial.many"), 3)
            with self.assertLogs("plugin.trial"), self.assertRaisesRegex(PluginError, "bad handler"):
                await self.rt.publish("trial.many")
            self.assertEqual(seen, [("one", {}), ("two", "trial.many")])
            await bus.unsubscribe("trial.many", bad)
            await bus.unsubscribe("trial.many", bad)
            await bus.unsubscribe("trial.nothing", bad)
            await self.rt.publish("trial.many", {"b": 2})
            self.assertEqual(seen[2:], [("one", {"b": 2}), ("two", "trial.many")])
            await bus.clear()
            self.assertEqual(await bus.get_subscribers_count("trial.many"), 0)
            self.assertEqual(self.rt.subscriptions, [])

    async def test_state(self) -> None:
        async with self.runtime() as rt:
            state = rt.state_engine
            self.assertIsNone(await state.get("trial.a"))
            await state.set("trial.a", {"x": 1})
            await state.set_with_ttl("trial.b", 2, ttl_seconds=5)
            await state.update({f"trial.many{number}": number for number in range(20)})
            self.assertEqual(await state.get("trial.a"), {"x": 1})
            self.assertEqual(await state.get("trial.b"), 2)
            await self.rt.advance(seconds=6)
            self.assertFalse(await state.exists("trial.b"))
            self.assertEqual(len(await state.keys()), 21)
            self.assertTrue(await state.delete("trial.a"))
            self.assertFalse(await state.delete("trial.a"))
            await state.clear()
            self.assertEqual(await state.keys(), [])

    async def test_storage(self) -> None:
        async with self.runtime() as rt:
            storage = rt.storage
            self.assertIsNone(await storage.get("trial", "a"))
            await storage.set("trial", "a", {"x": 1})
            with self.assertRaises(TypeError):
                await storage.set("trial", "a", "text")
            with self.assertRaises(ValueError):
                await storage.get("trial", "")
            with self.assertLogs("core_runtime", logging.WARNING) as logs:
                await storage.batch_set("trial", {f"k{number}": {"n": number} for number in range(20)})
            self.assertIn("20 changes in 1 namespaces are done in parts", logs.output[0])
            self.assertEqual(len(await storage.list_keys("trial")), 22)
            self.assertTrue(await storage.delete("trial", "a"))
            self.assertFalse(await storage.delete("trial", "a"))
            await storage.set("elsewhere", "a", {})
            self.assertEqual(self.rt.storage["elsewhere"], {"a": {}})
            await storage.clear_namespace("trial")
            self.assertEqual(self.rt.stored, {})

    async def test_a_transaction_is_seen_within_and_done_at_its_end(self) -> None:
        async with self.runtime(stored={"old": {}}) as rt:
            storage = rt.storage
            async with storage.transaction() as within:
                self.assertIs(within, storage)
                await storage.set("trial", "a", {"x": 1})
                storage.set("trial", "b", {"x": 2})
                self.assertTrue(await storage.delete("trial", "old"))
                self.assertFalse(await storage.delete("trial", "old"))
                self.assertEqual(await storage.get("trial", "a"), {"x": 1})
                self.assertEqual(await storage.list_keys("trial"), ["a", "b", "status"])
                self.assertNotIn("a", self.rt.stored)
            self.assertEqual(sorted(self.rt.stored), ["a", "b", "status"])
            with self.assertRaises(RuntimeError):
                async with storage.transaction():
                    await storage.set("trial", "a", {"x": 3})
                    raise RuntimeError
            self.assertEqual(await storage.get("trial", "a"), {"x": 1})

            async def callback(given: Any) -> str:
                await given.set("trial", "c", {})
                return "done"

            self.assertEqual(await storage.transaction_callback(callback), "done")
            self.assertIn("c", self.rt.stored)

    async def test_a_namespace_of_its_own_name_is_its_own_under_any_name(self) -> None:
        async with runtime(
            Example, name="other", permissions={"subscribe": ["trial.>"], "register": ["trial.>"]}
        ) as rt:
            self.assertEqual(rt.storage, {"other": {"status": {"state": "started"}}})

    async def test_as_coroutines_in_tasks_threads_and_other_loops(self) -> None:
        async with self.runtime() as rt:
            storage = rt.storage
            await asyncio.create_task(storage.set("trial", "task", {}))
            await asyncio.gather(storage.set("trial", "one", {}), storage.set("trial", "two", {}))
            await asyncio.wait_for(storage.set("trial", "wait", {}), 1)
            loop = asyncio.get_running_loop()

            def thread() -> Any:
                threaded = asyncio.run_coroutine_threadsafe(storage.set("trial", "thread", {}), loop).result(5)
                other = asyncio.new_event_loop()
                try:
                    there = other.run_until_complete(storage.get("trial", "thread"))
                    with self.assertRaises(ValueError):
                        other.run_until_complete(rt.service_registry.call("nobody.there"))
                finally:
                    other.close()
                storage.set("trial", "unawaited", {})
                return threaded, there

            self.assertEqual(await loop.run_in_executor(None, thread), (None, {}))
            await asyncio.sleep(0.01)
            for key in ("task", "one", "two", "wait", "thread", "unawaited"):
                self.assertIn(key, self.rt.stored)

    async def test_what_is_not_there_is_said(self) -> None:
        async with self.runtime() as rt:
            self.assertFalse(hasattr(rt, "module_manager"))
            with self.assertRaisesRegex(AttributeError, "no 'module_manager' here: there are event_bus"):
                rt.module_manager
            rt.http.register(object())
            rt.http.clear("trial")
            self.assertIs(rt.plugin_manager.get_plugin("trial"), self.rt.plugin._instance)
            self.assertIsNone(rt.plugin_manager.get_plugin("other"))

    async def test_the_manager_asks_by_services(self) -> None:
        asked: List[Any] = []
        fakes: Dict[str, Any] = {
            f"plugins.{verb}": asked.append for verb in ("load", "start", "stop", "unload", "reload")
        }
        fakes["plugins.list"] = [{"name": "lamp", "state": "STARTED"}]
        async with self.runtime(services=fakes) as rt:
            manager = rt.plugin_manager
            await manager.load_plugin(self.rt.plugin._instance)
            for verb in ("start", "stop", "unload", "reload"):
                await getattr(manager, f"{verb}_plugin")("lamp")
            in_a_thread = asyncio.get_running_loop().run_in_executor(None, manager.list_plugins)
            self.assertEqual(await in_a_thread, ["lamp"])
        self.assertEqual(asked, [{"name": "trial"}] + [{"name": "lamp"}] * 4)


SOURCE = """
from {base} import BasePlugin, PluginMetadata
{imports}
VERSION = "2.1.0"

class {name}(BasePlugin):
    NAME = "found"

    @property
    def metadata(self) -> PluginMetadata:
        return PluginMetadata(name=self.NAME, version=VERSION, description="A " "trial", dependencies=["lamp"])
"""


class Files(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name).resolve()

    def write(self, path: str, name: str = "Found", base: str = "core.base_plugin", imports: str = "") -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(SOURCE.format(name=name, base=base, imports=imports))

    def found(self, what: str, folder: str = ".") -> str:
        """The version that the class has which the layer finds, or the error."""
        source = (
            "import sys; from pathlib import Path; from core_runtime.original import imports\n"
            "folder = Path.cwd(); imports.provide(folder)\n"
            "try: print(imports.load(sys.argv[1], folder)().metadata.version)\n"
            "except ImportError as error: print(error)"
        )
        command = [sys.executable, "-c", source, what]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SDK)}
        done = subprocess.run(
            command, cwd=self.root / folder, env=environment, capture_output=True, text=True, timeout=20
        )
        self.assertEqual(done.stderr, "")
        return done.stdout.strip()

    def test_class_paths_of_each_kind(self) -> None:
        imports = "from .helpers import X\nimport helpers\nfrom core.runtime import CoreRuntime\n"
        imports += "from core.http_registry import HttpEndpoint\nfrom core.logger_helper import info, warning"
        self.write("plugins/single_plugin.py", base="plugins.base_plugin")
        for folder in ("plugins/lamp", "installed/lamp-1"):
            self.write(f"{folder}/plugin.py", imports=imports)
            (self.root / folder / "helpers.py").write_text("X = 1\n")
        package = self.root / "plugins" / "package"
        self.write("plugins/package/inner/plugin.py", imports="from ..helpers import X")
        (package / "__init__.py").write_text("from .inner.plugin import Found\n")
        (package / "helpers.py").write_text("X = 1\n")
        for what, folder in [
            ("plugins.single_plugin.Found", "."),
            ("plugins/single_plugin.py", "."),
            ("single_plugin.py", "plugins"),
            ("plugins.single_plugin.Found", "plugins"),
            ("plugins.lamp.plugin.Found", "plugins/lamp"),
            ("plugins.lamp.plugin.Found", "installed/lamp-1"),
            ("plugin.Found", "plugins/lamp"),
            ("plugin:Found", "installed/lamp-1"),
            ("plugin.py", "installed/lamp-1"),
            ("plugins.package.Found", "."),
            ("plugins.package.inner.plugin.Found", "plugins/package"),
            ("inner.plugin.Found", "plugins/package"),
            ("package.inner.plugin.Found", "plugins/package"),
        ]:
            with self.subTest(what, folder=folder):
                self.assertEqual(self.found(what, folder), "2.1.0")

    def test_what_is_not_found_says_what_was_looked_for(self) -> None:
        self.write("plugin.py", imports="import not_installed")
        self.write("other.py")
        self.assertIn("No module named 'not_installed'", self.found("plugin.Found"))
        self.assertIn("other has no class Lost; it has: Found", self.found("other.Lost"))
        self.assertIn("No module named 'lost' (class path 'lost.Found'", self.found("lost.Found"))
        self.assertIn("there is no file", self.found("lost.py"))
        self.assertIn("'Found' is no class path", self.found("Found"))

    def test_describe_runs_nothing(self) -> None:
        self.write("plugins/lamp/plugin.py", imports="raise SystemExit('it was run')")
        expected = {
            "name": "found",
            "version": "2.1.0",
            "description": "A trial",
            "author": "",
            "dependencies": ["lamp"],
            "class_path": "plugin.Found",
        }
        self.assertEqual(describe(self.root / "plugins" / "lamp"), expected)
        self.assertEqual(describe(self.root / "plugins" / "lamp" / "plugin.py"), expected)
        manifest = {"class_path": "plugins.lamp.plugin.Found", "name": "lamp", "version": "3"}
        (self.root / "plugins" / "lamp" / "plugin.json").write_text(json.dumps(manifest))
        described = describe(self.root / "plugins" / "lamp")
        self.assertEqual((described["class_path"], described["name"]), ("plugins.lamp.plugin.Found", "lamp"))

    def test_describe_says_what_is_missing(self) -> None:
        self.write("one.py", "One")
        self.write("two.py", "Two")
        (self.root / "empty.py").write_text("x = 1\n")
        (self.root / "broken.py").write_text("def\n")
        unknown = SOURCE.replace('"found"', "input()")
        (self.root / "unknown.py").write_text(unknown.format(name="A", base="core.base_plugin", imports=""))
        for path, message in [
            ("nothing", "there is nothing at"),
            ("empty.py", "has no class that derives from BasePlugin"),
            ("broken.py", "is no Python"),
            ("unknown.py", "name of A is no constant: write a plugin.json"),
        ]:
            with self.assertRaisesRegex(Undescribed, message):
                describe(self.root / path)
        (self.root / "broken.py").unlink()
        (self.root / "unknown.py").unlink()
        with self.assertRaisesRegex(Undescribed, r"several plugins \(one.py, two.py\)"):
            describe(self.root)

    def test_the_command(self) -> None:
        self.write("lamp.py")
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SDK)}
        command = [sys.executable, "-m", "core_runtime.original"]
        done = subprocess.run([*command, "--describe", str(self.root)], env=environment, capture_output=True, text=True)
        self.assertEqual(json.loads(done.stdout)["class_path"], "lamp.Found")
        done = subprocess.run([*command, "--describe", "/nowhere"], env=environment, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("there is nothing at /nowhere", done.stderr)


if __name__ == "__main__":
    unittest.main()
