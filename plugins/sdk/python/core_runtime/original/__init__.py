"""Plugins that were written for the original Core Runtime in Python, run as they are.

``python -m core_runtime.original CLASS_PATH|FILE.py`` runs such a class in the current folder as a process of this
runtime. It finds ``core.base_plugin`` and ``plugins.base_plugin`` where it looks for them, and ``self.runtime`` with
``event_bus``, ``service_registry``, ``state_engine``, ``storage`` and ``plugin_manager``.

What differs, since a process lies between:

- Events, arguments and replies are JSON: what is no JSON does not cross, and nobody gets the same object.
- ``publish`` returns when the event is on the bus, not when its subscribers have handled it.
- ``state_engine.clear`` deletes what this plugin wrote, ``get_subscribers_count`` counts handlers of this plugin.
- A transaction is done all or none within one namespace and 16 changes; a larger one is done in parts, and logged.
- Other plugins' topics, services, keys and namespaces need permissions; without, the error names the missing one.
- HTTP endpoints that a plugin registers are remembered, and served by nobody.
"""
