//! Topics of the broker and of the bus, mapped by pairs of filters: what stands for a wildcard of the one goes in the
//! place of the same wildcard, in order, of the other.

use kernel_core::subject::{MAX_SUBJECT, MAX_TOKENS, check_filter, check_topic};
use mqtt_client::topic;

use crate::escape::{to_level, to_token};

/// A part between dots, or slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    One,
    Rest,
}

/// A filter of the broker and one of the bus that have the same wildcards.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    broker: Vec<Part>,
    bus: Vec<Part>,
}

impl Mapping {
    /// A mapping between these.
    ///
    /// # Errors
    /// What is wrong, and which of the two it is.
    pub(crate) fn new(broker: &str, bus: &str) -> Result<Self, Wrong> {
        if !topic::is_filter(broker) || broker.starts_with("$share/") {
            return Err(Wrong::Broker);
        }
        let is_reserved =
            bus == "runtime" || bus.starts_with("runtime.") || bus.starts_with("state.changed.");
        if check_filter(bus).is_err() || is_reserved {
            return Err(Wrong::Bus);
        }
        let parts = |text: &str, separator, one, rest| {
            let part = |part: &str| match part {
                part if part == one => Part::One,
                part if part == rest => Part::Rest,
                part => Part::Text(part.to_owned()),
            };
            text.split(separator).map(part).collect::<Vec<_>>()
        };
        let (broker, bus) = (parts(broker, '/', "+", "#"), parts(bus, '.', "*", ">"));
        let wildcards = |parts: &[Part]| {
            parts
                .iter()
                .filter(|part| !matches!(part, Part::Text(_)))
                .cloned()
                .collect()
        };
        let (of_broker, of_bus): (Vec<Part>, Vec<Part>) = (wildcards(&broker), wildcards(&bus));
        match of_broker == of_bus {
            true => Ok(Mapping { broker, bus }),
            false => Err(Wrong::Wildcards),
        }
    }

    /// The topic of the bus for one of the broker that the filter matches. `None` when there is none: it would be too
    /// long, or nothing stands for `#`.
    pub(crate) fn to_bus(&self, topic: &str) -> Option<String> {
        let mut made = String::with_capacity(topic.len() + 16);
        map(
            &self.broker,
            topic.split('/'),
            &self.bus,
            ".",
            &mut made,
            |level, made| {
                to_token(level, made);
                Some(())
            },
        )?;
        check_topic(&made).ok()?;
        Some(made)
    }

    /// The topic of the broker for one of the bus that the filter matches. `None` when there is none: a token is that of no
    /// level.
    pub(crate) fn to_broker(&self, topic: &str) -> Option<String> {
        let mut made = String::with_capacity(topic.len() + 16);
        map(
            &self.bus,
            topic.split('.'),
            &self.broker,
            "/",
            &mut made,
            to_level,
        )?;
        topic::is_topic(&made).then_some(made)
    }

    /// Whether some topic of the broker is of both.
    pub(crate) fn overlaps(&self, other: &Mapping) -> bool {
        overlap(&self.broker, &other.broker)
    }
}

/// What is wrong with a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    Broker,
    Bus,
    Wildcards,
}

impl Wrong {
    pub(crate) fn allowed(self) -> String {
        match self {
            Wrong::Broker => {
                "an MQTT filter: levels between slashes, + for one, # at the end for the rest".to_owned()
            }
            Wrong::Bus => format!(
                "a filter of the bus: at most {MAX_SUBJECT} bytes and {MAX_TOKENS} tokens between dots, * for one, > at \
                 the end for the rest; not below runtime and state.changed"
            ),
            Wrong::Wildcards => {
                "a pair with the same wildcards in the same order: + with *, # with >".to_owned()
            }
        }
    }
}

/// Walks `parts` through `from`, and writes `target` with what stands for the wildcards.
fn map<'t>(
    parts: &[Part],
    from: impl Iterator<Item = &'t str>,
    target: &[Part],
    separator: &str,
    made: &mut String,
    convert: impl Fn(&str, &mut String) -> Option<()>,
) -> Option<()> {
    let mut from = from;
    let mut held = parts.iter();
    for (at, part) in target.iter().enumerate() {
        if at > 0 {
            made.push_str(separator);
        }
        if let Part::Text(text) = part {
            made.push_str(text);
            continue;
        }
        // Up to the wildcard that goes here.
        let skipped = held
            .by_ref()
            .take_while(|part| matches!(part, Part::Text(_)))
            .count();
        let first = from.by_ref().nth(skipped)?;
        convert(first, made)?;
        if *part == Part::Rest {
            for next in from.by_ref() {
                made.push_str(separator);
                convert(next, made)?;
            }
        }
    }
    Some(())
}

