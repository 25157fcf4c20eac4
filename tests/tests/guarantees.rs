//! The page of guarantees: every test that it names is there.

use std::fs;
use std::path::Path;

/// The files and tests that a line of the page names.
fn named(line: &str) -> Vec<(&str, &str)> {
    let words: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
    let mut found = Vec::new();
    let mut rest = words.as_slice();
    while let [file, test, after @ ..] = rest {
        if file.ends_with(".rs") {
            found.push((*file, *test));
            rest = after;
        } else {
            rest = &rest[1..];
        }
    }
    found
}

/// True when the text has a test of this name.
fn has_test(text: &str, name: &str) -> bool {
    text.match_indices(&format!("fn {name}(")).any(|(at, _)| {
        let before = text[..at].rsplit_once('\n').map_or("", |(before, _)| before);
        let mut attributes = before
            .lines()
            .rev()
            .map(str::trim)
            .take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        attributes.any(|line| line == "#[test]")
    })
}

#[test]
fn every_test_that_the_page_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(root.join("docs/guarantees.md")).unwrap();
    let mut count = 0;
    let promises = page.split("## Figures").next().unwrap();
    for line in promises.lines().filter(|line| line.starts_with("| ")) {
        if line == "| promise | tried by |" {
            continue;
        }
        let tests = named(line);
        assert!(!tests.is_empty(), "a promise without a test: {line}");
        for (file, test) in tests {
            let text = fs::read_to_string(root.join(file));
            let text = text.unwrap_or_else(|cause| panic!("{file}: {cause}"));
            assert!(has_test(&text, test), "{file} has no test {test}");
            count += 1;
        }
    }
    assert!(count > 40, "{count} tests are named: is the page read at all?");
}

#[test]
fn a_test_that_is_none_is_seen() {
    assert!(has_test("#[test]\n#[ignore]\nfn a() {", "a"));
    assert!(!has_test("#[test]\nfn ab() {", "a"));
    assert!(!has_test("#[test]\nfn b() {}\n\nfn a() {", "a"));
    assert_eq!(
        named("| x `no` | `a.rs` `b`, `c.rs` `d` |"),
        [("a.rs", "b"), ("c.rs", "d")]
    );
}
