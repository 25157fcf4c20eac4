//! JSON, and the two languages of filters.

use inspector_tui::filter::parse;
use kernel_core::json::{Json, JsonFault};
use kernel_core::subject::{MAX_SUBJECT, MAX_TOKENS, check_filter, check_topic, matches};
use serde_json::Value;

/// The judge of JSON says what `serde_json` does, but for depth.
///
/// # Panics
/// When it does not, or names a place outside the text.
pub fn json(data: &[u8]) {
    let theirs = serde_json::from_slice::<Value>(data);
    // A number of any size is JSON; theirs have to fit into Rust's.
    let too_large = theirs
        .as_ref()
        .is_err_and(|error| error.to_string().contains("out of range"));
    match Json::new(data) {
        Ok(json) => {
            assert!(theirs.is_ok() || too_large, "taken by us alone: {theirs:?}");
            assert_eq!(json.as_str().as_bytes(), data);
        }
        Err(ours) if ours.fault() == JsonFault::TooDeep => assert!(ours.offset() < data.len()),
        Err(ours) => assert!(theirs.is_err(), "refused by us alone: {ours}"),
    }
}

/// JSON texts.
pub fn json_corpus() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"a":[1,-2.5e-3,true,false,null],"б":"\u0441\n\"\\/","c":{"d":{}}}"#,
        r#"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"#,
        r#"  "surrogates \ud83d\ude00"  "#,
        "-0.0E+10",
        "[1e999,12345678901234567890]",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn is_plain(token: &str) -> bool {
    !token.is_empty()
        && !token
            .bytes()
            .any(|byte| byte <= b' ' || byte == 0x7f || b"*>".contains(&byte))
}

fn fits(text: &str) -> bool {
    text.len() <= MAX_SUBJECT && text.split('.').count() <= MAX_TOKENS
}

fn naive_filter(text: &str) -> bool {
    let tokens: Vec<&str> = text.split('.').collect();
    let (last, first) = tokens.split_last().unwrap_or((&"", &[]));
    fits(text)
        && first.iter().all(|token| *token == "*" || is_plain(token))
        && (["*", ">"].contains(last) || is_plain(last))
}

fn naive_matches(filter: &[&str], topic: &[&str]) -> bool {
    match (filter, topic) {
        ([">"], topic) => !topic.is_empty(),
        (["*", filter @ ..], [_, topic @ ..]) => naive_matches(filter, topic),
        ([a, filter @ ..], [b, topic @ ..]) => a == b && naive_matches(filter, topic),
        (filter, topic) => filter.is_empty() && topic.is_empty(),
    }
}

/// Two lines, a filter and a topic, are judged and matched as by the simplest code; and the filter of the inspector
/// is parsed or refused.
///
/// # Panics
/// When they are not.
pub fn filters(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    drop(parse(text));
    let (filter, topic) = text.split_once('\n').unwrap_or((text, "a.b"));
    let is_topic = fits(topic) && topic.split('.').all(is_plain);
    assert_eq!(check_filter(filter).is_ok(), naive_filter(filter), "{filter:?}");
    assert_eq!(check_topic(topic).is_ok(), is_topic, "{topic:?}");
    let matched = matches(filter, topic);
    if naive_filter(filter) && is_topic {
        let (filter, topic): (Vec<&str>, Vec<&str>) =
            (filter.split('.').collect(), topic.split('.').collect());
        assert_eq!(matched, naive_matches(&filter, &topic), "{filter:?} {topic:?}");
    }
}

/// Filters.
pub fn filter_corpus() -> Vec<Vec<u8>> {
    let texts = [
        "sensor.*.temperature\nsensor.kitchen.temperature",
        "device.>\ndevice.a.b.c",
        "*.*\na.b",
        ">\nя",
        r#"topic:device.> src:thermo state="on" value>25 !retry "text" | .value"#,
        "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p\na.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p",
        r"topic:a or /re(g)ex?/ and (calls>100 time>5s) seq<=7",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
