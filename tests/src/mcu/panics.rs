//! What of the kernel ends in a panic or formats, by the linked image: every reference to that
//! machinery, traced back through inlining to the source it comes from.

use super::image::Reference;
use super::lines::{KERNEL, Lines, frames};
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
    /// whose caller the optimizer does not see through, and bears no line.
    pub is_resumption: bool,
}

impl core::fmt::Display for Panic {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} from {}", self.reaches, self.place)
    }
}

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
    let mut own = image
        .symbols
        .iter()
        .filter(|symbol| symbol.name.starts_with("kernel_core::"));
    let known = own.any(|symbol| {
        origin(&lines, symbol.address)
            .is_ok_and(|origin| origin.is_some_and(|(file, _)| file.contains(KERNEL)))
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
        if file.contains(KERNEL) || file.contains("kernel_core::") {
            found.push(Panic {
                reaches: to.name.clone(),
                place: format!("{file}:{line} in {}", from.name),
                is_resumption: line == 0,
            });
        }
    }
    found.sort();
    Ok(found)
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
