//! Topics and filters: levels between slashes; in a filter `+` is any one level and `#` the rest, the level above included.

/// The most bytes of a topic or filter.
pub const MAX_LEN: usize = 65_535;

/// Whether it is a topic to publish to: not empty, not too long, without wildcards and NUL.
pub fn is_topic(topic: &str) -> bool {
    is_name(topic) && !topic.contains(['+', '#'])
}

/// Whether it is a filter to subscribe to: each wildcard is a level of its own, and `#` the last.
pub fn is_filter(filter: &str) -> bool {
    let mut levels = filter.split('/').rev();
    let last = levels.next().unwrap_or_default();
    is_name(filter) && (last == "#" || is_level(last)) && levels.all(is_level)
}

/// Whether the filter matches the topic. Topics that begin with `$` are the broker's own: a filter that begins with a
/// wildcard does not match them.
///
/// ```
/// use mqtt_client::topic::matches;
///
/// assert!(matches("home/+/temperature", "home/kitchen/temperature"));
/// assert!(matches("home/#", "home"));
/// assert!(!matches("#", "$SYS/broker/uptime"));
/// ```
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        if wanted == "#" {
            return true;
        }
        match levels.next() {
            Some(level) if wanted == "+" || wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

fn is_name(name: &str) -> bool {
    (1..=MAX_LEN).contains(&name.len()) && !name.contains('\0')
}

fn is_level(level: &str) -> bool {
    level == "+" || !level.contains(['+', '#'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_levels_of_their_own() {
        for filter in ["a", "/", "a//b", "+", "#", "a/#", "+/b/+", "$SYS/#", "/+"] {
            assert!(is_filter(filter), "{filter}");
        }
        for filter in ["", "a/#/b", "a+", "a/b#", "#/", "a\0"] {
            assert!(!is_filter(filter), "{filter}");
        }
        assert!(is_topic("a/é/ b"));
        for topic in ["", "a/+", "#", "a\0b"] {
            assert!(!is_topic(topic), "{topic}");
        }
        assert!(!is_topic(&"a".repeat(MAX_LEN + 1)));
    }

    #[test]
    fn filters_match_as_the_standard_says() {
        for (filter, topic) in [
            ("a/+/c", "a/b/c"),
            ("a/#", "a"),
            ("a/#", "a/b/c"),
            ("#", "a"),
            ("+/+", "/a"),
            ("+", "é"),
            ("$SYS/#", "$SYS/x"),
            ("a//c", "a//c"),
        ] {
            assert!(matches(filter, topic), "{filter} {topic}");
        }
        for (filter, topic) in [
            ("a/+", "a"),
            ("a/+", "a/b/c"),
            ("a", "a/b"),
            ("#", "$SYS/x"),
            ("+/x", "$SYS/x"),
            ("a/b", "a/B"),
            ("+", "a/"),
        ] {
            assert!(!matches(filter, topic), "{filter} {topic}");
        }
    }
}
