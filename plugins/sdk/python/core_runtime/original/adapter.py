"""One class of the original as a plugin of this runtime."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from typing import Any, Awaitable, Callable, Dict, List, Optional, Type, cast

from ..errors import PluginError
from ..plugin import Plugin
from ..session import Session
from .base import BasePlugin
from .bus import EventBus
from .doing import SCOPE, Doing, Scope
from .manager import PluginManager
from .registry import LEVELS, ServiceRegistry
from .values import StateEngine, Storage


class CoreRuntime:
    """What ``self.runtime`` is."""

    def __init__(self, adapter: "Adapter") -> None:
        self.event_bus = EventBus(adapter)
        self.service_registry = ServiceRegistry(adapter)
        self.state_engine = StateEngine(adapter)
        self.storage = Storage(adapter)
        self.plugin_manager = PluginManager(adapter)
        self.http = HttpRegistry()

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"the runtime has no '{name}' here: there are event_bus, service_registry, state_engine, storage, "
            "plugin_manager, and http"
        )


class HttpRegistry:
    """Where plugins say which HTTP endpoints they would like. Here nobody serves them."""

    def __init__(self) -> None:
        self._endpoints: List[Any] = []

    def register(self, endpoint: Any) -> None:
        """Remembers an endpoint."""
        self._endpoints.append(endpoint)

    def clear(self, plugin: Optional[str] = None) -> None:
        """Forgets all."""
        self._endpoints.clear()

    def list(self) -> List[Any]:
        """Those that are remembered."""
        return [*self._endpoints]


class Adapter:
    """What the parts of :class:`CoreRuntime` have in common: the session, and how they ask."""

    def __init__(self, plugin: Plugin) -> None:
        self.plugin = plugin
        self.session: Session = plugin._session
        self.loop = asyncio.get_running_loop()
        self.thread = threading.get_ident()
        self.instance: Any = None
        #: The name that the class itself says.
        self.own_name = plugin.name

    def doing(self, begin: Callable[[], "asyncio.Future[Any]"]) -> Doing[Any]:
        """Something that ``begin`` begins."""
        return Doing(self.loop, begin)

    def ask(self, method: str, params: Dict[str, Any], convert: Optional[Callable[[Any], Any]] = None) -> Doing[Any]:
        """A request of the protocol."""
        return self.doing(lambda: self.session.peer.request(method, params, convert))

    def run(self, function: Callable[[], Awaitable[Any]]) -> Doing[Any]:
        """A coroutine function, begun as a task of its own."""
        return self.doing(lambda: asyncio.ensure_future(function()))

    def done(self, value: Any) -> "asyncio.Future[Any]":
        """A future that is done."""
        future: "asyncio.Future[Any]" = self.loop.create_future()
        future.set_result(value)
        return future

    def failed(self, error: Exception) -> Doing[Any]:
        """Something that failed before it was begun."""

        def begin() -> "asyncio.Future[Any]":
            future: "asyncio.Future[Any]" = self.loop.create_future()
            future.set_exception(error)
            return future

        return self.doing(begin)

    def plugin_call(self, service: str, args: Any, timeout: Optional[float]) -> "asyncio.Future[Any]":
        """A call of another plugin's service."""
        return self.plugin.call(service, args, timeout=timeout)  # type: ignore[return-value]

    def log_for(self, *args: Any, **kwargs: Any) -> None:
        """What the original's service ``logger.log`` does."""
        words = dict(zip(("level", "message", "plugin"), args), **kwargs)
        level = LEVELS.get(str(words.pop("level", "info")).lower(), logging.INFO)
        text = str(words.pop("message", ""))
        words.pop("plugin", None)
        more = " ".join(f"{key}={value!r}" for key, value in words.items() if value is not None)
        self.plugin.log.log(level, "%s", f"{text} {more}" if more else text)


class OriginalPlugin(Plugin):
    """A plugin of this runtime that is a class of the original; made by :func:`adapted`."""

    # The original lets services and handlers call one another.
    concurrency = 16

    #: Finds the class; it is imported when the runtime has spoken, so that it hears of what fails.
    find: Callable[[], Type[Any]]

    def __init__(self) -> None:
        kind = type(self).find()
        self._adapter = Adapter(self)
        self._runtime = CoreRuntime(self._adapter)
        self._instance = self._adapter.instance = made(kind, self._runtime, self.settings)
        metadata = self._metadata()
        if metadata is not None:
            self._adapter.own_name = metadata.name

    def _metadata(self) -> Any:
        try:
            return self._instance.metadata
        except Exception as error:
            self.log.warning("its metadata cannot be read: %s: %s", type(error).__name__, error)
            return None

    async def on_load(self) -> None:
        """As in :class:`Plugin`."""
        await self._hook("on_load")

    async def on_start(self) -> None:
        """As in :class:`Plugin`."""
        await self._hook("on_start")

    async def on_stop(self) -> None:
        """As in :class:`Plugin`."""
        await self._hook("on_stop")

    async def on_unload(self) -> None:
        """As in :class:`Plugin`."""
        await self._hook("on_unload")

    async def _hook(self, name: str) -> None:
        scope = Scope()
        token = SCOPE.set(scope)
        try:
            result = getattr(self._instance, name)()
            if inspect.isawaitable(result):
                await result
            await scope.finish()
        finally:
            SCOPE.reset(token)


def made(kind: Type[Any], runtime: Any, settings: Any = None) -> Any:
    """An instance of a class of the original, which may take the runtime, or nothing."""
    if inspect.isabstract(kind):
        missing = ", ".join(sorted(kind.__abstractmethods__))
        raise PluginError("error", f"{kind.__name__} is abstract: it must define {missing}")
    instance = cast(Any, kind).__new__(kind)
    # Before its __init__ as well, for one that does not call the base's.
    _give(instance, runtime)
    if isinstance(instance, BasePlugin):
        instance._settings = settings if isinstance(settings, dict) else {}
    takes_runtime = kind.__init__ is not object.__init__
    try:
        inspect.signature(instance.__init__).bind(runtime)
    except TypeError:
        takes_runtime = False
    instance.__init__(*((runtime,) if takes_runtime else ()))
    _give(instance, runtime)
    return instance


def _give(instance: Any, runtime: Any) -> None:
    if isinstance(instance, BasePlugin):
        instance._runtime = runtime
    else:
        instance.runtime = runtime


def adapted(find: Callable[[], Type[Any]]) -> Type[OriginalPlugin]:
    """The plugin for the class that ``find`` finds."""
    return type("Original", (OriginalPlugin,), {"find": staticmethod(find)})
