"""``BasePlugin`` and ``PluginMetadata``, as plugins of the original import them."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional


@dataclass
class PluginMetadata:
    """What a plugin says of itself."""

    name: str
    version: str
    description: str = ""
    author: str = ""
    dependencies: Optional[List[str]] = field(default_factory=list)


class BasePlugin(ABC):
    """The base class of the original's plugins."""

    _runtime: Any = None
    _loaded = False
    _started = False
    #: What the runtime has as settings of this plugin; the environment comes before them.
    _settings: Dict[str, Any] = {}

    def __init__(self, runtime: Any = None) -> None:
        if runtime is not None:
            self._runtime = runtime

    @property
    @abstractmethod
    def metadata(self) -> PluginMetadata:
        """What this plugin says of itself."""

    @property
    def runtime(self) -> Any:
        """The runtime: ``event_bus``, ``service_registry``, ``state_engine``, ``storage``, ``plugin_manager``."""
        return self._runtime

    @runtime.setter
    def runtime(self, runtime: Any) -> None:
        self._runtime = runtime

    @property
    def is_loaded(self) -> bool:
        """Whether ``on_load`` of this class was called, and ``on_unload`` was not yet."""
        return self._loaded

    @property
    def is_started(self) -> bool:
        """Whether ``on_start`` of this class was called, and ``on_stop`` was not yet."""
        return self._started

    async def on_load(self) -> None:
        """Called first."""
        self._loaded = True

    async def on_start(self) -> None:
        """Called when the plugin starts."""
        self._started = True

    async def on_stop(self) -> None:
        """Called when the plugin stops."""
        self._started = False

    async def on_unload(self) -> None:
        """Called last."""
        self._loaded = False

    def get_env_config(self, key: str, default: Optional[str] = None, prefix: Optional[str] = None) -> Optional[str]:
        """The variable PREFIX_KEY, else KEY, else the setting of this name, else ``default``.

        The prefix is the plugin's name in capitals, with ``_`` for ``-``, unless it is given.
        """
        if prefix is None:
            try:
                prefix = self.metadata.name.upper().replace("-", "_")
            except Exception:
                prefix = type(self).__name__.upper()
        for name in (f"{prefix}_{key}", key):
            value = os.environ.get(name)
            if value is not None:
                return value
        for name in (key, key.lower()):
            if name in self._settings:
                setting = self._settings[name]
                return str(setting).lower() if isinstance(setting, bool) else str(setting)
        return default

    def get_env_config_bool(self, key: str, default: bool = False, prefix: Optional[str] = None) -> bool:
        """As :meth:`get_env_config`; true for ``true``, ``1``, ``yes`` and ``on``, in capitals or not."""
        value = self.get_env_config(key, None, prefix)
        return default if value is None else value.strip().lower() in ("true", "1", "yes", "on")

    def get_env_config_int(
        self, key: str, default: Optional[int] = None, prefix: Optional[str] = None
    ) -> Optional[int]:
        """As :meth:`get_env_config`; ``default`` also for what is no whole number."""
        value = self.get_env_config(key, None, prefix)
        try:
            return default if value is None else int(value)
        except ValueError:
            return default
