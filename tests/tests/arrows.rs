//! Which crate of the workspace may depend on which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

fn workspace() -> Metadata {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    MetadataCommand::new()
        .manifest_path(manifest)
        .exec()
        .expect("cargo metadata reads the workspace")
}

/// The crates of the workspace that a package is built with, tests left out.
fn arrows(metadata: &Metadata, package: &Package) -> BTreeSet<String> {
    let own: BTreeSet<_> = metadata
        .workspace_packages()
        .iter()
        .map(|package| package.name.to_string())
        .collect();
    let normal = |kind| matches!(kind, DependencyKind::Normal | DependencyKind::Build);
    package
        .dependencies
        .iter()
        .filter(|dependency| normal(dependency.kind) && own.contains(&dependency.name))
        .map(|dependency| dependency.name.clone())
        .collect()
}

fn is_plugin(metadata: &Metadata, package: &Package) -> bool {
    package
        .manifest_path
        .starts_with(metadata.workspace_root.join("plugins"))
}

#[test]
fn every_arrow_points_the_allowed_way() {
    let metadata = workspace();
    let plugins: BTreeSet<_> = metadata
        .workspace_packages()
        .into_iter()
        .filter(|package| is_plugin(&metadata, package))
        .map(|package| package.name.to_string())
        .collect();
    assert!(plugins.contains("example"), "the plugins are found: {plugins:?}");
    // And the storage engines that the host does not have itself.
    let of_house: Vec<&str> = plugins
        .iter()
        .map(String::as_str)
        .chain(["nats-storage"])
        .collect();
    for package in metadata.workspace_packages() {
        let found = arrows(&metadata, package);
        let allowed: &[&str] = match package.name.as_str() {
            "kernel-core" => &[],
            "kernel-flash" | "kernel-link" | "kernel-supervisor" | "nats-storage" => &["kernel-core"],
            "link-dial" => &["kernel-core", "kernel-link"],
            "link-gateway" => &["kernel-core", "kernel-link", "link-dial"],
            // They let clients of other protocols in, and so are clients of the link themselves.
            "gateway-mcp" => &["kernel-link", "link-dial", "link-gateway"],
            // The one before is no plugin but a protocol, which is served at the port of this one.
            "gateway-http" => &[
                "gateway-mcp",
                "kernel-core",
                "kernel-link",
                "link-dial",
                "link-gateway",
                "plugin-kit",
            ],
            "host-std" => &[
                "house",
                "kernel-core",
                "kernel-link",
                "kernel-supervisor",
                "link-dial",
                "link-gateway",
                "plugin-host",
                "plugin-kit",
            ],
            "plugin-host" => &[
                "kernel-core",
                "kernel-link",
                "kernel-supervisor",
                "link-dial",
                "plugin-wasm",
            ],
            "inspector-tui" => &["kernel-core", "kernel-link", "link-dial"],
            "tests" => continue,
            "house" => &of_house,
            // Plugins as modules.
            "example-wasm" => &["example", "plugin-wasm"],
            "wasm-probe" => &["kernel-core", "plugin-kit", "plugin-wasm"],
            "plugin-kit" => &["kernel-core", "plugin-kit-macros"],
            "plugin-kit-macros" => &[],
            // A library of the plugins that speak MQTT, and no plugin.
            name if plugins.contains(name) => &["kernel-core", "mqtt-client", "plugin-kit"],
            other => panic!("say here what {other} may depend on"),
        };
        let forbidden: Vec<_> = found
            .iter()
            .filter(|name| !allowed.contains(&name.as_str()))
            .collect();
        assert!(
            forbidden.is_empty(),
            "{} must not depend on {forbidden:?}",
            package.name
        );
    }
}

#[test]
fn a_plugin_knows_no_database() {
    let metadata = workspace();
    for package in metadata.workspace_packages() {
        if !is_plugin(&metadata, package) && !package.name.starts_with("kernel-") {
            continue;
        }
        for database in ["rusqlite", "libsqlite3-sys", "sqlx", "diesel"] {
            let has = package
                .dependencies
                .iter()
                .any(|dependency| dependency.name == database);
            assert!(!has, "{} must not depend on {database}", package.name);
        }
    }
}

/// What the kernel's crates are allowed to be, told by hand: one more is a decision.
#[test]
fn the_kernel_is_built_of_no_std_crates_that_need_no_allocator() {
    let metadata = workspace();
    let kernel = metadata
        .packages
        .iter()
        .find(|package| package.name == "kernel-core");
    let found: BTreeSet<_> = kernel
        .expect("it is here")
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind == DependencyKind::Normal)
        .map(|dependency| (dependency.name.as_str(), dependency.uses_default_features))
        .collect();
    let expected = BTreeSet::from([
        ("bytemuck", false),
        ("embassy-sync", true),
        ("heapless", true),
        ("portable-atomic", false),
        ("serde", false),
        ("serde-json-core", false),
        ("static_cell", true),
    ]);
    assert_eq!(found, expected);
}

