"""``runtime.plugin_manager``: by the services ``plugins.*`` of the runtime."""

from __future__ import annotations

import asyncio
import threading
from enum import Enum
from typing import TYPE_CHECKING, Any, List, Optional

from ..errors import PluginError
from .doing import Doing, translated

if TYPE_CHECKING:
    from .adapter import Adapter

#: Seconds that a plain function waits for the runtime.
PATIENCE = 5.0


class PluginState(str, Enum):
    """The states of the original."""

    UNLOADED = "unloaded"
    LOADED = "loaded"
    STARTED = "started"
    STOPPED = "stopped"
    ERROR = "error"


_STATES = {**{state.name: state for state in PluginState}, "FAILED": PluginState.ERROR}


class PluginManager:
    """The original's manager; the plugins are in other processes, so that only their names are here."""

    def __init__(self, adapter: "Adapter") -> None:
        self._adapter = adapter

    def list_plugins(self) -> List[str]:
        """The names of all plugins that are loaded. A plain function: it waits for the runtime's answer."""
        return [each["name"] for each in self._list() if _STATES.get(each["state"]) is not PluginState.UNLOADED]

    def get_plugin_state(self, plugin_name: str) -> Optional[PluginState]:
        """The state of a plugin, ``None`` for one that is not there. A plain function as well."""
        for each in self._list():
            if each["name"] == plugin_name:
                # What is on its way from one to the next is where it comes from.
                return _STATES.get(each["state"], PluginState.UNLOADED)
        return None

    def get_plugin(self, plugin_name: str) -> Any:
        """The plugin's object, where it is this one; ``None`` else, since others share no memory with it."""
        return self._adapter.instance if plugin_name == self._adapter.own_name else None

    def load_plugin(self, plugin: Any) -> Doing[None]:
        """Loads an installed plugin."""
        return self._tell("load", plugin)

    def start_plugin(self, plugin_name: str) -> Doing[None]:
        """Starts a plugin."""
        return self._tell("start", plugin_name)

    def stop_plugin(self, plugin_name: str) -> Doing[None]:
        """Stops a plugin."""
        return self._tell("stop", plugin_name)

    def unload_plugin(self, plugin_name: str) -> Doing[None]:
        """Unloads a plugin."""
        return self._tell("unload", plugin_name)

    def reload_plugin(self, plugin_name: str) -> Doing[None]:
        """Stops, unloads, loads and starts a plugin."""
        return self._tell("reload", plugin_name)

    def _tell(self, verb: str, plugin: Any) -> Doing[None]:
        name = plugin if isinstance(plugin, str) else plugin.metadata.name
        params = {"service": f"plugins.{verb}", "args": {"name": name}}
        return self._adapter.ask("call", params, lambda answer: None)

    async def _asked(self) -> Any:
        return await self._adapter.plugin_call("plugins.list", None, PATIENCE)

    def _list(self) -> List[Any]:
        adapter = self._adapter
        try:
            if threading.get_ident() == adapter.thread:
                listed = adapter.session.peer.ask_now("call", {"service": "plugins.list", "args": None}, PATIENCE)
            else:
                asked = asyncio.run_coroutine_threadsafe(self._asked(), adapter.loop)
                listed = asked.result(PATIENCE)
        except PluginError as error:
            raise translated(error) from None
        return list(listed)
