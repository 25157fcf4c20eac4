"""Filters: ``*`` stands for one token of a topic, a final ``>`` for one or more."""

from __future__ import annotations

from typing import Any, Callable, Dict, List


def matches(filter: str, topic: str) -> bool:
    """Whether ``filter`` matches ``topic``."""
    wanted, given = filter.split("."), topic.split(".")
    if wanted[-1] == ">":
        wanted.pop()
        if len(given) <= len(wanted):
            return False
    elif len(given) != len(wanted):
        return False
    return all(token in ("*", each) for token, each in zip(wanted, given))


class Handlers:
    """Who handles what: filters in the order in which they came, and the handlers of each."""

    # So many topics are remembered; a house has hundreds.
    _REMEMBERED = 4096

    def __init__(self) -> None:
        self._by_filter: Dict[str, List[Callable[..., Any]]] = {}
        self._by_topic: Dict[str, List[Callable[..., Any]]] = {}

    def add(self, filter: str, handler: Callable[..., Any]) -> bool:
        """Adds a handler; whether the filter is new."""
        self._by_topic.clear()
        handlers = self._by_filter.setdefault(filter, [])
        handlers.append(handler)
        return len(handlers) == 1

    def remove(self, filter: str) -> bool:
        """Forgets all handlers of a filter; whether there were any."""
        self._by_topic.clear()
        return self._by_filter.pop(filter, None) is not None

    def of(self, topic: str) -> List[Callable[..., Any]]:
        """The handlers of a topic."""
        found = self._by_topic.get(topic)
        if found is None:
            found = [each for filter, all in self._by_filter.items() if matches(filter, topic) for each in all]
            if len(self._by_topic) >= self._REMEMBERED:
                self._by_topic.clear()
            self._by_topic[topic] = found
        return found
