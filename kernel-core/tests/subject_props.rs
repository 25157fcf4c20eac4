//! Topics, filters and names against definitions too simple to be wrong.

use kernel_core::subject::{
    MAX_NAME, MAX_SUBJECT, MAX_TOKENS, check_filter, check_plugin_name, check_topic, matches,
};
use kernel_core::{Fault, NameFault};
use proptest::prelude::*;

fn plain_token(token: &str) -> bool {
    !token.is_empty() && !token.bytes().any(|b| b <= b' ' || b == 0x7f)
}

fn fits(text: &str) -> bool {
    text.len() <= MAX_SUBJECT && text.split('.').count() <= MAX_TOKENS
}

fn naive_topic(text: &str) -> bool {
    fits(text)
        && text
            .split('.')
            .all(|token| plain_token(token) && !token.contains(['*', '>']))
}

fn naive_filter(text: &str) -> bool {
    let tokens: Vec<_> = text.split('.').collect();
    fits(text)
        && tokens.iter().enumerate().all(|(index, token)| match *token {
            "*" => true,
            ">" => index + 1 == tokens.len(),
            token => plain_token(token) && !token.contains(['*', '>']),
        })
}

fn naive_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-')
}

fn naive_matches(filter: &[&str], topic: &[&str]) -> bool {
    match (filter, topic) {
        ([">"], topic) => !topic.is_empty(),
        (["*", filter @ ..], [_, topic @ ..]) => naive_matches(filter, topic),
        ([a, filter @ ..], [b, topic @ ..]) => a == b && naive_matches(filter, topic),
        (filter, topic) => filter.is_empty() && topic.is_empty(),
    }
}

/// Few tokens over a small alphabet, so that filters and topics often meet.
fn topic() -> impl Strategy<Value = String> {
    prop::collection::vec("a|b|ab|aa|я", 1..6).prop_map(|tokens| tokens.join("."))
}

fn filter() -> impl Strategy<Value = String> {
    (prop::collection::vec("a|b|ab|aa|я|\\*", 0..6), prop::bool::ANY).prop_map(|(mut tokens, rest)| {
        if rest || tokens.is_empty() {
            tokens.push(">".into());
        }
        tokens.join(".")
    })
}

/// Nearly a topic or filter, and now and then one.
fn near_subject() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ab.*>я]{0,12}",
        2 => "[a-z]{1,6}(\\.[a-z*>]{1,3}){0,20}",
        1 => "[ -~\\x00\\x7f\\t]{0,8}",
        1 => "[ab.]{100,160}",
        1 => "[a-z]{120,136}",
        1 => any::<String>(),
    ]
}

proptest! {
    #[test]
    fn matching_is_token_by_token(filter in filter(), topic in topic()) {
        prop_assert_eq!(check_filter(&filter), Ok(()));
        prop_assert_eq!(check_topic(&topic), Ok(()));
        let filter_tokens: Vec<_> = filter.split('.').collect();
        let topic_tokens: Vec<_> = topic.split('.').collect();
        prop_assert_eq!(
            matches(&filter, &topic),
            naive_matches(&filter_tokens, &topic_tokens)
        );
    }

    #[test]
    fn a_topic_is_a_filter_that_matches_itself(topic in topic()) {
        prop_assert_eq!(check_filter(&topic), Ok(()));
        prop_assert!(matches(&topic, &topic));
    }

    #[test]
    fn check_topic_agrees(text in near_subject()) {
        prop_assert_eq!(check_topic(&text).is_ok(), naive_topic(&text), "{:?}", check_topic(&text));
    }

    #[test]
    fn check_filter_agrees(text in near_subject()) {
        prop_assert_eq!(check_filter(&text).is_ok(), naive_filter(&text), "{:?}", check_filter(&text));
    }

    #[test]
    fn check_plugin_name_agrees(text in prop_oneof!["[a-z0-9_-]{0,36}", "[a-cA._я-]{0,4}"]) {
        prop_assert_eq!(check_plugin_name(&text).is_ok(), naive_name(&text), "{:?}", check_plugin_name(&text));
    }

    #[test]
    fn matching_survives_anything(filter in near_subject(), topic in near_subject()) {
        let _ = matches(&filter, &topic);
    }
}

#[test]
fn faults_are_named_and_placed() {
    let fault = |why, at| Err(Fault::Name { why, at });
    assert_eq!(check_topic(""), fault(NameFault::Empty, 0));
    assert_eq!(check_topic("a."), fault(NameFault::EmptyToken, 2));
    assert_eq!(check_topic(".a"), fault(NameFault::EmptyToken, 0));
    assert_eq!(check_topic("a.b c"), fault(NameFault::Character, 3));
    assert_eq!(check_topic("a.>"), fault(NameFault::Wildcard, 2));
    assert_eq!(check_filter("a.>.b"), fault(NameFault::MisplacedWildcard, 2));
    assert_eq!(check_filter("a.b>"), fault(NameFault::MisplacedWildcard, 3));
    assert_eq!(check_filter("a.**"), fault(NameFault::MisplacedWildcard, 2));
    assert_eq!(check_topic(&["a"; MAX_TOKENS].join(".")), Ok(()));
    assert_eq!(
        check_topic(&["a"; MAX_TOKENS + 1].join(".")),
        fault(NameFault::TooManyTokens, MAX_TOKENS as u32)
    );
    assert_eq!(check_topic(&"a".repeat(MAX_SUBJECT)), Ok(()));
    assert_eq!(
        check_topic(&"a".repeat(MAX_SUBJECT + 1)),
        fault(NameFault::TooLong, MAX_SUBJECT as u32)
    );
    assert_eq!(check_plugin_name(""), fault(NameFault::Empty, 0));
    assert_eq!(check_plugin_name("a.b"), fault(NameFault::Character, 1));
}

#[test]
fn wildcards_do_not_reach_too_far() {
    for (filter, topic) in [
        (">", ""),
        ("*", ""),
        ("", ""),
        ("a.>", "a"),
        ("a.*", "a"),
        ("a.*", "a.b.c"),
        ("*.b", "a"),
        ("a", "ab"),
        ("ab", "a"),
    ] {
        assert!(!matches(filter, topic), "{filter:?} {topic:?}");
    }
}