fn overlap(one: &[Part], other: &[Part]) -> bool {
    match (one, other) {
        ([], []) | ([Part::Rest, ..], _) | (_, [Part::Rest, ..]) => true,
        ([], _) | (_, []) => false,
        ([Part::Text(a), one @ ..], [Part::Text(b), other @ ..]) => a == b && overlap(one, other),
        ([_, one @ ..], [_, other @ ..]) => overlap(one, other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel_core::subject::matches;
    use proptest::prelude::*;

    fn mapping(broker: &str, bus: &str) -> Mapping {
        Mapping::new(broker, bus).unwrap()
    }

    #[test]
    fn wildcards_go_in_order() {
        let one = mapping("zigbee/+/temperature", "sensor.*.temperature");
        assert_eq!(
            one.to_bus("zigbee/hall/temperature").unwrap(),
            "sensor.hall.temperature"
        );
        assert_eq!(
            one.to_broker("sensor.hall.temperature").unwrap(),
            "zigbee/hall/temperature"
        );
        let rest = mapping("+/x/#", "home.*.>");
        assert_eq!(rest.to_bus("a b/x/1/2.5//").unwrap(), "home.a%20b.1.2%2E5.%.%");
        assert_eq!(rest.to_broker("home.a%20b.1.2%2E5.%.%").unwrap(), "a b/x/1/2.5//");
        assert_eq!(mapping("a", "x.y").to_bus("a").unwrap(), "x.y");
        assert_eq!(mapping("#", ">").to_bus("a/b").unwrap(), "a.b");
    }

    #[test]
    fn what_has_no_topic_is_none() {
        assert_eq!(mapping("a/#", "a.>").to_bus("a"), None);
        assert_eq!(mapping("#", ">").to_bus(&["a"; 17].join("/")), None);
        assert_eq!(mapping("#", ">").to_bus(&"a".repeat(129)), None);
        assert_eq!(mapping("a/+", "a.*").to_broker("a.50%"), None);
        assert_eq!(mapping("a/+", "a.*").to_broker("a.b/c"), None);
    }

    #[test]
    fn mistakes() {
        let wrong = |broker, bus| Mapping::new(broker, bus).unwrap_err();
        assert_eq!(wrong("a/#/b", "a"), Wrong::Broker);
        assert_eq!(wrong("$share/g/a", "a"), Wrong::Broker);
        assert_eq!(wrong("a", "a..b"), Wrong::Bus);
        assert_eq!(wrong("a", "runtime.x"), Wrong::Bus);
        for (broker, bus) in [("+", "a"), ("a", "*"), ("+/#", "*.*"), ("+/+", "a.*"), ("#", "*")] {
            assert_eq!(wrong(broker, bus), Wrong::Wildcards, "{broker} {bus}");
        }
    }

    #[test]
    fn overlaps() {
        let overlaps = |a, b| overlap(&mapping(a, &bus_of(a)).broker, &mapping(b, &bus_of(b)).broker);
        for (a, b) in [
            ("a/+", "+/b"),
            ("#", "a"),
            ("a/#", "a"),
            ("a/b", "a/b"),
            ("a/#", "a/b/#"),
        ] {
            assert!(overlaps(a, b) && overlaps(b, a), "{a} {b}");
        }
        for (a, b) in [("a/b", "a/c"), ("a", "a/b"), ("a/+", "a"), ("x/#", "a/#")] {
            assert!(!overlaps(a, b) && !overlaps(b, a), "{a} {b}");
        }
    }

    fn bus_of(broker: &str) -> String {
        broker.replace('/', ".").replace('+', "*").replace('#', ">")
    }

    fn filters() -> impl Strategy<Value = (String, String)> {
        let parts = proptest::collection::vec(prop_oneof![Just("+"), Just("a"), Just("b")], 1..5);
        (parts, any::<bool>(), "[a-z]{1,3}").prop_map(|(mut parts, rest, prefix)| {
            if rest {
                parts.push("#");
            }
            let bus = bus_of(&parts.join("/"));
            (parts.join("/"), format!("{prefix}.{bus}"))
        })
    }

    proptest! {
        #[test]
        fn there_and_back_is_where_it_was(
            (broker, bus) in filters(),
            levels in proptest::collection::vec("[^/+#\0]{0,6}", 8),
        ) {
            let mapping = mapping(&broker, &bus);
            let levels = levels.iter().map(String::as_str);
            let parts: Vec<_> = mapping.broker.iter().zip(levels).map(|(part, level)| match part {
                Part::Text(text) => text.as_str(),
                _ => level,
            }).collect();
            let topic = parts.join("/");
            prop_assume!(topic::is_topic(&topic));
            if let Some(made) = mapping.to_bus(&topic) {
                prop_assert!(matches(&bus, &made), "{} {}", bus, made);
                prop_assert_eq!(mapping.to_broker(&made), Some(topic));
            }
        }
    }
}
