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
    for package in metadata.workspace_packages() {
        let found = arrows(&metadata, package);
        let allowed: &[&str] = match package.name.as_str() {
            "kernel-core" => &[],
            "kernel-flash" | "kernel-link" | "kernel-supervisor" => &["kernel-core"],
            "host-std" => &["kernel-core", "kernel-link", "kernel-supervisor", "plugin-host"],
            "plugin-host" => &["kernel-core", "kernel-supervisor"],
            "inspector-tui" => &["kernel-core", "kernel-link"],
            "tests" => continue,
            "plugin-kit" => &["kernel-core", "plugin-kit-macros"],
            "plugin-kit-macros" => &[],
            name if plugins.contains(name) => &["kernel-core", "plugin-kit"],
            other => panic!("say here what {other} may depend on"),
        };
        let is_host = package.name == "host-std";
        let may = |name: &String| allowed.contains(&name.as_str()) || is_host && plugins.contains(name);
        let forbidden: Vec<_> = found.iter().filter(|name| !may(name)).collect();
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
