"""``runtime.service_registry``: services with positional and keyword arguments."""

from __future__ import annotations

import asyncio
import inspect
import logging
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional

from ..arguments import join, split
from ..declare import first_paragraph
from ..errors import Denied, InvalidArgument, NotFound
from .doing import Doing

if TYPE_CHECKING:
    from .adapter import Adapter

Function = Callable[..., Any]

LEVELS = {"critical": 50, "fatal": 50, "error": 40, "warning": 30, "warn": 30, "info": 20, "debug": 10, "trace": 5}


class ServiceMiddleware(ABC):
    """What is called around each call of a service that is registered with it."""

    @abstractmethod
    async def before_call(self, service_name: str, args: Any, kwargs: Dict[str, Any]) -> None:
        """Called before; an exception refuses the call."""

    @abstractmethod
    async def after_call(self, service_name: str, result: Any) -> None:
        """Called with the result."""

    @abstractmethod
    async def on_error(self, service_name: str, error: Exception) -> None:
        """Called with what the service raised."""


class ServiceRegistry:
    """The original's registry. A service of this plugin is called directly, so that services may call one another."""

    def __init__(self, adapter: "Adapter") -> None:
        self._adapter = adapter
        self._own: Dict[str, Function] = {}
        self._deprecated: Dict[str, bool] = {}

    def register(self, service_name: str, func: Function, version: Optional[str] = None) -> Doing[None]:
        """Registers a service; one with a version is NAME.VERSION. ``ValueError`` for a name that is taken."""
        name = _versioned(service_name, version)

        def begin() -> "asyncio.Future[Any]":
            if name in self._own:
                raise_later = self._adapter.loop.create_future()
                raise_later.set_exception(ValueError(f"the service '{name}' is registered already"))
                return raise_later
            self._own[name] = func
            return self._announce(name, version)

        return self._adapter.doing(begin)

    def _announce(self, name: str, version: Optional[str]) -> "asyncio.Future[Any]":
        func = self._own[name]
        about = {"description": first_paragraph(func), "version": version, "deprecated": self._deprecated.get(name)}
        request = self._adapter.session.register_raw(
            name, lambda args: _answer(func, args), **{key: value for key, value in about.items() if value}
        )

        def forget(done: "asyncio.Future[Any]") -> None:
            if not done.cancelled() and done.exception() is not None:
                self._own.pop(name, None)

        # exception() marks it as retrieved, so a copy is handed on, which still tells when nobody asks.
        request.add_done_callback(forget)
        return asyncio.ensure_future(_passed_on(request))

    def register_with_middleware(self, service_name: str, func: Function, middleware: Any = ()) -> Doing[None]:
        """Registers a service with objects whose ``before_call``, ``after_call`` and ``on_error`` are called around it.

        A function in their place gets the service and returns the one to register.
        """
        around = list(middleware) if isinstance(middleware, (list, tuple)) else [middleware]
        for each in reversed([each for each in around if not hasattr(each, "before_call")]):
            func = each(func)
        wrapped = _with_middleware(service_name, func, [each for each in around if hasattr(each, "before_call")])
        return self.register(service_name, wrapped)

    def unregister(self, service_name: str, version: Optional[str] = None) -> Doing[None]:
        """Takes a service back; one that is not there is passed over."""
        name = _versioned(service_name, version)

        def begin() -> "asyncio.Future[Any]":
            self._deprecated.pop(name, None)
            if self._own.pop(name, None) is None:
                return self._adapter.done(None)
            return self._adapter.session.unregister(name)

        return self._adapter.doing(begin)

    def call(self, service_name: str, *args: Any, **kwargs: Any) -> Doing[Any]:
        """Calls a service. ``ValueError`` for one that is not there, ``asyncio.TimeoutError`` for one that is late."""
        return self._call(service_name, None, args, kwargs)

    def call_with_timeout(self, service_name: str, timeout: float, *args: Any, **kwargs: Any) -> Doing[Any]:
        """As :meth:`call`; ``timeout`` in seconds."""
        return self._call(service_name, timeout, args, kwargs)

    def _call(self, name: str, timeout: Optional[float], args: Any, kwargs: Dict[str, Any]) -> Doing[Any]:
        async def own() -> Any:
            return await asyncio.wait_for(_run(self._own[name], args, kwargs), timeout)

        async def log() -> Any:
            try:
                return await self._adapter.plugin_call(name, join(args, kwargs), timeout)
            except (NotFound, Denied):
                # No plugin of the original's is there that logs: the runtime does.
                self._adapter.log_for(*args, **kwargs)

        if name in self._own:
            return self._adapter.run(own)
        if name == "logger.log":
            return self._adapter.run(log)
        return self._adapter.doing(lambda: self._adapter.plugin_call(name, join(args, kwargs), timeout))

    def has_service(self, service_name: str) -> Doing[bool]:
        """Whether there is a service of this name."""
        if service_name in self._own:
            return self._adapter.doing(lambda: self._adapter.done(True))
        return self._adapter.ask("has_service", {"service": service_name})

    def list_services(self) -> Doing[List[str]]:
        """The names of all services."""
        return self._adapter.ask("services", {}, lambda all: [each["name"] for each in all])

    def get_versions(self, service_name: str) -> Doing[List[str]]:
        """The versions of a service: ``""`` for the name alone, and what follows it in NAME.VERSION."""

        def versions(all: List[Dict[str, Any]]) -> List[str]:
            names = {each["name"] for each in all}
            behind = {name[len(service_name) + 1 :] for name in names if name.startswith(f"{service_name}.")}
            return sorted(behind | ({""} if service_name in names else set()))

        return self._adapter.ask("services", {}, versions)

    def is_deprecated(self, service_name: str, version: Optional[str] = None) -> Doing[bool]:
        """Whether the service is marked as deprecated."""
        name = _versioned(service_name, version)
        return self._adapter.ask(
            "services", {}, lambda all: any(each["name"] == name and each.get("deprecated") for each in all)
        )

    def mark_deprecated(self, service_name: str, version: Optional[str] = None) -> Doing[None]:
        """Marks a service of this plugin as deprecated; ``ValueError`` for one that it does not have."""
        name = _versioned(service_name, version)

        async def mark() -> None:
            if name not in self._own:
                raise ValueError(f"the service '{name}' is not registered by this plugin")
            if self._deprecated.get(name):
                return
            self._deprecated[name] = True
            func = self._own[name]
            # Registered anew, with the mark; what is asked for goes in order.
            away = self._adapter.session.unregister(name)
            self._own[name] = func
            again = self._announce(name, version)
            await asyncio.gather(away, again)

        return self._adapter.run(mark)

    def clear(self) -> Doing[None]:
        """Takes all services of this plugin back."""

        async def all_of_them() -> None:
            names = list(self._own)
            self._own.clear()
            self._deprecated.clear()
            await asyncio.gather(*(self._adapter.session.unregister(name) for name in names))

        return self._adapter.run(all_of_them)


