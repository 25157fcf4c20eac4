"""The class that every plugin derives from."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Awaitable, Callable, ClassVar, Dict, List, NamedTuple, NoReturn, Optional

from .errors import PluginError
from .values import State, Storage
from .worker import HANDLED

if TYPE_CHECKING:
    from .session import Session


class Event(NamedTuple):
    """What somebody published."""

    topic: str
    payload: Any
    #: Its place in the order of the bus.
    seq: int = 0
    #: The runtime's monotonic time, in milliseconds.
    time_ms: int = 0
    #: The name of the plugin that published it.
    source: str = ""
    #: How many events this plugin lost directly before this one, because it was too slow.
    lost: int = 0


class Plugin:
    """A plugin: derive from it, mark methods with ``@on``, ``@service`` and ``@every``, and end with ``run(...)``.

    Methods may be plain or ``async``; a plain one that takes long holds up this plugin alone. What a method asks of the
    runtime is under way when the method of this class returns, also where it is not awaited; awaiting gives the answer,
    or raises a :class:`PluginError`. An exception in a handler is its answer: it is logged, and the plugin goes on.

    A name that begins with a dot (a topic, a service, a key) is below the plugin's own name, which is that under
    which it was installed.
    """

    #: How many messages are handled at a time, 1 to 64. With 1 they come one at a time, in order.
    concurrency: ClassVar[int] = 1
    #: The plugin's version; where it is given it must be that of plugin.toml.
    version: ClassVar[str] = ""
    #: The class of ``settings``, a dataclass or TypedDict; an annotation such as ``settings: Settings`` does the same.
    settings_type: ClassVar[Any] = None

    #: The name the plugin was installed under.
    name: str
    #: The plugin's settings: a ``dict``, or what ``settings_type`` says.
    settings: Any
    #: What was granted: lists of filters below ``publish``, ``subscribe``, ``call``, ``register``, ``state``, ``storage``.
    permissions: Dict[str, List[str]]
    #: The folder the plugin is in.
    folder: str
    #: The folder the plugin may write to; empty where there is none.
    data: str
    #: A standard logger whose records reach the runtime's log.
    log: logging.Logger
    state: State
    storage: Storage

    _session: "Session"

    # Hooks, to be overridden; plain or async.

    def on_load(self) -> Any:
        """Called first, when everything that was declared is registered and subscribed."""

    def on_start(self) -> Any:
        """Called when the plugin starts; events, calls and ticks come after it."""

    def on_stop(self) -> Any:
        """Called when the plugin stops; nothing comes after it but ``on_unload``, or ``on_start`` once more."""

    def on_unload(self) -> Any:
        """Called last, before the process leaves."""

    # What a plugin can do

    def publish(self, topic: str, payload: Any = None, *, wait: Optional[float] = None) -> "Awaitable[int]":
        """Publishes an event; the number of receivers.

        ``wait`` is how many seconds to wait for subscribers that make publishers wait (5 unless given).
        """
        params: Dict[str, Any] = {"topic": self.full_name(topic), "payload": payload}
        if wait is not None:
            params["wait_ms"] = round(wait * 1000)
        return self.request("publish", params, _receivers)

    def call(self, name: str, args: Any = None, *, timeout: Optional[float] = None) -> "Awaitable[Any]":
        """Calls a service with ``args``, any JSON; the reply.

        ``timeout`` in seconds; the runtime's own unless given. Fails with :class:`NotFound`, :class:`Timeout`,
        :class:`Denied`, :class:`InvalidArgument`, or with what the service answers.
        """
        params: Dict[str, Any] = {"service": self.full_name(name), "args": args}
        if timeout is not None:
            params["timeout_ms"] = max(1, round(timeout * 1000))
        if self._session.overlaps:
            parent = HANDLED.get()
            if parent is not None:
                params["parent"] = parent
        return self.request("call", params)

    def subscribe(self, filter: str, handler: Callable[[Event], Any]) -> "Awaitable[bool]":
        """Subscribes while the plugin runs, as ``@on`` does from the start; false when ``filter`` was there already."""
        return self._session.subscribe(self.full_name(filter), handler)

    def unsubscribe(self, filter: str) -> "Awaitable[bool]":
        """Takes all handlers of ``filter`` away; false when there were none."""
        return self._session.unsubscribe(self.full_name(filter))

    def register(self, name: str, function: Callable[..., Any], **about: Any) -> "Awaitable[None]":
        """Registers a service while the plugin runs; ``about`` as for ``@service``."""
        return self._session.register(self.full_name(name), function, about)

    def unregister(self, name: str) -> "Awaitable[bool]":
        """Takes a service back; false when it was not there."""
        return self._session.unregister(self.full_name(name))

    def has_service(self, name: str) -> "Awaitable[bool]":
        """Whether some plugin has a service of this name."""
        return self.request("has_service", {"service": self.full_name(name)})

    def services(self) -> "Awaitable[List[Dict[str, Any]]]":
        """All services: dicts with ``name``, ``plugin``, ``description``, ``version``, ``deprecated`` and the schemas."""
        return self.request("services", {})

    @classmethod
    def run(cls) -> NoReturn:
        """Runs this plugin as this process: the last line of a main file."""
        from .process import run

        run(cls)

    # What the library needs; of use for methods of the protocol that are newer than it

    def request(
        self, method: str, params: Dict[str, Any], convert: Optional[Callable[[Any], Any]] = None
    ) -> "Awaitable[Any]":
        """A request of the protocol as it is; its result, passed through ``convert``."""
        try:
            session = self._session
        except AttributeError:
            raise PluginError(
                "unavailable", f"{method}: the runtime is not there yet; use on_load or later, not __init__"
            ) from None
        return session.peer.request(method, params, convert)

    def full_name(self, name: str) -> str:
        """``name`` itself, or below the plugin's own name where it begins with a dot."""
        return self.name + name if name[:1] == "." else name


def _receivers(answer: Any) -> int:
    return int(answer["receivers"])
