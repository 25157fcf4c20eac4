"""``runtime.state_engine`` and ``runtime.storage``."""

from __future__ import annotations

import contextvars
import logging
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Optional, Tuple

from ..values import pages
from .doing import Doing

if TYPE_CHECKING:
    from .adapter import Adapter

#: How many changes the runtime does all or none.
TOGETHER = 16


class StateEngine:
    """The original's state engine."""

    def __init__(self, adapter: "Adapter") -> None:
        self._adapter = adapter

    def get(self, key: str, default: Any = None) -> Doing[Any]:
        """The value of ``key``, or ``default``."""
        return self._adapter.ask("state.get", {"key": key}, lambda found: found["value"] if found else default)

    def set(self, key: str, value: Any) -> Doing[None]:
        """Sets ``key``, for ever."""
        return self._adapter.ask("state.set", {"key": key, "value": value}, _nothing)

    def set_with_ttl(self, key: str, value: Any, ttl_seconds: float) -> Doing[None]:
        """Sets ``key`` for so many seconds."""
        params = {"key": key, "value": value, "ttl_ms": max(1, round(ttl_seconds * 1000))}
        return self._adapter.ask("state.set", params, _nothing)

    def delete(self, key: str) -> Doing[bool]:
        """Deletes ``key``; whether it was there."""
        return self._adapter.ask("state.delete", {"key": key})

    def exists(self, key: str) -> Doing[bool]:
        """Whether ``key`` has a value."""
        return self._adapter.ask("state.get", {"key": key}, lambda found: found is not None)

    def keys(self, prefix: str = "") -> Doing[List[str]]:
        """All keys."""

        async def all_of_them() -> List[str]:
            return [key async for key in pages(self._adapter.plugin, "state.keys", {"prefix": prefix})]

        return self._adapter.run(all_of_them)

    def clear(self) -> Doing[None]:
        """Deletes what this plugin wrote last."""
        return self._adapter.ask("state.clear", {}, _nothing)

    def update(self, updates: Dict[str, Any]) -> Doing[None]:
        """Sets several keys; all or none, up to 16."""

        async def in_parts() -> None:
            for part in _parts(list(updates.items())):
                await self._adapter.plugin.request("state.update", {"values": dict(part)})

        return self._adapter.run(in_parts)


class _Changes:
    """What a transaction has collected: (namespace, key) to the new value, or to nothing for what is deleted."""

    def __init__(self) -> None:
        self.made: Dict[Tuple[str, str], Optional[Dict[str, Any]]] = {}


_CHANGES: "contextvars.ContextVar[Optional[_Changes]]" = contextvars.ContextVar("core_runtime_changes", default=None)


