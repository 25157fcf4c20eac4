//! What of the kernel ends in a panic or formats, by the linked image: every reference to that
//! machinery, traced back through inlining to the source it comes from.

use super::image::Reference;
use super::lines::{Lines, frames, own};
use super::{Image, Symbol};

/// A place in the kernel's source that the linked image lets panic, or format.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Panic {
    /// What is reached. The linker keeps one of several functions with the same code: it may bear
    /// the name of another.
    pub reaches: String,
    /// Where from: file and line, or a symbol where that is not known.
    pub place: String,
    /// The compiler's own guard against polling a future that is done: it is in every `async fn`
    /// whose caller the optimizer does not see through, and bears no line, or that of the function's head.
    pub is_resumption: bool,
}

impl core::fmt::Display for Panic {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} from {}", self.reaches, self.place)
    }
}

/// How the names of the kernel's and its crates' functions begin.
const OWN: [&str; 4] = [
    "kernel_core::",
    "kernel_link::",
    "kernel_supervisor::",
    "kernel_flash::",
];

/// What the kernel is made of; a fault there is that of whoever called it.
const TOOLS: [&str; 4] = ["/library/", "/heapless-", "/rustc/", "/compiler-builtins"];

/// What of the kernel panics or formats in an image.
///
/// # Errors
/// When the image has no debug information, or none of the references it should tell.
pub fn panics_of(image: &Image) -> Result<Vec<Panic>, String> {
    let wrong = |cause: &dyn core::fmt::Display| format!("{}: {cause}", image.path.display());
    let bytes = image.bytes()?;
    let lines = super::lines::lines(&bytes).map_err(|cause| wrong(&cause))?;
    let mut named = image
        .symbols
        .iter()
        .filter(|symbol| symbol.name.starts_with("kernel_core::"));
    let known = named.any(|symbol| {
        origin(&lines, symbol.address)
            .is_ok_and(|origin| origin.is_some_and(|(file, _)| own(&file).is_some()))
    });
    if image.references.is_empty() || !known {
        return Err(wrong(&"it does not tell who calls what, and from which line"));
    }
    let mut found = Vec::new();
    for Reference { place, from, to } in &image.references {
        let (Some(from), Some(to)) = (image.symbols.get(*from), image.symbols.get(*to)) else {
            continue;
        };
        if !is_machinery(to) || is_machinery(from) || !from.code {
            continue;
        }
        let origin = origin(&lines, *place)?;
        let (file, line) = origin.unwrap_or_else(|| (from.name.clone(), 0));
        // A function without lines is told by its name.
        if own(&file).is_some() || OWN.iter().any(|prefix| file.contains(prefix)) {
            found.push(Panic {
                reaches: to.name.clone(),
                place: format!("{file}:{line} in {}", from.name),
                is_resumption: line == 0 || is_async_head(&file, line),
            });
        }
    }
    found.sort();
    Ok(found)
}

/// True when the line is the end of the head of an `async fn`, which holds no code of anybody's.
fn is_async_head(file: &str, line: u32) -> bool {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<&str> = text.lines().take(line as usize).map(str::trim_end).collect();
    let Some((last, before)) = lines.split_last() else {
        return false;
    };
    // Back to where the function begins: within its head, no line ends a statement or a block.
    let mut head = before.iter().rev().take_while(|line| line.ends_with(['(', ',']));
    let is_async = |line: &str| line.contains("async fn ");
    last.ends_with('{')
        && (is_async(last) || last.trim_start().starts_with(')') && head.any(|line| is_async(line)))
}

/// The source of the instruction at `place`: the innermost one that is not of a tool.
fn origin(lines: &Lines<'_>, place: u64) -> Result<Option<(String, u32)>, String> {
    let frames = frames(lines, place)?;
    let own = |(file, _): &(String, u32)| !TOOLS.iter().any(|tool| file.contains(tool));
    Ok(frames.into_iter().find(own))
}

/// What panics end up in, and what formats.
fn is_machinery(symbol: &Symbol) -> bool {
    let name = symbol.name.trim_start_matches('<');
    let panics = [
        "core::panicking::",
        "core::option::unwrap_failed",
        "core::option::expect_failed",
        "core::result::unwrap_failed",
        "core::cell::panic_",
        "core::str::slice_error_fail",
        "__rustc::rust_begin_unwind",
        "rust_begin_unwind",
    ];
    panics.iter().any(|prefix| name.starts_with(prefix))
        || name.contains("core::fmt::")
        || (name.starts_with("core::slice::") && name.contains("fail"))
}