def _versioned(name: str, version: Optional[str]) -> str:
    return f"{name}.{version}" if version else name


async def _passed_on(request: "asyncio.Future[Any]") -> Any:
    return await request


async def _run(func: Function, args: Any, kwargs: Dict[str, Any]) -> Any:
    result = func(*args, **kwargs)
    return await result if inspect.isawaitable(result) else result


def _answer(func: Function, args: Any) -> Any:
    given, named = split(args)
    try:
        inspect.signature(func).bind(*given, **named)
    except TypeError as error:
        raise InvalidArgument(str(error)) from None
    except ValueError:
        # A function of C that does not say what it takes.
        pass
    return func(*given, **named)


def _with_middleware(name: str, func: Function, around: List[Any]) -> Function:
    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        for each in around:
            await _run(each.before_call, (name, args, kwargs), {})
        try:
            result = await _run(func, args, kwargs)
            for each in around:
                await _run(each.after_call, (name, result), {})
            return result
        except Exception as error:
            for each in around:
                await _run(each.on_error, (name, error), {})
            raise

    try:
        # So that wrong arguments are still the caller's mistake.
        wrapped.__signature__ = inspect.signature(func)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        logging.getLogger("core_runtime").debug("%s does not say what it takes", name)
    wrapped.__doc__ = func.__doc__
    return wrapped
