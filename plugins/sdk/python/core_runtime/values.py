"""State and storage, as a plugin sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, AsyncIterator, Awaitable, Dict, List, NamedTuple, Optional

from .errors import PluginError

if TYPE_CHECKING:
    from .plugin import Plugin

#: How many keys one request asks for.
PAGE = 1000


class Versioned(NamedTuple):
    """A state value and its version, a whole number from 1 that every change raises."""

    value: Any
    version: int


class State:
    """Values that every plugin with the permission sees, in memory; every change is an event ``state.changed.KEY``.

    Keys are dotted names; one that begins with a dot is below the plugin's own name.
    """

    def __init__(self, plugin: "Plugin") -> None:
        self._plugin = plugin

    def get(self, key: str, default: Any = None) -> "Awaitable[Any]":
        """The value of ``key``, or ``default`` where there is none."""
        params = {"key": self._plugin.full_name(key)}
        return self._plugin.request("state.get", params, lambda found: found["value"] if found else default)

    def get_versioned(self, key: str) -> "Awaitable[Optional[Versioned]]":
        """The value of ``key`` with its version, or ``None``."""
        params = {"key": self._plugin.full_name(key)}
        return self._plugin.request(
            "state.get", params, lambda found: Versioned(found["value"], found["version"]) if found else None
        )

    def set(
        self, key: str, value: Any, *, ttl: Optional[float] = None, version: Optional[int] = None
    ) -> "Awaitable[int]":
        """Sets ``key``; the new version.

        After ``ttl`` seconds the value is gone. Where ``version`` is given the value must have it (0: there must be
        none), else this fails with :class:`Conflict`.
        """
        params: Dict[str, Any] = {"key": self._plugin.full_name(key), "value": value}
        if ttl is not None:
            params["ttl_ms"] = max(1, round(ttl * 1000))
        if version is not None:
            params["version"] = version
        return self._plugin.request("state.set", params, lambda answer: int(answer["version"]))

    def update(self, values: Dict[str, Any]) -> "Awaitable[None]":
        """Sets at most 16 keys, all or none."""
        full = {self._plugin.full_name(key): value for key, value in values.items()}
        return self._plugin.request("state.update", {"values": full})

    def delete(self, key: str, *, version: Optional[int] = None) -> "Awaitable[bool]":
        """Deletes ``key``; whether it was there."""
        params: Dict[str, Any] = {"key": self._plugin.full_name(key)}
        if version is not None:
            params["version"] = version
        return self._plugin.request("state.delete", params)

    def exists(self, key: str) -> "Awaitable[bool]":
        """Whether ``key`` has a value."""
        return self._plugin.request("state.get", {"key": self._plugin.full_name(key)}, lambda found: found is not None)

    async def keys(self, prefix: str = "") -> List[str]:
        """All keys that begin with ``prefix``, in order."""
        params = {"prefix": self._plugin.full_name(prefix)}
        return [key async for key in pages(self._plugin, "state.keys", params)]

    def clear(self) -> "Awaitable[int]":
        """Deletes all values that this plugin wrote last; how many."""
        return self._plugin.request("state.clear", {}, lambda answer: int(answer["deleted"]))


class Storage:
    """Values that outlive the plugin and the runtime. What is answered is durable, also if the power fails then.

    ``None`` cannot be told from nothing: store something else.
    """

    def __init__(self, plugin: "Plugin", namespace: Optional[str] = None) -> None:
        self._plugin = plugin
        self._where: Dict[str, Any] = {} if namespace is None else {"namespace": namespace}

    def namespace(self, name: str) -> "Storage":
        """The namespace of another plugin; it needs a permission."""
        return Storage(self._plugin, name)

    def get(self, key: str, default: Any = None) -> "Awaitable[Any]":
        """The value of ``key``, or ``default`` where there is none."""
        params = {"key": key, **self._where}
        return self._plugin.request("storage.get", params, lambda value: default if value is None else value)

    def set(self, key: str, value: Any) -> "Awaitable[None]":
        """Stores ``value``, any JSON but ``None``."""
        return self._plugin.request("storage.set", {"key": key, "value": value, **self._where})

    def delete(self, key: str) -> "Awaitable[bool]":
        """Deletes ``key``; whether it was there."""
        return self._plugin.request("storage.delete", {"key": key, **self._where})

    async def keys(self) -> List[str]:
        """All keys, in order."""
        return [key async for key in pages(self._plugin, "storage.keys", dict(self._where))]

    def clear(self) -> "Awaitable[int]":
        """Deletes all; how many."""
        return self._plugin.request("storage.clear", dict(self._where), lambda answer: int(answer["deleted"]))

    def transaction(self) -> "Transaction":
        """``async with storage.transaction() as t``: at most 16 changes, done all or none when the block ends."""
        return Transaction(self._plugin, self._where)


class Transaction:
    """Collects changes; an exception in the block drops them all."""

    def __init__(self, plugin: "Plugin", where: Dict[str, Any]) -> None:
        self._plugin = plugin
        self._where = where
        self._operations: List[Dict[str, Any]] = []

    def set(self, key: str, value: Any) -> None:
        """Stores ``value`` when the block ends."""
        self._operations.append({"set": key, "value": value})

    def delete(self, key: str) -> None:
        """Deletes ``key`` when the block ends."""
        self._operations.append({"delete": key})

    async def __aenter__(self) -> "Transaction":
        return self

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None and self._operations:
            await self._plugin.request("storage.batch", {"operations": self._operations, **self._where})


async def pages(plugin: "Plugin", method: str, params: Dict[str, Any]) -> AsyncIterator[str]:
    """Every key that ``method`` lists, page by page."""
    params["limit"] = PAGE
    while True:
        answer = await plugin.request(method, dict(params))
        keys = answer["keys"]
        for key in keys:
            yield key
        if not answer["more"]:
            return
        if not keys:
            raise PluginError("error", f"{method}: the runtime says that there is more, and lists nothing")
        params["after"] = keys[-1]
