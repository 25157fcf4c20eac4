//! What is fit to be published, and under which licences: the library crates by themselves, and everything that the
//! programs are built of.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// The crates that others build on.
const LIBRARIES: [&str; 6] = [
    "kernel-core",
    "kernel-flash",
    "kernel-link",
    "kernel-supervisor",
    "plugin-kit",
    "plugin-kit-macros",
];

/// Licences that what is built on may have.
const ALLOWED: [&str; 11] = [
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "Unlicense",
    "Unicode-3.0",
    "CC0-1.0",
];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml"))
        .features(cargo_metadata::CargoOpt::AllFeatures)
        .other_options(["--locked".to_owned()])
        .exec()
        .expect("cargo metadata reads the workspace")
}

fn named<'m>(metadata: &'m Metadata, name: &str) -> &'m Package {
    let mut packages = metadata.workspace_packages().into_iter();
    packages.find(|package| package.name.as_str() == name).unwrap()
}

#[test]
fn the_libraries_can_be_published_and_nothing_else() {
    let metadata = metadata();
    let own: BTreeMap<_, _> = metadata
        .workspace_packages()
        .into_iter()
        .map(|package| (package.name.to_string(), package))
        .collect();
    for (name, package) in &own {
        if !LIBRARIES.contains(&name.as_str()) {
            assert_eq!(
                package.publish,
                Some(Vec::new()),
                "{name} is to have publish = false"
            );
            continue;
        }
        assert_eq!(package.publish, None, "{name}");
        assert!(
            package.description.is_some() && package.documentation.is_some(),
            "{name}"
        );
        assert!(
            !package.keywords.is_empty() && !package.categories.is_empty(),
            "{name}"
        );
        assert_eq!(package.license.as_deref(), Some("MIT OR Apache-2.0"), "{name}");
        for file in ["LICENSE-MIT", "LICENSE-APACHE"] {
            let text = fs::read_to_string(package.manifest_path.with_file_name(file));
            let text = text.unwrap_or_else(|cause| panic!("{name} has no {file}: {cause}"));
            assert!(text.len() > 500, "{name}: {file}");
        }
        // Those of the tests are left out of what is published.
        let needed = package
            .dependencies
            .iter()
            .filter(|found| found.kind != DependencyKind::Development);
        for dependency in needed.filter(|found| own.contains_key(&found.name)) {
            assert!(
                LIBRARIES.contains(&dependency.name.as_str()),
                "{name} is built on {}",
                dependency.name
            );
            assert!(
                dependency.req.matches(&package.version),
                "{name}: {} {}",
                dependency.name,
                dependency.req
            );
        }
    }
}

#[test]
fn the_changes_have_this_version_and_the_oldest_rust_is_one_that_builds_it() {
    let metadata = metadata();
    let kernel = named(&metadata, "kernel-core");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../CHANGELOG.md");
    let page = fs::read_to_string(page).unwrap();
    let first = page.lines().find_map(|line| line.strip_prefix("## ")).unwrap();
    assert!(first.starts_with(&kernel.version.to_string()), "{first}");
    let oldest = kernel.rust_version.as_ref().expect("it is stated");
    for package in metadata.workspace_packages() {
        assert_eq!(package.rust_version.as_ref(), Some(oldest), "{}", package.name);
    }
    // None of what the libraries are built on wants a newer one.
    for package in built_on(&metadata, &LIBRARIES) {
        let wanted = package.rust_version.as_ref();
        assert!(
            wanted.is_none_or(|wanted| wanted <= oldest),
            "{} wants {wanted:?}",
            package.name
        );
    }
    let rustc = Command::new("rustc").arg("--version").output().unwrap();
    let rustc = String::from_utf8(rustc.stdout).unwrap();
    let here = rustc.split_whitespace().nth(1).unwrap();
    let checked = here.starts_with(&format!("{}.{}.", oldest.major, oldest.minor));
    println!(
        "built by {here}, which {} the oldest that is stated",
        if checked { "is" } else { "is not" }
    );
}

/// The packages that these of the workspace are built of, tests left out.
fn built_on<'m>(metadata: &'m Metadata, names: &[&str]) -> Vec<&'m Package> {
    let resolve = metadata.resolve.as_ref().unwrap();
    let nodes: BTreeMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let mut seen = BTreeSet::new();
    let mut open: Vec<_> = names.iter().map(|name| &named(metadata, name).id).collect();
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        let normal = nodes[id].deps.iter().filter(|dep| {
            dep.dep_kinds
                .iter()
                .any(|kind| kind.kind != DependencyKind::Development)
        });
        open.extend(normal.map(|dep| &dep.pkg));
    }
    metadata
        .packages
        .iter()
        .filter(|package| seen.contains(&package.id))
        .collect()
}

/// Whether one of the alternatives of a licence expression is allowed. Brackets stand around alternatives alone, as in
/// `(A OR B) AND C`.
fn allowed(expression: &str) -> bool {
    let one = |name: &str| ALLOWED.contains(&name.trim()) || name.trim() == "Apache-2.0 WITH LLVM-exception";
    let any = |text: &str| {
        text.replace('/', " OR ")
            .split(" OR ")
            .any(|choice| choice.split(" AND ").all(one))
    };
    match expression.contains('(') {
        false => any(expression),
        true => expression
            .split(" AND ")
            .all(|part| any(part.trim_matches(['(', ')']))),
    }
}

#[test]
fn everything_that_the_programs_are_built_of_has_a_licence_that_is_allowed() {
    let metadata = metadata();
    let packages = built_on(&metadata, &["host-std", "inspector-tui"]);
    assert!(packages.len() > 200, "{}", packages.len());
    let wrong: Vec<_> = packages
        .iter()
        .filter(|package| !package.license.as_deref().is_some_and(allowed))
        .map(|package| format!("{} {}: {:?}", package.name, package.version, package.license))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("{} packages, all of them allowed", packages.len());
}

#[test]
fn a_licence_that_is_not_allowed_is_seen() {
    for good in [
        "MIT",
        "MIT/Apache-2.0",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "GPL-2.0-only OR MIT",
    ] {
        assert!(allowed(good), "{good}");
    }
    for bad in [
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR ISC) AND GPL-3.0",
        "",
        "LGPL-2.1-or-later",
    ] {
        assert!(!allowed(bad), "{bad}");
    }
}
