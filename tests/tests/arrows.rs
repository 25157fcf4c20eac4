//! Which crate of the workspace may depend on which.

use std::collections::BTreeSet;
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

/// The crates of the second edition, beside the first until it replaces it.
fn next(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
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
    let core = BTreeSet::from(["kernel-core".to_owned()]);
    for package in metadata.workspace_packages() {
        let found = arrows(&metadata, package);
        let allowed: BTreeSet<String> = match package.name.as_str() {
            "kernel-core" | "kernel-next" => BTreeSet::new(),
            "example-next" | "kernel-flash" | "kernel-link" | "kernel-supervisor" => next(&["kernel-next"]),
            "host-std" => plugins.union(&core).cloned().collect(),
            "host-next" => next(&["example-next", "kernel-link", "kernel-next", "kernel-supervisor"]),
            "inspector-next" => next(&["kernel-link", "kernel-next"]),
            "inspector-tui" => core.clone(),
            "tests" | "tests-next" => continue,
            name if plugins.contains(name) => core.clone(),
            other => panic!("say here what {other} may depend on"),
        };
        let forbidden: Vec<_> = found.difference(&allowed).collect();
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
    let first = [
        ("bytemuck", false),
        ("embassy-sync", true),
        ("heapless", true),
        ("portable-atomic", false),
        ("serde", false),
        ("static_cell", true),
    ];
    let second = first.into_iter().chain([("serde-json-core", false)]);
    for (name, expected) in [("kernel-core", first.into()), ("kernel-next", second.collect())] {
        let kernel = metadata.packages.iter().find(|package| package.name == name);
        let kernel = kernel.expect("it is here");
        let found: BTreeSet<_> = kernel
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind == DependencyKind::Normal && !dependency.optional)
            .map(|dependency| (dependency.name.as_str(), dependency.uses_default_features))
            .collect();
        assert_eq!(found, expected, "{name}");
    }
}