class Storage:
    """The original's storage: namespace, key, and a ``dict``."""

    def __init__(self, adapter: "Adapter") -> None:
        self._adapter = adapter

    def get(self, namespace: str, key: str) -> Doing[Optional[Dict[str, Any]]]:
        """The value, or ``None``."""
        wrong = _wrong(namespace=namespace, key=key)
        if wrong is not None:
            return self._adapter.failed(wrong)
        changes = _CHANGES.get()
        if changes is not None and (namespace, key) in changes.made:
            value = changes.made[namespace, key]
            return self._adapter.doing(lambda: self._adapter.done(value))
        return self._adapter.ask("storage.get", {"key": key, **self._where(namespace)})

    def set(self, namespace: str, key: str, value: Dict[str, Any]) -> Doing[None]:
        """Stores a ``dict``; ``TypeError`` for anything else."""
        wrong = _wrong(namespace=namespace, key=key) or _no_dict("value", value)
        if wrong is not None:
            return self._adapter.failed(wrong)
        changes = _CHANGES.get()
        if changes is not None:
            changes.made[namespace, key] = value
            return self._adapter.doing(lambda: self._adapter.done(None))
        return self._adapter.ask("storage.set", {"key": key, "value": value, **self._where(namespace)})

    def delete(self, namespace: str, key: str) -> Doing[bool]:
        """Deletes; whether it was there."""
        wrong = _wrong(namespace=namespace, key=key)
        if wrong is not None:
            return self._adapter.failed(wrong)
        changes = _CHANGES.get()
        if changes is None:
            return self._adapter.ask("storage.delete", {"key": key, **self._where(namespace)})

        async def when_it_ends() -> bool:
            there = await self.get(namespace, key) is not None
            changes.made[namespace, key] = None
            return there

        return self._adapter.run(when_it_ends)

    def list_keys(self, namespace: str) -> Doing[List[str]]:
        """All keys of a namespace."""
        wrong = _wrong(namespace=namespace)
        if wrong is not None:
            return self._adapter.failed(wrong)
        changes = _CHANGES.get()

        async def all_of_them() -> List[str]:
            keys = {key async for key in pages(self._adapter.plugin, "storage.keys", self._where(namespace))}
            for (space, key), value in (changes.made if changes is not None else {}).items():
                if space == namespace:
                    (keys.discard if value is None else keys.add)(key)
            return sorted(keys)

        return self._adapter.run(all_of_them)

    def clear_namespace(self, namespace: str) -> Doing[None]:
        """Deletes all of a namespace."""
        wrong = _wrong(namespace=namespace)
        if wrong is not None:
            return self._adapter.failed(wrong)
        if _CHANGES.get() is None:
            return self._adapter.ask("storage.clear", self._where(namespace), _nothing)

        async def each() -> None:
            for key in await self.list_keys(namespace):
                await self.delete(namespace, key)

        return self._adapter.run(each)

    def batch_set(self, namespace: str, items: Dict[str, Dict[str, Any]]) -> Doing[None]:
        """Stores several values of one namespace; all or none, up to 16."""
        wrong = _wrong(namespace=namespace) or _no_dict("items", items)
        for key, value in items.items() if isinstance(items, dict) else ():
            wrong = wrong or _wrong(key=key) or _no_dict(f"items[{key!r}]", value)
        if wrong is not None:
            return self._adapter.failed(wrong)
        changes = _CHANGES.get()
        if changes is not None:
            changes.made.update({(namespace, key): value for key, value in items.items()})
            return self._adapter.doing(lambda: self._adapter.done(None))
        return self._adapter.run(lambda: self._write({(namespace, key): value for key, value in items.items()}))

    def transaction(self, *_: Any) -> "Transaction":
        """``async with storage.transaction():`` what is changed in the block is done when it ends, or not at all."""
        return Transaction(self)

    def transaction_callback(self, callback: Callable[..., Any]) -> Doing[Any]:
        """Calls ``callback(storage)`` in a transaction; its result."""

        async def within() -> Any:
            async with self.transaction():
                result = callback(self)
                return await result if hasattr(result, "__await__") else result

        return self._adapter.run(within)

    def close(self) -> Doing[None]:
        """Nothing: the storage is the runtime's."""
        return self._adapter.doing(lambda: self._adapter.done(None))

    def _where(self, namespace: str) -> Dict[str, Any]:
        # Whoever asks for the namespace of the plugin's own name means its own, also where it is installed as another.
        return {} if namespace == self._adapter.own_name else {"namespace": namespace}

    async def _write(self, made: Dict[Tuple[str, str], Optional[Dict[str, Any]]]) -> None:
        spaces: Dict[str, List[Dict[str, Any]]] = {}
        for (namespace, key), value in made.items():
            operation = {"delete": key} if value is None else {"set": key, "value": value}
            spaces.setdefault(namespace, []).append(operation)
        if len(spaces) > 1 or any(len(operations) > TOGETHER for operations in spaces.values()):
            logging.getLogger("core_runtime").warning(
                "%s changes in %s namespaces are done in parts: at most %s in one namespace are done all or none",
                len(made),
                len(spaces),
                TOGETHER,
            )
        for namespace, operations in spaces.items():
            for part in _parts(operations):
                params = {"operations": part, **self._where(namespace)}
                await self._adapter.plugin.request("storage.batch", params)


class Transaction:
    """A block of changes; one within another is part of it."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._changes: Optional[_Changes] = None
        self._token: Any = None

    async def __aenter__(self) -> Storage:
        if _CHANGES.get() is None:
            self._changes = _Changes()
            self._token = _CHANGES.set(self._changes)
        return self._storage

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        if self._changes is None:
            return
        _CHANGES.reset(self._token)
        if kind is None:
            await self._storage._adapter.run(lambda: self._storage._write(self._changes.made))  # type: ignore[union-attr]


def _nothing(answer: Any) -> None:
    return None


def _parts(items: List[Any]) -> Iterable[List[Any]]:
    return (items[start : start + TOGETHER] for start in range(0, len(items), TOGETHER))


def _wrong(**names: Any) -> Optional[Exception]:
    for what, name in names.items():
        if not isinstance(name, str) or not name:
            return ValueError(f"{what} must be a string that is not empty, got {name!r}")
    return None


def _no_dict(what: str, value: Any) -> Optional[Exception]:
    return (
        None if isinstance(value, dict) else TypeError(f"{what} must be a dict, got {type(value).__name__}: {value!r}")
    )
