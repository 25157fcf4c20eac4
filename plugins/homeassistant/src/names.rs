//! Names, as topics and ids have room for them.

/// Who found a device, for the house.
pub(crate) const PROVIDER: &str = "homeassistant";

/// `text` of letters, digits, `_` and `-` alone. Two texts have different ones, but by a chance of one in four thousand
/// millions.
pub(crate) fn slug(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.into();
    }
    let plain: String = text
        .chars()
        .map(|letter| if is_plain(letter) { letter } else { '_' })
        .collect();
    // FNV-1a.
    let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    format!("{plain}_{hash:08x}")
}

/// A name of a property, from one for people: `Living Room` is `living_room`; `None` when nothing is left.
pub(crate) fn field(text: &str) -> Option<String> {
    let mut field = String::new();
    for letter in text.chars().flat_map(char::to_lowercase) {
        match letter.is_alphanumeric() {
            true => field.push(letter),
            false if !field.is_empty() && !field.ends_with('_') => field.push('_'),
            false => {}
        }
        if field.len() >= 48 {
            break;
        }
    }
    let field = field.trim_end_matches('_');
    (!field.is_empty()).then(|| field.to_owned())
}

/// `text` of at most `max` bytes without control characters.
pub(crate) fn cut(text: &str, max: usize) -> String {
    let mut short = String::new();
    for letter in text.chars().filter(|letter| !letter.is_control()) {
        if short.len() + letter.len_utf8() > max {
            break;
        }
        short.push(letter);
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_into_topics_and_stay_different() {
        assert_eq!(slug("lamp_kitchen-2"), "lamp_kitchen-2");
        for text in ["лампа", "a/b", "a+b", "a b", ""] {
            let made = slug(text);
            assert!(
                made.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)),
                "{made}"
            );
        }
        assert_ne!(slug("a/b"), slug("a+b"));
        assert_ne!(slug("a/b"), slug("a_b"));
        assert_eq!(field("Living Room  (1)").as_deref(), Some("living_room_1"));
        assert_eq!(field("--"), None);
        assert_eq!(cut("ab\ncä", 4), "abc");
    }
}
