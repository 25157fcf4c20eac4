"""One life of a plugin: what each message of the runtime means to it."""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import time
from functools import reduce
from typing import Any, Callable, Dict, List, Optional, Type

from . import __about__
from .arguments import Signature, signature_of
from .declare import Declared, Every, On, Service, declared_by, first_paragraph
from .errors import InvalidSettings, NotFound, PluginError
from .hints import annotation_of
from .logs import attach
from .peer import Peer
from .plugin import Event, Plugin
from .topics import Handlers
from .types import Mismatch, shape_of
from .values import State, Storage
from .worker import Method

#: The version of the protocol that this library speaks.
PROTOCOL = 1

Answerer = Callable[[Any], Any]


class Session:
    """Brings a plugin's class to life when ``initialize`` comes, and hands it what follows."""

    def __init__(
        self,
        kind: Type[Plugin],
        send: Callable[[bytes], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``send`` takes the lines that go to the runtime; ``clock`` tells seconds, for several ``@every``."""
        self.kind = kind
        self.plugin: Optional[Plugin] = None
        self.log = logging.getLogger("core_runtime")
        #: Whether messages overlap, so that calls name what they are caused by.
        self.overlaps = False
        self._clock = clock
        self._declared: List[Declared] = []
        self._handlers = Handlers()
        self._services: Dict[str, Answerer] = {}
        self._ticks: List[_Tick] = []
        self._interval = 0
        methods: Dict[str, Method] = {
            "initialize": self._initialize,
            "load": self._load,
            "start": self._start,
            "stop": self._stop,
            "unload": self._unload,
            "event": self._event,
            "call": self._call,
            "tick": self._tick,
        }
        self.peer = Peer(send, methods, self._report, self._broken)
        self.feed = self.peer.feed

    # The runtime's messages

    def _initialize(self, params: Dict[str, Any]) -> Dict[str, Any]:
        if self.plugin is not None:
            raise PluginError("protocol_error", "initialize came a second time")
        about = params.get("plugin") or {}
        limits = params.get("limits") or {}
        self.log = attach(about["name"], self.peer)
        self.peer.max_line = limits.get("max_line", self.peer.max_line)
        # At the limit itself the runtime reads nothing more, not even answers.
        self.peer.in_flight = max(1, limits.get("in_flight", self.peer.in_flight) - 1)
        window = self.kind.concurrency
        if not isinstance(window, int) or not 1 <= window <= 64:
            raise PluginError("error", f"{self.kind.__name__}.concurrency must be 1 to 64, not {window!r}")
        self._declared = declared_by(self.kind)
        plugin = self.kind.__new__(self.kind)
        plugin._session = self
        plugin.name = about["name"]
        plugin.folder = about.get("folder", "")
        plugin.data = about.get("data", "")
        plugin.permissions = params.get("permissions") or {}
        plugin.log = self.log
        plugin.state = State(plugin)
        plugin.storage = Storage(plugin)
        plugin.settings = self._settings(params.get("settings") or {})
        plugin.__init__()  # type: ignore[misc]
        self.plugin = plugin
        self.peer.window = window
        self.overlaps = window > 1
        result: Dict[str, Any] = {"protocol": PROTOCOL, "sdk": __about__.SDK, "window": window}
        if self.kind.version:
            result["version"] = self.kind.version
        return result

    def _settings(self, given: Any) -> Any:
        kind = self.kind.settings_type
        if kind is None:
            kind = annotation_of(self.kind, "settings", before=Plugin)
        try:
            return shape_of(kind).check(given)
        except Mismatch as mismatch:
            raise InvalidSettings(str(mismatch)) from None

    async def _load(self, params: Dict[str, Any]) -> None:
        plugin = self._alive()
        under_way = []
        for declared in self._declared:
            method = getattr(plugin, declared.method)
            mark = declared.mark
            if isinstance(mark, On):
                under_way.append(self.subscribe(plugin.full_name(mark.filter), method))
            elif isinstance(mark, Service):
                name = f".{declared.method}" if mark.name is None else mark.name
                under_way.append(self.register(plugin.full_name(name), method, vars(mark)))
            elif isinstance(mark, Every):
                self._ticks.append(_Tick(mark.ms, method))
        await asyncio.gather(*under_way)
        await _finished(plugin.on_load())

    async def _start(self, params: Dict[str, Any]) -> None:
        plugin = self._alive()
        await _finished(plugin.on_start())
        if self._ticks:
            self._interval = reduce(math.gcd, (tick.ms for tick in self._ticks))
            now = self._clock()
            for tick in self._ticks:
                tick.due = now + tick.ms / 1000
            await plugin.request("interval", {"ms": self._interval})

    async def _stop(self, params: Dict[str, Any]) -> None:
        await _finished(self._alive().on_stop())

    async def _unload(self, params: Dict[str, Any]) -> None:
        await _finished(self._alive().on_unload())

    def _event(self, params: Dict[str, Any]) -> Any:
        topic = params["topic"]
        handlers = self._handlers.of(topic)
        event = Event(
            topic,
            params.get("payload"),
            params.get("seq", 0),
            params.get("time_ms", 0),
            params.get("source", ""),
            params.get("lost", 0),
        )
        if len(handlers) == 1:
            return _silent(handlers[0](event))
        return self._each(handlers, event) if handlers else None

    async def _each(self, handlers: List[Callable[..., Any]], *args: Any) -> None:
        """All of them, one after another; the first error is raised when each had its turn."""
        failure: Optional[Exception] = None
        for handler in handlers:
            try:
                await _finished(handler(*args))
            except Exception as error:
                if failure is not None:
                    self._report("", error)
                failure = failure or error
        if failure is not None:
            raise failure

    def _call(self, params: Dict[str, Any]) -> Any:
        answerer = self._services.get(params["service"])
        if answerer is None:
            raise NotFound(f"this plugin has no service {params['service']}")
        return answerer(params.get("args"))

    def _tick(self, params: Dict[str, Any]) -> Any:
        if len(self._ticks) == 1:
            return _silent(self._ticks[0].method())
        now = self._clock()
        # The runtime's clock and ours do not agree to the millisecond.
        late = self._interval / 2000
        due = [tick for tick in self._ticks if tick.due <= now + late]
        for tick in due:
            tick.due += tick.ms / 1000
            if tick.due <= now:
                tick.due = now + tick.ms / 1000
        return self._each([tick.method for tick in due])

    # What the plugin asks that concerns this side as well

    def subscribe(self, filter: str, handler: Callable[..., Any]) -> "asyncio.Future[Any]":
        """See :meth:`Plugin.subscribe`; ``filter`` is a full name."""
        self._handlers.add(filter, _taking_event(handler))
        return self.peer.request("subscribe", {"filter": filter})

    def unsubscribe(self, filter: str) -> "asyncio.Future[Any]":
        """See :meth:`Plugin.unsubscribe`."""
        self._handlers.remove(filter)
        return self.peer.request("unsubscribe", {"filter": filter})

    def register(self, name: str, function: Callable[..., Any], about: Dict[str, Any]) -> "asyncio.Future[Any]":
        """See :meth:`Plugin.register`; ``about`` are the fields of :class:`Service`."""
        signature = signature_of(function, name)
        self._services[name] = _answerer(function, signature)
        schema = about.get("schema") or signature.schema
        params = {
            "service": name,
            "description": about.get("description") or first_paragraph(function),
            "version": about.get("version"),
            "deprecated": about.get("deprecated") or None,
            "reads": about.get("reads") or None,
            "schema": schema,
            "returns": about.get("returns") or signature.returns,
            "examples": list(about.get("examples") or ()) or None,
        }
        return self.peer.request("register", {key: value for key, value in params.items() if value})

    def register_raw(self, name: str, answerer: Answerer, **about: Any) -> "asyncio.Future[Any]":
        """Registers a service that takes its arguments as they come, unchecked."""
        self._services[name] = answerer
        return self.peer.request("register", {"service": name, **about})

    def unregister(self, name: str) -> "asyncio.Future[Any]":
        """See :meth:`Plugin.unregister`."""
        self._services.pop(name, None)
        return self.peer.request("unregister", {"service": name})

    # Errors

    def _alive(self) -> Plugin:
        if self.plugin is None:
            raise PluginError("protocol_error", "initialize has not come yet, or failed")
        return self.plugin

    def _report(self, id: str, error: BaseException) -> None:
        # One that the author raised on purpose says all in its message, which the runtime has.
        if not isinstance(error, PluginError):
            self.log.error("a handler failed", exc_info=error)

    def _broken(self, why: str) -> None:
        self.log.error(why)


class _Tick:
    """A method that is due at intervals."""

    __slots__ = ("ms", "method", "due")

    def __init__(self, ms: int, method: Callable[[], Any]) -> None:
        self.ms = ms
        self.method = method
        self.due = 0.0


async def _finished(result: Any) -> Any:
    return await result if hasattr(result, "__await__") else result


def _silent(result: Any) -> Any:
    """What an event's or tick's handler returns is nobody's business, and need not be JSON."""
    return _dropped(result) if hasattr(result, "__await__") else None


async def _dropped(result: Any) -> None:
    await result


def _taking_event(handler: Callable[..., Any]) -> Callable[[Event], Any]:
    try:
        parameters = list(inspect.signature(handler).parameters.values())
    except (TypeError, ValueError):
        return handler
    required = [p for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if not parameters:
        return lambda event: handler()
    if len(required) > 1 or (required and required[0].kind is required[0].KEYWORD_ONLY):
        name = getattr(handler, "__qualname__", repr(handler))
        raise TypeError(f"{name} is to handle events: it takes one argument, the event, and not {len(required)}")
    return handler


def _answerer(function: Callable[..., Any], signature: Signature) -> Answerer:
    bind = signature.bind

    def answer(args: Any) -> Any:
        given, named = bind(args)
        return function(*given, **named)

    return answer
