"""A runtime in memory: what it answers a plugin's requests with."""

from __future__ import annotations

from typing import Any, Callable, Dict, List

Message = Dict[str, Any]


class Refused(Exception):
    """An error of the runtime: what it answers a request with."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Runtime:
    """What the runtime does with a plugin's requests; a check may put a function of its own in the place of one."""

    def __init__(self) -> None:
        self.filters: List[str] = []
        self.services: Dict[str, Message] = {}
        self.published: List[Message] = []
        self.logged: List[Message] = []
        self.interval = 0
        self.state: Dict[str, Any] = {}
        self.stored: Dict[str, Any] = {}
        self.calls: Dict[str, Callable[[Any], Any]] = {"plugins.list": lambda args: []}
        self.instead: Dict[str, Callable[[Message], Any]] = {}
        self._version = 0

    def answer(self, method: str, params: Message) -> Any:
        """The result of a request, or :class:`Refused`; ``KeyError`` for a method that is not there."""
        if method in self.instead:
            return self.instead[method](params)
        return METHODS[method](self, params)

    def subscribe(self, params: Message) -> bool:
        new = params["filter"] not in self.filters
        self.filters += [params["filter"]] * new
        return new

    def unsubscribe(self, params: Message) -> bool:
        there = params["filter"] in self.filters
        if there:
            self.filters.remove(params["filter"])
        return there

    def register(self, params: Message) -> None:
        self.services[params["service"]] = params

    def unregister(self, params: Message) -> bool:
        return self.services.pop(params["service"], None) is not None

    def publish(self, params: Message) -> Message:
        self.published.append(params)
        return {"receivers": 1}

    def call(self, params: Message) -> Any:
        if params["service"] not in self.calls:
            raise Refused("not_found", "there is no service of this name")
        return self.calls[params["service"]](params.get("args"))

    def log(self, params: Message) -> None:
        self.logged.append(params)

    def set_interval(self, params: Message) -> None:
        self.interval = params["ms"]

    def state_set(self, params: Message) -> Message:
        self._version += 1
        self.state[params["key"]] = {"value": params.get("value"), "version": self._version}
        return {"version": self._version}

    def state_update(self, params: Message) -> None:
        for key, value in params["values"].items():
            self.state_set({"key": key, "value": value})

    def clear(self, values: Dict[str, Any]) -> Message:
        deleted = len(values)
        values.clear()
        return {"deleted": deleted}

    def storage_set(self, params: Message) -> None:
        self.stored[params["key"]] = params.get("value")

    def storage_batch(self, params: Message) -> None:
        for operation in params["operations"]:
            if "set" in operation:
                self.stored[operation["set"]] = operation.get("value")
            else:
                self.stored.pop(operation["delete"], None)


def _keys(values: Dict[str, Any], prefix: str) -> Message:
    return {"keys": sorted(key for key in values if key.startswith(prefix)), "more": False}


METHODS: Dict[str, Callable[[Runtime, Message], Any]] = {
    "publish": Runtime.publish,
    "subscribe": Runtime.subscribe,
    "unsubscribe": Runtime.unsubscribe,
    "register": Runtime.register,
    "unregister": Runtime.unregister,
    "call": Runtime.call,
    "has_service": lambda runtime, params: params["service"] in {*runtime.services, *runtime.calls},
    "services": lambda runtime, params: [{"name": name, "plugin": "x"} for name in runtime.services],
    "state.get": lambda runtime, params: runtime.state.get(params["key"]),
    "state.set": Runtime.state_set,
    "state.update": Runtime.state_update,
    "state.delete": lambda runtime, params: runtime.state.pop(params["key"], None) is not None,
    "state.keys": lambda runtime, params: _keys(runtime.state, params.get("prefix", "")),
    "state.clear": lambda runtime, params: runtime.clear(runtime.state),
    "storage.get": lambda runtime, params: runtime.stored.get(params["key"]),
    "storage.set": Runtime.storage_set,
    "storage.delete": lambda runtime, params: runtime.stored.pop(params["key"], None) is not None,
    "storage.keys": lambda runtime, params: _keys(runtime.stored, ""),
    "storage.clear": lambda runtime, params: runtime.clear(runtime.stored),
    "storage.batch": Runtime.storage_batch,
    "interval": Runtime.set_interval,
    "log": Runtime.log,
    "cancel": lambda runtime, params: None,
}
