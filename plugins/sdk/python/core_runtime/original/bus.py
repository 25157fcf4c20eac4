"""``runtime.event_bus``: exact event types, and handlers that take the type and the data."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional

from ..plugin import Event
from .doing import Doing

if TYPE_CHECKING:
    from .adapter import Adapter

Handler = Callable[[str, Dict[str, Any]], Any]


class EventBus:
    """The original's event bus."""

    def __init__(self, adapter: "Adapter") -> None:
        self._adapter = adapter
        self._handlers: Dict[str, List[Handler]] = {}

    def subscribe(self, event_type: str, handler: Handler) -> Doing[None]:
        """Has ``handler(event_type, data)`` called for each event of this type; of filters, ours are understood."""

        def begin() -> "asyncio.Future[Any]":
            handlers = self._handlers.setdefault(event_type, [])
            handlers.append(handler)
            if len(handlers) > 1:
                return self._adapter.done(None)
            return self._adapter.session.subscribe(event_type, self._dispatch(event_type))

        return self._adapter.doing(begin)

    def unsubscribe(self, event_type: str, handler: Optional[Handler] = None) -> Doing[None]:
        """Takes a handler away; one that is not there is passed over."""

        def begin() -> "asyncio.Future[Any]":
            handlers = self._handlers.get(event_type, [])
            if handler in handlers:
                handlers.remove(handler)
            elif handler is None:
                handlers.clear()
            if handlers or event_type not in self._handlers:
                return self._adapter.done(None)
            del self._handlers[event_type]
            return self._adapter.session.unsubscribe(event_type)

        return self._adapter.doing(begin)

    def publish(self, event_type: str, data: Optional[Dict[str, Any]] = None) -> Doing[None]:
        """Publishes an event; done when it is on the bus."""
        params = {"topic": event_type, "payload": {} if data is None else data}
        return self._adapter.ask("publish", params, lambda answer: None)

    def get_subscribers_count(self, event_type: str) -> Doing[int]:
        """How many handlers of this plugin the event type has."""
        return self._adapter.doing(lambda: self._adapter.done(len(self._handlers.get(event_type, []))))

    def clear(self) -> Doing[None]:
        """Takes all handlers of this plugin away."""

        async def all_of_them() -> None:
            types = list(self._handlers)
            self._handlers.clear()
            await asyncio.gather(*(self._adapter.session.unsubscribe(each) for each in types))

        return self._adapter.run(all_of_them)

    def _dispatch(self, event_type: str) -> Callable[[Event], Any]:
        async def dispatch(event: Event) -> None:
            data = {} if event.payload is None else event.payload
            handlers = list(self._handlers.get(event_type, ()))
            results = await asyncio.gather(
                *(_handled(each, event.topic, data) for each in handlers), return_exceptions=True
            )
            failures = [result for result in results if isinstance(result, Exception)]
            for failure in failures[1:]:
                logging.getLogger("core_runtime").error("a handler of %s failed", event.topic, exc_info=failure)
            if failures:
                raise failures[0]

        return dispatch


async def _handled(handler: Handler, event_type: str, data: Any) -> None:
    result = handler(event_type, data)
    if inspect.isawaitable(result):
        await result
