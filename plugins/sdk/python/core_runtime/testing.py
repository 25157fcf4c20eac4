"""A test kit, for pytest, unittest, or anything that runs a coroutine.

::

    async def test_cold() -> None:
        async with TestRuntime(Thermostat, settings={"target": 21}) as rt:
            await rt.publish("sensor.kitchen.temperature", {"celsius": 19})
            assert rt.published[-1].topic == "heating.switch"
            assert await rt.call("thermostat.set", {"target": 18}) == 18

The plugin runs as it is, over the same lines of JSON, in the test's own event loop; the runtime is a small one in
memory, without processes, files or waiting.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any, Deque, Dict, Generic, List, Mapping, Optional, Tuple, Type, TypeVar

from . import wire
from .errors import NO_SUCH_METHOD, PluginError, from_answer, to_answer
from .logs import level_of
from .memory import Granted, Memory
from .plugin import Event, Plugin
from .session import Session
from .topics import matches

P = TypeVar("P", bound=Plugin)

__all__ = ["TestRuntime"]


class TestRuntime(Generic[P]):
    """A runtime with one plugin in it. ``async with`` loads and starts the plugin, and stops and unloads it.

    ``settings`` are as the runtime hands them over, so with the defaults of plugin.toml filled in. ``permissions`` are
    those that were granted; without them the plugin may do everything. ``stored`` and ``state`` are what is there
    before the plugin starts. Where the plugin fails, the block is entered with its error.
    """

    #: Not a test, whatever its name says.
    __test__ = False

    def __init__(
        self,
        kind: Type[P],
        *,
        settings: Optional[Mapping[str, Any]] = None,
        name: Optional[str] = None,
        permissions: Optional[Granted] = None,
        stored: Optional[Mapping[str, Any]] = None,
        state: Optional[Mapping[str, Any]] = None,
        services: Optional[Mapping[str, Any]] = None,
        folder: str = "",
    ) -> None:
        self._kind = kind
        #: The name that the plugin is installed under: that of its class in lower case unless given.
        self.name = name or kind.__name__.lower()
        self._settings = dict(settings or {})
        self._folder = folder
        self._memory = Memory(self.name, permissions, self._publish)
        self._memory.stored[self.name] = dict(stored or {})
        self._memory.fakes = dict(services or {})
        #: Every event that the plugin published, in order.
        self.published: List[Event] = []
        #: What handlers raised, in order.
        self.errors: List[BaseException] = []
        self._initial_state = dict(state or {})
        self._queue: Deque[Tuple[str, Dict[str, Any], "asyncio.Future[Any]"]] = deque()
        self._asked: Dict[int, "asyncio.Future[Any]"] = {}
        self._events: List["asyncio.Future[Any]"] = []
        self._next_id = 0
        self._seq = 0
        self._window = 1
        self._ended = False

    # What the plugin did

    @property
    def plugin(self) -> P:
        """The plugin itself."""
        plugin = self._session.plugin
        if plugin is None:
            raise RuntimeError("the plugin is not loaded: use it within 'async with TestRuntime(...)'")
        return plugin  # type: ignore[return-value]

    @property
    def stored(self) -> Dict[str, Any]:
        """What is stored under the plugin's own name; change it as you like."""
        return self._memory.stored[self.name]

    @property
    def storage(self) -> Dict[str, Dict[str, Any]]:
        """What is stored, by namespace."""
        return self._memory.stored

    @property
    def state(self) -> Dict[str, Any]:
        """The state values that are there now (a copy)."""
        self._memory.expire()
        return {key: entry.value for key, entry in self._memory.entries.items()}

    @property
    def services(self) -> Dict[str, Dict[str, Any]]:
        """The services that the plugin registered: with description and schema, as they were sent."""
        return self._memory.services

    @property
    def subscriptions(self) -> List[str]:
        """The filters that the plugin subscribed to."""
        return self._memory.filters

    @property
    def logs(self) -> List[Tuple[str, str]]:
        """What the plugin logged: level and message."""
        return self._memory.logs

    # What happens to the plugin

    async def publish(self, topic: str, payload: Any = None, *, source: str = "test", lost: int = 0) -> int:
        """Publishes an event as somebody else, and waits until it and all that follows from it is handled.

        The number of receivers, 1 or 0. Raises what the handler raised, as a :class:`PluginError`.
        """
        topic = self.plugin.full_name(topic)
        if not self._subscribed(topic):
            return 0
        answer = self._deliver(topic, payload, source, lost)
        await self._settled()
        await answer
        return 1

    async def call(self, service: str, args: Any = None, *, caller: str = "test") -> Any:
        """Calls a service of the plugin with ``args``, any JSON; the reply, or the :class:`PluginError`.

        A name that begins with a dot is below the plugin's own.
        """
        service = self.plugin.full_name(service)
        if service not in self._memory.services:
            known = ", ".join(self._memory.services) or "none"
            raise PluginError("not_found", f"the plugin has no service '{service}'; it has: {known}")
        reply = await self._ask("call", {"service": service, "args": args, "caller": caller})
        await self._settled()
        return reply

    async def advance(self, seconds: float) -> None:
        """Lets simulated time go by: intervals become due one after another, state values expire."""
        end = self._memory.now + seconds
        while self._memory.interval and self._next_tick <= end:
            self._memory.now = self._next_tick
            self._next_tick += self._memory.interval
            await self._ask("tick", {})
            await self._settled()
        self._memory.now = end
        self._memory.expire()

    def fake(self, service: str, answer: Any) -> None:
        """Plays a service of another plugin: ``answer`` is the reply, or a function of the arguments (plain or async)."""
        self._memory.fakes[service] = answer

    async def stop(self) -> None:
        """Stops and unloads the plugin; leaving the block does it unless it was done."""
        if not self._ended:
            self._ended = True
            await self._ask("stop", {})
            await self._ask("unload", {})

    # The block

    async def __aenter__(self) -> "TestRuntime[P]":
        self._loop = asyncio.get_running_loop()
        self._session = Session(self._kind, self._receive, clock=lambda: self._memory.now)
        report = self._session.peer._report

        def reported(id: str, error: BaseException) -> None:
            self.errors.append(error)
            report(id, error)

        self._session.peer._report = reported
        self._records = _Records(self._memory.logs)
        for key, value in self._initial_state.items():
            self._memory._write(key, value, None)
        logger = logging.getLogger(f"plugin.{self.name}")
        logger.addHandler(self._records)
        try:
            answer = await self._ask("initialize", self._initialize())
            self._window = answer.get("window", 1)
            await self._ask("load", {})
            await self._ask("start", {})
        except BaseException:
            self._close()
            raise
        self._next_tick = self._memory.now + self._memory.interval
        await self._settled()
        return self

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            if kind is None:
                await self.stop()
        finally:
            self._close()

    def _close(self) -> None:
        logging.getLogger(f"plugin.{self.name}").removeHandler(self._records)
        self._session.peer.close()

    def _initialize(self) -> Dict[str, Any]:
        granted: Granted = self._memory.granted or {}
        return {
            "protocol": 1,
            "runtime": {"name": "core-runtime-testing", "version": "1"},
            "plugin": {"name": self.name, "version": "0.0.0", "folder": self._folder, "data": ""},
            "settings": self._settings,
            "permissions": {
                kind: granted.get(kind, []) for kind in ("publish", "subscribe", "call", "register", "state", "storage")
            },
            "limits": {"max_line": 1 << 20, "max_value": 64000, "in_flight": 64},
        }

    # Lines

    def _ask(self, method: str, params: Dict[str, Any]) -> "asyncio.Future[Any]":
        answer: "asyncio.Future[Any]" = self._loop.create_future()
        self._queue.append((method, params, answer))
        self._send()
        return answer

    def _send(self) -> None:
        while self._queue and len(self._asked) < self._window:
            method, params, answer = self._queue.popleft()
            self._next_id += 1
            self._asked[self._next_id] = answer
            message = {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params}
            self._loop.call_soon(self._session.feed, wire.encode(wire.dump(message)) + b"\n")

    def _receive(self, line: bytes) -> None:
        message = wire.parse(line)
        if "method" not in message:
            answer = self._asked.pop(message["id"])
            if not answer.done():
                if "error" in message:
                    answer.set_exception(self._raised(message["error"]))
                else:
                    answer.set_result(message["result"])
            self._send()
        elif "id" in message:
            self._loop.create_task(self._carry_out(message))
        elif message["method"] == "log":
            self._memory._log(**message["params"])
        elif message["method"] == "cancel":
            self._memory.cancelled.add(message["params"]["id"])

    async def _carry_out(self, message: Dict[str, Any]) -> None:
        answer: Dict[str, Any] = {"jsonrpc": "2.0", "id": message["id"]}
        try:
            answer["result"] = await self._memory.ask(message["method"], message["params"], self._call_back)
        except TypeError as error:
            answer["error"] = {"code": -32602, "message": str(error)}
        except Exception as error:
            answer["error"] = to_answer(error)
            if getattr(error, "code", "") == "no_such_method":
                answer["error"] = {"code": NO_SUCH_METHOD, "message": str(error)}
        self._session.feed(wire.encode(wire.dump(answer)) + b"\n")

    async def _call_back(self, service: str, args: Any, caller: str) -> Any:
        if self._window == 1:
            raise PluginError("cycle", f"'{service}' is the plugin's own, and it handles one message at a time")
        return await self._ask("call", {"service": service, "args": args, "caller": caller})

    def _raised(self, error: Dict[str, Any]) -> PluginError:
        raised = from_answer(error)
        # The handler's own, with its traceback, for whoever reads the test's output.
        raised.__cause__ = self.errors[-1] if self.errors else None
        return raised

    # Events

    def _subscribed(self, topic: str) -> bool:
        return any(matches(filter, topic) for filter in self._memory.filters)

    def _publish(self, topic: str, payload: Any, source: str) -> int:
        if source == self.name:
            self.published.append(Event(topic, payload, self._seq + 1, int(self._memory.now * 1000), source))
        if not self._subscribed(topic):
            self._seq += 1
            return 0
        self._deliver(topic, payload, source, 0)
        return 1

    def _deliver(self, topic: str, payload: Any, source: str, lost: int) -> "asyncio.Future[Any]":
        self._seq += 1
        params = {
            "topic": topic,
            "payload": payload,
            "seq": self._seq,
            "time_ms": int(self._memory.now * 1000),
            "source": source,
            "lost": lost,
        }
        answer = self._ask("event", params)
        self._events.append(answer)
        return answer

    async def _settled(self) -> None:
        while self._events:
            await asyncio.wait([self._events.pop(0)])


class _Records(logging.Handler):
    """Keeps what the plugin logs."""

    def __init__(self, kept: List[Tuple[str, str]]) -> None:
        super().__init__()
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        self._kept.append((level_of(record.levelno), self.format(record)))
