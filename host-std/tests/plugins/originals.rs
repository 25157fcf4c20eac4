//! Plugins that were written for the Python original, installed as they are.

use std::fs;

use serde_json::json;

use crate::host::until;
use crate::program::{program, run};
use crate::support::House;

/// As the original's README shows it: nothing is awaited that registers.
const README: &str = r#"
from plugins.base_plugin import BasePlugin, PluginMetadata

class MyPlugin(BasePlugin):
    @property
    def metadata(self) -> PluginMetadata:
        return PluginMetadata(
            name="my_plugin",
            version="1.0.0",
            description="Greets",
            author="Home Console",
        )

    async def on_load(self) -> None:
        await super().on_load()
        self.runtime.service_registry.register("my_plugin.hello", self.hello)
        self.runtime.event_bus.subscribe("my.test", self.handle)

    async def on_start(self) -> None:
        await super().on_start()
        await self.runtime.storage.set("my_plugin", "status", {"state": "started"})

    async def hello(self, name: str = "Мир", *, loud: bool = False) -> str:
        text = f"Привет, {name}!"
        return text.upper() if loud else text

    async def handle(self, event_type: str, data: dict) -> None:
        await self.runtime.state_engine.set("my_plugin.last", {"type": event_type, "data": data})
        await self.runtime.event_bus.publish("my.answer", {"seen": data})

    async def on_stop(self) -> None:
        await self.runtime.storage.set("my_plugin", "status", {"state": "stopped"})
        await super().on_stop()
"#;

/// Everything awaited, other parts of the runtime, errors of its own.
const OTHER: &str = r#"
import asyncio
from core.base_plugin import BasePlugin, PluginMetadata

class Base(BasePlugin):
    async def log(self, message):
        try:
            await self.runtime.service_registry.call("logger.log", level="info", message=message, plugin="counter")
        except Exception:
            pass

class Counter(Base):
    def __init__(self, runtime=None):
        super().__init__(runtime)
        self.count = 0

    @property
    def metadata(self):
        return PluginMetadata("counter", "2.1.0", dependencies=[])

    async def on_load(self):
        await super().on_load()
        registry = self.runtime.service_registry
        await registry.register("counter.add", self.add)
        await registry.register("counter.look", self.look)
        await registry.register("counter.fail", self.fail)
        await registry.register("counter.late", self.late)

    async def add(self, by=1):
        await self.log("adding")
        self.count += by
        async with self.runtime.storage.transaction():
            await self.runtime.storage.set("counts", "now", {"count": self.count})
        return self.count

    async def look(self):
        plugins = self.runtime.plugin_manager.list_plugins()
        return {
            "loaded": self.is_loaded, "started": self.is_started, "example": "example" in plugins,
            "has": await self.runtime.service_registry.has_service("example.hello"),
            "hello": await self.runtime.service_registry.call("example.hello", "Ann"),
            "stored": await self.runtime.storage.get("counts", "now"),
            "limit": self.get_env_config_int("limit", 7),
        }

    async def fail(self):
        raise ValueError("so it is")

    async def late(self):
        try:
            await self.runtime.service_registry.call("never.there")
        except ValueError as error:
            unknown = type(error).__name__
        await asyncio.sleep(0)
        return unknown
"#;

#[test]
fn the_class_of_its_readme_is_installed_from_its_file() {
    let house = House::new();
    let file = house.dir.path().join("my_plugin.py");
    fs::write(&file, README).unwrap();
    let row = house.call("plugins.install", json!({ "path": file })).unwrap();
    assert_eq!(
        (&row["name"], &row["version"], &row["state"]),
        (&json!("my_plugin"), &json!("1.0.0"), &json!("STARTED"))
    );
    assert_eq!(
        house.call("my_plugin.hello", json!(null)).unwrap(),
        "Привет, Мир!"
    );
    assert_eq!(
        house.call("my_plugin.hello", json!("Ann")).unwrap(),
        "Привет, Ann!"
    );
    let both = json!({"args": ["Ann"], "kwargs": {"loud": true}});
    assert_eq!(house.call("my_plugin.hello", both).unwrap(), "ПРИВЕТ, ANN!");
    house
        .host
        .runtime()
        .bus()
        .try_publish("my.test", kernel_core::json_literal!("{\"a\":1}"))
        .unwrap();
    let last = || {
        let mut buf = [0; 256];
        let found = house
            .host
            .runtime()
            .state()
            .get("my_plugin.last", &mut buf)
            .now()
            .unwrap();
        found.map(|json| json.as_str().to_owned())
    };
    let last = until("the event is handled", last);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&last).unwrap(),
        json!({"type": "my.test", "data": {"a": 1}})
    );
    let stored = |state: &str| {
        let mut buf = [0; 256];
        let value = host_std::block_on(
            house
                .host
                .runtime()
                .storage()
                .namespace("my_plugin")
                .get("status", &mut buf),
        );
        value.unwrap().is_some_and(|json| json.as_str().contains(state))
    };
    assert!(stored("started"));
    house.call("plugins.stop", json!({"name": "my_plugin"})).unwrap();
    assert!(stored("stopped"));
}

#[test]
fn a_folder_with_a_manifest_of_its_own_runs_as_it_is() {
    let house = House::new();
    let folder = house.dir.path().join("counter");
    fs::create_dir_all(folder.join("plugins/counter")).unwrap();
    fs::write(folder.join("plugins/counter/plugin.py"), OTHER).unwrap();
    let manifest = json!({
        "class_path": "plugins.counter.plugin.Counter", "name": "counter", "version": "2.1.0",
        "description": "Counts", "author": "", "dependencies": [],
    });
    fs::write(folder.join("plugin.json"), manifest.to_string()).unwrap();
    let row = house
        .call(
            "plugins.install",
            json!({"path": folder, "settings": {"limit": 9}}),
        )
        .unwrap();
    assert_eq!(row["state"], "STARTED", "{row}");
    assert_eq!(house.call("counter.add", json!(null)).unwrap(), 1);
    assert_eq!(
        house
            .call("counter.add", json!({"args": [], "kwargs": {"by": 4}}))
            .unwrap(),
        5
    );
    assert_eq!(
        house.call("counter.look", json!(null)).unwrap(),
        json!({"loaded": true, "started": true, "example": true, "has": true, "hello": "Привет, Ann!",
            "stored": {"count": 5}, "limit": 9})
    );
    // What it says by keywords is kept, with its name.
    let said = house.call("logger.recent", json!({"plugin": "counter", "limit": 1}));
    let said = &said.unwrap()["entries"][0];
    assert_eq!(
        (&said["message"], &said["source"]),
        (&json!("adding"), &json!("counter"))
    );
    let (_, said) = house.call("counter.fail", json!(null)).unwrap_err();
    assert!(said.contains("so it is"), "{said}");
    assert_eq!(house.call("counter.late", json!(null)).unwrap(), "ValueError");
}

#[test]
fn a_file_without_such_a_class_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("lamp.py");
    for (text, words) in [
        (
            "class Lamp:\n    pass\n",
            "no file with a class that derives from BasePlugin",
        ),
        ("class Lamp(\n", "is no Python"),
        (
            "from core.base_plugin import BasePlugin\nclass Lamp(BasePlugin):\n    pass\n",
            "makes no PluginMetadata",
        ),
    ] {
        fs::write(&file, text).unwrap();
        let answer = run(program().args(["plugin", "check"]).arg(&file), b"");
        assert_eq!(answer.status, 2);
        assert!(answer.err.contains(words), "{answer:?}");
    }
}
