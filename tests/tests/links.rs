//! Every link of every page leads somewhere: to a file of the repository, and to a heading that is there. The pages of
//! `docs` are a book, of which each is a chapter.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

fn root() -> PathBuf {
    normal(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
}

/// The path without `..` in it.
fn normal(path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(whole.pop()),
            Component::CurDir => {}
            part => whole.push(part),
        }
    }
    whole
}

/// The files below a folder whose names end so.
fn files(folder: &Path, end: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && !["target", "book", "node_modules", "data"].contains(&&*name) {
                files(&path, end, found);
            }
        } else if name.ends_with(end) {
            found.push(path);
        }
    }
}

/// The page without its code.
fn prose(page: &str) -> Vec<String> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            let outside = line.split('`').enumerate().map(|(at, text)| match at % 2 {
                0 => text.to_owned(),
                // As much of it as a heading's name has.
                _ => text
                    .chars()
                    .filter(|c| !matches!(c, '[' | ']' | '(' | ')'))
                    .collect(),
            });
            lines.push(outside.collect());
        }
    }
    lines
}

/// The targets of the links of a page, of which one may go over the end of a line.
fn links(page: &str) -> Vec<String> {
    let text = prose(page).join("\n");
    let targets = text.split("](").skip(1);
    targets
        .filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()))
        .collect()
}

/// The names that the headings of a page have as targets.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut count: BTreeMap<String, u32> = BTreeMap::new();
    let mut all = BTreeSet::new();
    for line in prose(page).iter().filter(|line| line.starts_with('#')) {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c),
            _ => None,
        });
        let name: String = kept.collect();
        let seen = count.entry(name.clone()).or_default();
        all.insert(match *seen {
            0 => name,
            more => format!("{name}-{more}"),
        });
        *seen += 1;
    }
    all
}

/// Of the links of a page those that lead nowhere.
fn broken(page: &Path, links: &[String], anchors: impl Fn(&Path) -> BTreeSet<String>) -> Vec<String> {
    let leads = |link: &String| {
        if link.contains("://") || link.starts_with("mailto:") {
            return true;
        }
        let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
        let target = match file {
            "" => page.to_path_buf(),
            file => normal(&page.parent().unwrap().join(file)),
        };
        target.exists() && (anchor.is_empty() || anchors(&target).contains(anchor))
    };
    let wrong = links.iter().filter(|link| !leads(link));
    wrong.map(|link| format!("{}: {link}", page.display())).collect()
}

#[test]
fn every_link_of_every_page_leads_somewhere() {
    let mut pages = Vec::new();
    files(&root(), ".md", &mut pages);
    assert!(pages.len() > 20, "{pages:?}");
    let mut count = 0;
    let mut wrong = Vec::new();
    for page in &pages {
        let links = links(&fs::read_to_string(page).unwrap());
        count += links.len();
        wrong.extend(broken(page, &links, |target| {
            anchors(&fs::read_to_string(target).unwrap())
        }));
    }
    assert!(wrong.is_empty(), "links that lead nowhere: {wrong:#?}");
    assert!(count > 100, "{count} links: are they found at all?");
}

#[test]
fn every_page_of_the_book_is_a_chapter() {
    let docs = root().join("docs");
    let chapters: BTreeSet<PathBuf> = links(&fs::read_to_string(docs.join("SUMMARY.md")).unwrap())
        .iter()
        .map(|chapter| docs.join(chapter))
        .collect();
    let mut pages = Vec::new();
    files(&docs, ".md", &mut pages);
    pages.retain(|page| !page.ends_with("SUMMARY.md"));
    assert_eq!(pages.into_iter().collect::<BTreeSet<_>>(), chapters);
}

/// The values of an attribute in a page of HTML.
fn attributes(html: &str, name: &str) -> Vec<String> {
    let begin = format!(" {name}=\"");
    let rest = html.split(begin.as_str()).skip(1);
    rest.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()))
        .collect()
}

#[test]
#[ignore = "needs the book: tests/run.sh book"]
fn every_link_of_the_book_that_was_built_leads_somewhere() {
    let mut pages = Vec::new();
    files(&root().join("book"), ".html", &mut pages);
    // One page of all others, which repeats their anchors, and one whose links are from the root.
    pages.retain(|page| !page.ends_with("print.html") && !page.ends_with("404.html"));
    assert!(pages.len() > 25, "{pages:?}");
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in &pages {
        let links = attributes(&fs::read_to_string(page).unwrap(), "href");
        count += links.len();
        wrong.extend(broken(page, &links, |target| {
            attributes(&fs::read_to_string(target).unwrap(), "id")
                .into_iter()
                .collect()
        }));
    }
    assert!(wrong.is_empty(), "links that lead nowhere: {wrong:#?}");
    println!("{count} links of {} pages", pages.len());
}

#[test]
fn a_link_that_leads_nowhere_is_seen() {
    let page = "# A `b` c!\n## A b c\n[x](#a-b-c) [y](#no) `[z](no)` [out](https://h/x)\n```\n[w](no.md)\n```\n[v](no.md)\n[one\nthat](links.rs) [a](links.rs#x)";
    let here = Path::new(file!()).file_name().unwrap();
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(here);
    let links = links(page);
    assert_eq!(
        links,
        ["#a-b-c", "#no", "https://h/x", "no.md", "links.rs", "links.rs#x"]
    );
    assert_eq!(anchors(page), ["a-b-c", "a-b-c-1"].map(str::to_owned).into());
    let wrong = broken(&here, &links, |_| anchors(page));
    let wrong: Vec<_> = wrong
        .iter()
        .map(|line| line.rsplit_once(' ').unwrap().1)
        .collect();
    assert_eq!(wrong, ["#no", "no.md", "links.rs#x"]);
}
