//! One level of an MQTT topic as one token of a topic of the bus, and back.
//!
//! What a token cannot hold is written as `%` and two hexadecimal digits, as is `%` itself; an empty level is `%` alone.
//! So each level has one token, and no two levels have the same.

/// A level's token.
pub(crate) fn to_token(level: &str, token: &mut String) {
    if level.is_empty() {
        token.push('%');
    }
    for c in level.chars() {
        match c {
            '.' | '*' | '>' | '%' | '\0'..=' ' | '\x7f' => {
                let byte = c as u8;
                token.push('%');
                token.push(digit(byte >> 4));
                token.push(digit(byte & 15));
            }
            c => token.push(c),
        }
    }
}

/// The level whose token this is; `None` when it is that of none.
pub(crate) fn to_level(token: &str, level: &mut String) -> Option<()> {
    let (begin, mut rest) = (level.len(), token);
    if token == "%" {
        return Some(());
    }
    while let Some(at) = rest.find('%') {
        level.push_str(&rest[..at]);
        let byte = rest
            .get(at + 1..at + 3)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())?;
        level.push(char::from(byte));
        rest = &rest[at + 3..];
    }
    level.push_str(rest);
    // What is no level, and what would have been written otherwise.
    let mut again = String::with_capacity(token.len());
    to_token(&level[begin..], &mut again);
    let is_level = !level[begin..].contains(['/', '+', '#', '\0']);
    (is_level && again == token).then_some(())
}

fn digit(value: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(value)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel_core::subject::check_topic;
    use proptest::prelude::*;

    fn token(level: &str) -> String {
        let mut token = String::new();
        to_token(level, &mut token);
        token
    }

    fn level(token: &str) -> Option<String> {
        let mut level = String::new();
        to_level(token, &mut level).map(|()| level)
    }

    #[test]
    fn examples() {
        for (of, expected) in [
            ("kitchen", "kitchen"),
            ("küche", "küche"),
            ("", "%"),
            ("1.5 °C", "1%2E5%20°C"),
            ("50%", "50%25"),
            ("*", "%2A"),
            ("a>b", "a%3Eb"),
        ] {
            assert_eq!(token(of), expected);
            assert_eq!(level(expected).as_deref(), Some(of));
        }
        for nobody in [
            "50%", "%2", "%zz", "%41", "%2e", "a/b", "+", "a#", "%2F", "%00", "%é",
        ] {
            assert_eq!(level(nobody), None, "{nobody}");
        }
    }

    proptest! {
        #[test]
        fn each_level_has_a_token_that_leads_back(text in "[^/+#\0]{0,20}") {
            let token = token(&text);
            prop_assert!(check_topic(&token).is_ok() || token.len() > 128, "{}", token);
            prop_assert_eq!(level(&token), Some(text));
        }

        #[test]
        fn what_has_a_level_is_the_token_of_it(text in "[^.*> ]{1,20}|[%0-9A-Fa-f]{1,9}") {
            if let Some(level) = level(&text) {
                prop_assert_eq!(token(&level), text);
            }
        }
    }
}
