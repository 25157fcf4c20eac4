//! Texts for people.

/// What the kernel keeps of a description.
pub(crate) const DESCRIPTION: usize = 120;

/// The beginning of a text, of at most `most` bytes.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

/// What is wrong with JSON, without the place: that is in a line nobody sees, or told apart.
pub(crate) fn without_place(error: &serde_json::Error) -> String {
    let whole = error.to_string();
    whole.split(" at line ").next().unwrap_or(&whole).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_a_character() {
        assert_eq!((cut("aя", 2), cut("aя", 3), cut("a", 9)), ("a", "aя", "a"));
    }

    #[test]
    fn a_place_is_left_out() {
        let error = serde_json::from_str::<u8>("{").unwrap_err();
        assert!(error.to_string().contains(" at line 1") && !without_place(&error).contains("line"));
    }
}