/// The modules of a crate, each with those it names by `crate::`; without those that are for tests alone.
fn modules(folder: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("the sources are there").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let inside = path.strip_prefix(folder).expect("it is below");
            let module = inside
                .iter()
                .next()
                .and_then(|first| first.to_str())
                .unwrap_or("");
            let text = std::fs::read_to_string(&path).expect("a source is text");
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let code = code.collect::<Vec<_>>().join("\n");
            let uses = found
                .entry(module.trim_end_matches(".rs").to_owned())
                .or_default();
            for (at, _) in code.match_indices("crate::") {
                let rest = &code[at + "crate::".len()..];
                let list = rest
                    .strip_prefix('{')
                    .and_then(|rest| rest.split_once('}'))
                    .map(|(list, _)| list);
                for name in list
                    .unwrap_or(rest)
                    .split(if list.is_some() { ',' } else { '\0' })
                {
                    let name = name.trim_start();
                    let end = name
                        .find(|c: char| !c.is_alphanumeric() && c != '_')
                        .unwrap_or(name.len());
                    uses.insert(name[..end].to_owned());
                }
            }
        }
    }
    let root = std::fs::read_to_string(folder.join("lib.rs")).unwrap_or_default();
    for (line, next) in root.lines().zip(root.lines().skip(1)) {
        if let ("#[cfg(test)]", Some(module)) = (line, next.strip_prefix("mod ")) {
            found.remove(module.trim_end_matches(';'));
        }
    }
    let known: BTreeSet<_> = found.keys().cloned().collect();
    for (module, uses) in &mut found {
        uses.retain(|name| known.contains(name) && name != module);
    }
    found
}

/// What is left when all are taken away that know none of the others: the cycles.
fn cycles(mut modules: BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    loop {
        let free: BTreeSet<_> = modules
            .iter()
            .filter(|(_, uses)| uses.is_empty())
            .map(|(name, _)| name.clone())
            .collect();
        if free.is_empty() {
            return modules.into_keys().collect();
        }
        modules.retain(|name, _| !free.contains(name));
        for uses in modules.values_mut() {
            uses.retain(|name| !free.contains(name));
        }
    }
}

/// All that a module knows, by way of others too.
fn reach(modules: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut next = vec![from];
    while let Some(module) = next.pop() {
        for used in &modules[module] {
            if found.insert(used.clone()) {
                next.push(used);
            }
        }
    }
    found
}

/// The layers that a module knows though they are above it.
fn above(modules: &BTreeMap<String, BTreeSet<String>>, layers: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, layer) in layers.iter().enumerate() {
        let known = reach(modules, layer);
        let wrong = layers[at + 1..].iter().filter(|above| known.contains(**above));
        found.extend(wrong.map(|above| format!("{layer} knows {above}")));
    }
    found
}

#[test]
fn the_inspector_is_built_in_layers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../inspector-tui/src");
    let found = modules(&root);
    let layers = ["facts", "model", "ui", "view", "update", "app", "cli"];
    assert_eq!(above(&found, &layers), [""; 0]);
    // What waits for the target knows nothing of what is shown.
    assert_eq!(
        above(&found, &["io", "model", "ui", "view", "update", "app"]),
        [""; 0]
    );
    let mut wrong = found;
    wrong
        .get_mut("series")
        .expect("it is there")
        .insert("view".to_owned());
    assert!(above(&wrong, &layers).contains(&"model knows view".to_owned()));
}

/// The kernel has a test of its own, for the order of its modules.
#[test]
fn no_modules_know_one_another_in_a_cycle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut places: Vec<String> = [
        "host-std",
        "host-std/nats-storage",
        "host-std/plugin-host",
        "kernel-core/supervisor",
        "inspector-tui",
        "kernel-core/flash",
        "kernel-core/link",
        "kernel-core/link/dial",
        "kernel-core/link/gateway",
    ]
    .map(str::to_owned)
    .into();
    for plugin in std::fs::read_dir(root.join("plugins")).unwrap() {
        let name = plugin.unwrap().file_name().into_string().unwrap();
        // The folder of libraries in other languages has no crate.
        if root.join("plugins").join(&name).join("Cargo.toml").exists() {
            places.push(format!("plugins/{name}"));
        }
    }
    assert!(places.len() > 10, "{places:?}");
    for place in &places {
        let found = modules(&root.join(place).join("src"));
        assert!(!found.is_empty(), "{place}");
        assert_eq!(cycles(found), [""; 0], "{place}");
    }
    let two = BTreeMap::from([
        ("a".to_owned(), BTreeSet::from(["b".to_owned()])),
        ("b".to_owned(), BTreeSet::from(["a".to_owned()])),
        ("c".to_owned(), BTreeSet::new()),
    ]);
    assert_eq!(cycles(two), ["a", "b"]);
}
