//! Recorded sessions: the keys that were pressed, and what was to be seen then.

use tests::inspector::session;

fn play(script: &str) -> Vec<String> {
    let mut shown = Vec::new();
    session::play(script, |title, screen| {
        assert!(!screen.trim().is_empty(), "{title} is empty");
        shown.push(title.to_owned());
    })
    .unwrap();
    shown
}

#[test]
fn why_did_the_lamp_not_go_on() {
    assert!(play(include_str!("session.txt")).is_empty());
}

/// The README's screens, which `inspector-session` prints.
#[test]
fn the_screens_of_the_readme_can_be_had() {
    assert!(play(include_str!("readme.txt")).len() >= 3);
}
