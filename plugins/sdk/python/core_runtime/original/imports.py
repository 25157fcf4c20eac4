"""Where a class of the original is, and how what it imports is found.

The original runs in the folder that holds ``core`` and ``plugins``. Here the modules of ``core`` and ``plugins`` that
plugins need are this layer's; whatever else they name is looked for in the plugin's own folder, and in the folders
around it as far as they are those of the original.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import re
import sys
import types
from pathlib import Path
from typing import Any, Dict, List, Type

from .adapter import CoreRuntime, HttpRegistry
from .base import BasePlugin, PluginMetadata
from .bus import EventBus
from .describe import class_in
from .manager import PluginManager, PluginState
from .registry import LEVELS, ServiceMiddleware, ServiceRegistry
from .values import StateEngine, Storage


class HttpEndpoint:
    """An HTTP endpoint of the original; here nobody serves it."""

    def __init__(self, **about: Any) -> None:
        self.__dict__.update(about)


def _logger(level: str) -> Any:
    async def log(runtime: Any, message: str, **about: Any) -> None:
        try:
            await runtime.service_registry.call("logger.log", level=level, message=message, **about)
        except Exception as error:
            logging.getLogger("core_runtime").log(LEVELS[level], "%s (%s)", message, error)

    return log


#: Module and what plugins import from it.
PROVIDED: Dict[str, Dict[str, Any]] = {
    "core.base_plugin": {"BasePlugin": BasePlugin, "PluginMetadata": PluginMetadata},
    "core.kernel": {},
    "core.kernel.base_plugin": {"BasePlugin": BasePlugin, "PluginMetadata": PluginMetadata},
    "plugins.base_plugin": {"BasePlugin": BasePlugin, "PluginMetadata": PluginMetadata},
    "core.runtime": {"CoreRuntime": CoreRuntime},
    "core.event_bus": {"EventBus": EventBus},
    "core.service_registry": {"ServiceRegistry": ServiceRegistry, "ServiceMiddleware": ServiceMiddleware},
    "core.state_engine": {"StateEngine": StateEngine},
    "core.storage": {"Storage": Storage},
    "core.plugin_manager": {"PluginManager": PluginManager, "PluginState": PluginState},
    "core.http_registry": {"HttpEndpoint": HttpEndpoint, "HttpRegistry": HttpRegistry},
    "core.logger_helper": {level: _logger(level) for level in ("debug", "info", "warning", "error", "critical")},
}


def provide(folder: Path) -> None:
    """Makes ``core`` and ``plugins`` importable, for a plugin in ``folder``."""
    roots = [folder]
    for above in folder.parents:
        if above.name == "plugins":
            roots.append(above.parent)
            break
    for root in reversed(roots):
        if str(root) not in sys.path:
            sys.path.insert(0, str(root))
    for package in ("core", "plugins"):
        module = types.ModuleType(package)
        # The plugin's own folder is looked at last: a file in it may be meant as one in plugins/.
        places = [root / package for root in roots if (root / package).is_dir()]
        module.__path__ = [str(place) for place in places] + ([str(folder)] if package == "plugins" else [])
        sys.modules[package] = module
    for name, members in PROVIDED.items():
        module = types.ModuleType(name)
        module.__dict__.update(members)
        parent, _, last = name.rpartition(".")
        if name == "core.kernel":
            module.__path__ = [str(root / "core" / "kernel") for root in roots if (root / "core" / "kernel").is_dir()]
        sys.modules[name] = module
        setattr(sys.modules[parent], last, module)


def _own_package(folder: Path, name: str) -> str:
    """The package ``plugins.NAME`` that is the plugin's own folder, so that its relative imports work."""
    package = f"plugins.{name}"
    if package not in sys.modules:
        initial = folder / "__init__.py"
        if initial.is_file():
            spec = importlib.util.spec_from_file_location(package, initial, submodule_search_locations=[str(folder)])
            assert spec is not None and spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[package] = module
            spec.loader.exec_module(module)
        else:
            module = types.ModuleType(package)
            module.__path__ = [str(folder)]
            sys.modules[package] = module
        setattr(sys.modules["plugins"], name, module)
    return package


def _there(folder: Path, name: str) -> bool:
    return (folder / f"{name}.py").is_file() or (folder / name).is_dir()


def modules_of(path: str, folder: Path) -> List[str]:
    """The names under which the module ``path`` may be imported, the likeliest first."""
    first, _, rest = path.partition(".")
    own = re.sub(r"\W", "_", folder.name)
    if first != "plugins" and _there(folder, first):
        return [f"{_own_package(folder, own)}.{path}", path]
    if first == "plugins" and rest:
        second, _, behind = rest.partition(".")
        around = [Path(place) for place in sys.modules["plugins"].__path__ if Path(place) != folder]
        if any(_there(place, second) for place in around) or _there(folder, second):
            return [path]
        return [f"{_own_package(folder, second)}.{behind}"] if behind else [_own_package(folder, second)]
    if first == folder.name and rest:
        return [f"{_own_package(folder, own)}.{rest}"]
    return [path]


def load(what: str, folder: Path) -> Type[Any]:
    """The class that ``what`` names: ``plugins.foo.plugin.Foo``, ``plugin.Foo``, ``plugin:Foo``, or a file.

    ``ImportError`` that says what was tried.
    """
    if what.endswith(".py") or "/" in what:
        file = folder / what
        if not file.is_file():
            raise ImportError(f"there is no file {file}")
        what = f"{'.'.join(file.resolve().relative_to(folder).with_suffix('').parts)}.{class_in(file)}"
    path, _, name = what.replace(":", ".").rpartition(".")
    if not path:
        raise ImportError(f"'{what}' is no class path: MODULE.CLASS is one, such as plugins.example.ExamplePlugin")
    names = modules_of(path, folder)
    for index, module_name in enumerate(names):
        try:
            module = importlib.import_module(module_name)
            break
        except ModuleNotFoundError as error:
            # One that the plugin itself needs is its own trouble.
            mine = error.name is not None and (module_name == error.name or module_name.startswith(f"{error.name}."))
            if not mine or index + 1 == len(names):
                raise ImportError(f"{error} (class path '{what}', looked for in {folder})") from error
    kind = getattr(module, name, None)
    if not isinstance(kind, type):
        classes = [key for key, value in vars(module).items() if _is_plugin(value)]
        raise ImportError(f"{path} has no class {name}; it has: {', '.join(classes) or 'none that is a BasePlugin'}")
    return kind


def _is_plugin(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BasePlugin) and value is not BasePlugin
