"""A runtime in memory: what the methods of the protocol do, for tests of a plugin."""

from __future__ import annotations

import bisect
import dataclasses
import inspect
import re
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from .errors import Conflict, Denied, InvalidArgument, NotFound, PluginError, Taken
from .topics import matches

_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")

Granted = Dict[str, List[str]]


@dataclasses.dataclass
class Entry:
    """A state value: with its version, who wrote it last, and the second at which it is gone."""

    value: Any
    version: int
    owner: str
    until: Optional[float] = None


class Memory:
    """State, storage, services and subscriptions of one plugin and of what a test plays around it."""

    def __init__(self, name: str, granted: Optional[Granted], published: Callable[[str, Any, str], int]) -> None:
        """``granted`` is ``None`` for a plugin that may do everything; ``published`` is told of every event."""
        self.name = name
        self.granted = granted
        self.now = 1000.0
        self.interval = 0.0
        self.filters: List[str] = []
        self.services: Dict[str, Dict[str, Any]] = {}
        self.fakes: Dict[str, Any] = {}
        self.entries: Dict[str, Entry] = {}
        self.stored: Dict[str, Dict[str, Any]] = {}
        self.cancelled: Set[Any] = set()
        self.logs: List[Tuple[str, str]] = []
        self._published = published
        self._versions = 0

    async def ask(self, method: str, params: Dict[str, Any], call: Callable[..., Any]) -> Any:
        """Carries out a request of the plugin; ``call`` hands a call to the plugin itself."""
        if method == "call":
            return await self._call(params, call)
        handler = getattr(self, "_" + method.replace(".", "_"), None)
        if handler is None or method.startswith("_"):
            raise PluginError("no_such_method", f"no such method: {method}")
        return handler(**params)

    # Permissions and names

    def _may(self, permission: str, name: str) -> None:
        if not isinstance(name, str) or not _NAME.fullmatch(name.replace("*", "x").replace(">", "x")):
            raise PluginError("invalid_name", f"not well formed: {name!r}")
        if self.granted is None or name.startswith(self.name + ".") or name == self.name:
            return
        if not any(matches(filter, name) for filter in self.granted.get(permission, [])):
            raise Denied(
                f"{permission} '{name}' is not granted: "
                f"core-runtime plugin permissions {self.name} grant {permission} '{name}'"
            )

    # The bus

    def _publish(self, topic: str, payload: Any = None, wait_ms: int = 5000) -> Dict[str, int]:
        self._may("publish", topic)
        if topic.startswith(("runtime.", "state.changed.")):
            raise PluginError("reserved", f"'{topic}' is the runtime's")
        return {"receivers": self._published(topic, payload, self.name)}

    def _subscribe(self, filter: str) -> bool:
        self._may("state" if filter.startswith("state.changed.") else "subscribe", filter)
        if filter in self.filters:
            return False
        self.filters.append(filter)
        return True

    def _unsubscribe(self, filter: str) -> bool:
        if filter not in self.filters:
            return False
        self.filters.remove(filter)
        return True

    # Services

    def _register(self, service: str, **about: Any) -> None:
        self._may("register", service)
        if service in self.services or service in self.fakes:
            raise Taken(f"the service '{service}' is there already")
        self.services[service] = {"name": service, "plugin": self.name, **about}

    def _unregister(self, service: str) -> bool:
        return self.services.pop(service, None) is not None

    def _has_service(self, service: str) -> bool:
        return service in self.services or service in self.fakes

    def _services(self) -> List[Dict[str, Any]]:
        fakes = [{"name": name, "plugin": "test"} for name in self.fakes]
        nothing = {"description": "", "version": "", "deprecated": False}
        return [{**nothing, **about} for about in [*self.services.values(), *fakes]]

    async def _call(self, params: Dict[str, Any], call: Callable[..., Any]) -> Any:
        service, args = params["service"], params.get("args")
        self._may("call", service)
        if service in self.fakes:
            fake = self.fakes[service]
            result = fake(args) if callable(fake) else fake
            return await result if inspect.isawaitable(result) else result
        if service in self.services:
            return await call(service, args, self.name)
        raise NotFound(f"there is no service '{service}'")

    # State

    def expire(self) -> None:
        """Drops what has outlived its time."""
        gone = [key for key, entry in self.entries.items() if entry.until is not None and entry.until <= self.now]
        for key in gone:
            del self.entries[key]

    def _state_get(self, key: str) -> Optional[Dict[str, Any]]:
        self._may("state", key)
        self.expire()
        entry = self.entries.get(key)
        return None if entry is None else {"value": entry.value, "version": entry.version}

    def _write(self, key: str, value: Any, until: Optional[float]) -> int:
        self._versions += 1
        self.entries[key] = Entry(value, self._versions, self.name, until)
        self._published(f"state.changed.{key}", {"value": value, "version": self._versions}, "runtime")
        return self._versions

    def _has_version(self, key: str, version: Optional[int]) -> None:
        entry = self.entries.get(key)
        there = 0 if entry is None else entry.version
        if version is not None and version != there:
            raise Conflict(f"'{key}' has version {there}, not {version}")

    def _state_set(
        self, key: str, value: Any = None, ttl_ms: Optional[int] = None, version: Optional[int] = None
    ) -> Dict[str, int]:
        self._may("state", key)
        self.expire()
        self._has_version(key, version)
        return {"version": self._write(key, value, None if ttl_ms is None else self.now + ttl_ms / 1000)}

    def _state_update(self, values: Dict[str, Any]) -> None:
        if len(values) > 16:
            raise PluginError("full", f"at most 16 keys at once, got {len(values)}")
        for key in values:
            self._may("state", key)
        for key, value in values.items():
            self._write(key, value, None)

    def _state_delete(self, key: str, version: Optional[int] = None) -> bool:
        self._may("state", key)
        self.expire()
        self._has_version(key, version)
        return self.entries.pop(key, None) is not None

    def _state_keys(self, prefix: str = "", limit: int = 1000, after: str = "") -> Dict[str, Any]:
        self.expire()
        return _page([key for key in self.entries if key.startswith(prefix)], limit, after)

    def _state_clear(self) -> Dict[str, int]:
        mine = [key for key, entry in self.entries.items() if entry.owner == self.name]
        for key in mine:
            del self.entries[key]
        return {"deleted": len(mine)}

    # Storage

    def _space(self, namespace: Optional[str]) -> Dict[str, Any]:
        name = self.name if namespace is None else namespace
        allowed = self.granted is None or name == self.name or name in self.granted.get("storage", [])
        if not allowed:
            raise Denied(
                f"storage '{name}' is not granted: core-runtime plugin permissions {self.name} grant storage '{name}'"
            )
        return self.stored.setdefault(name, {})

    def _storage_get(self, key: str, namespace: Optional[str] = None) -> Any:
        return self._space(namespace).get(key)

    def _storage_set(self, key: str, value: Any = None, namespace: Optional[str] = None) -> None:
        self._space(namespace)[key] = value

    def _storage_delete(self, key: str, namespace: Optional[str] = None) -> bool:
        return self._space(namespace).pop(key, self) is not self

    def _storage_keys(self, namespace: Optional[str] = None, limit: int = 1000, after: str = "") -> Dict[str, Any]:
        return _page(list(self._space(namespace)), limit, after)

    def _storage_clear(self, namespace: Optional[str] = None) -> Dict[str, int]:
        space = self._space(namespace)
        deleted = len(space)
        space.clear()
        return {"deleted": deleted}

    def _storage_batch(self, operations: List[Dict[str, Any]], namespace: Optional[str] = None) -> None:
        space = self._space(namespace)
        if len(operations) > 16:
            raise PluginError("full", f"at most 16 operations at once, got {len(operations)}")
        for operation in operations:
            if "set" in operation:
                space[operation["set"]] = operation.get("value")
            elif "delete" in operation:
                space.pop(operation["delete"], None)
            else:
                raise InvalidArgument(f"an operation has 'set' or 'delete', got {operation}")

    # The rest

    def _interval(self, ms: int) -> None:
        self.interval = ms / 1000

    def _log(self, level: str, message: str) -> None:
        self.logs.append((level, message))


def _page(keys: List[str], limit: int, after: str) -> Dict[str, Any]:
    keys = sorted(keys)
    start = bisect.bisect_right(keys, after) if after else 0
    return {"keys": keys[start : start + limit], "more": len(keys) > start + limit}
