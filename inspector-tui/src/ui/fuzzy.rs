//! Fuzzy match: the letters of the pattern in their order, with others between.

/// How well `text` matches, higher is better; `None` when it does not. Case is ignored, and so are the
/// pattern's spaces.
pub fn score(pattern: &str, text: &str) -> Option<i32> {
    let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let mut score = 0;
    let mut from = 0;
    let mut last: Option<usize> = None;
    for wanted in pattern
        .chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
    {
        let begins = |at: usize| at == 0 || text.get(at - 1).is_some_and(|before| !before.is_alphanumeric());
        let here = |at: &usize| text.get(*at) == Some(&wanted);
        // The next letter in a row is best, else the next one that begins a word, else the next one.
        let next = last.map(|last| last + 1).filter(here);
        let at = next
            .or_else(|| (from..text.len()).filter(here).find(|at| begins(*at)))
            .or_else(|| (from..text.len()).find(here))?;
        score += if next.is_some() { 8 } else { 1 } + if begins(at) { 6 } else { 0 };
        last = Some(at);
        from = at + 1;
    }
    // Of two that match alike, the shorter one was meant.
    Some(score * 100 - text.len() as i32)
}

#[cfg(test)]
mod tests {
    use super::score;

    #[test]
    fn order_counts_and_gaps_are_allowed() {
        assert!(score("rlp", "reload plugin").is_some());
        assert!(score("plr", "reload plugin").is_none());
        assert!(score("", "anything").is_some());
        assert!(score("Re Pl", "reload plugin").is_some());
    }

    #[test]
    fn beginnings_of_words_and_runs_win() {
        assert!(score("st", "stop").unwrap() > score("st", "list").unwrap());
        assert!(score("start", "start the plugin").unwrap() > score("start", "set the art").unwrap());
        assert!(score("pp", "publish plugin").unwrap() > score("pp", "copper plate").unwrap());
        assert!(score("events", "events").unwrap() > score("events", "events lost").unwrap());
    }
}
