//! Fuzzy match: the letters of the pattern in their order, with others between.

/// How well `text` matches, higher is better; `None` when it does not. Case is ignored, and so are the
/// pattern's spaces.
pub fn score(pattern: &str, text: &str) -> Option<i32> {
    let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    // The best score of the pattern so far when its last letter is the text's letter at this place.
    let mut ends: Vec<Option<i32>> = vec![None; text.len()];
    let mut first = true;
    for wanted in pattern
        .chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
    {
        let mut before = None;
        let mut best = None;
        let begins = |at: usize| at == 0 || text.get(at - 1).is_some_and(|before| !before.is_alphanumeric());
        let next = text.iter().enumerate().map(|(at, letter)| {
            let gain = if begins(at) { 7 } else { 1 };
            let run = before.map(|score: i32| score + 8);
            let from = if first { Some(0) } else { run.max(best) };
            best = best.max(before);
            before = ends.get(at).copied().flatten();
            from.filter(|_| *letter == wanted).map(|from| from + gain)
        });
        ends = next.collect();
        first = false;
    }
    let score = if first {
        Some(0)
    } else {
        ends.into_iter().flatten().max()
    };
    // Of two that match alike, the shorter one was meant.
    score.map(|score| score * 100 - text.len() as i32)
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
