//! Search that highlights and does not hide.

/// Where in a text the search's text is.
pub fn spans(_text: &str, _needle: &str) -> Vec<std::ops::Range<usize>> {
    Vec::new()
}
