//! The subscriptions: one for each filter that some trigger wants, as long as they are not too many; then fewer that
//! cover them.

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use kernel_core::{Capacity, Context, Fault, Name};

/// Tokens that are kept of a filter when there are too many: all, then three, two, one, none.
const LEVELS: [usize; 5] = [usize::MAX, 3, 2, 1, 0];

/// The filters that are wanted, and those that are subscribed to.
pub(crate) struct Subscriptions {
    wanted: BTreeMap<String, usize>,
    /// By how many of the wanted ones each is needed.
    made: BTreeMap<String, usize>,
    level: usize,
    most: usize,
}

impl Subscriptions {
    /// At most this many are made.
    pub(crate) fn new(most: usize) -> Subscriptions {
        Subscriptions {
            wanted: BTreeMap::new(),
            made: BTreeMap::new(),
            level: 0,
            most,
        }
    }

    /// How many are made.
    pub(crate) fn len(&self) -> usize {
        self.made.len()
    }

    /// Whether they cover more than what is wanted.
    pub(crate) fn is_covering(&self) -> bool {
        self.level > 0
    }

    /// How many triggers want this filter.
    pub(crate) fn wanted(&self, filter: &str) -> usize {
        self.wanted.get(filter).copied().unwrap_or(0)
    }

    /// Wants these filters as well; all of them, or an error and none.
    pub(crate) async fn add(&mut self, cx: &Context, filters: &[String]) -> Result<(), Fault> {
        for (done, filter) in filters.iter().enumerate() {
            if let Err(fault) = self.add_one(cx, filter).await {
                self.remove(cx, &filters[..done]).await;
                return Err(fault);
            }
        }
        Ok(())
    }

    async fn add_one(&mut self, cx: &Context, filter: &str) -> Result<(), Fault> {
        loop {
            let cover = cover(filter, LEVELS[self.level]);
            if self.wanted.contains_key(filter) || self.made.contains_key(&cover) {
                if count(&mut self.wanted, filter) == 1 {
                    count(&mut self.made, &cover);
                }
                return Ok(());
            }
            let made = match self.made.len() < self.most {
                true => cx.subscribe(Name::Copied(&cover)).await,
                false => Err(Fault::Full {
                    capacity: Capacity::Filters,
                    size: self.most as u32,
                }),
            };
            match made {
                Ok(_) => {
                    count(&mut self.wanted, filter);
                    count(&mut self.made, &cover);
                    return Ok(());
                }
                // No more can be made, or none as long as this: those that there are cover more from now on.
                Err(Fault::Full { .. } | Fault::Share { .. } | Fault::TooLarge { .. })
                    if self.level + 1 < LEVELS.len() =>
                {
                    self.cover_more(cx).await?;
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Goes to the next level: what is not needed there makes room for what is.
    async fn cover_more(&mut self, cx: &Context) -> Result<(), Fault> {
        let tokens = LEVELS[self.level + 1];
        let mut next: BTreeMap<String, usize> = BTreeMap::new();
        for filter in self.wanted.keys() {
            count(&mut next, &cover(filter, tokens));
        }
        let old: BTreeSet<String> = self.made.keys().cloned().collect();
        let mut gone: Vec<&String> = old.iter().filter(|filter| !next.contains_key(*filter)).collect();
        for filter in next.keys().filter(|filter| !old.contains(*filter)) {
            // New ones first, as long as there is room: so no event is missed.
            while let Err(fault) = cx.subscribe(Name::Copied(filter)).await {
                match (fault, gone.pop()) {
                    (Fault::Full { .. } | Fault::Share { .. }, Some(room)) => {
                        cx.unsubscribe(room).await?;
                    }
                    _ => return Err(fault),
                }
            }
        }
        for filter in gone {
            cx.unsubscribe(filter).await?;
        }
        self.level += 1;
        self.made = next;
        Ok(())
    }

    /// Does not want these any more.
    pub(crate) async fn remove(&mut self, cx: &Context, filters: &[String]) {
        for filter in filters {
            if !discount(&mut self.wanted, filter) {
                continue;
            }
            let cover = cover(filter, LEVELS[self.level]);
            if discount(&mut self.made, &cover) {
                // It was subscribed to, so that there is nothing to be refused.
                let _ = cx.unsubscribe(&cover).await;
            }
        }
    }
}

/// The filter itself, or one of its first tokens that covers it.
fn cover(filter: &str, tokens: usize) -> String {
    let all = filter.split('.').count();
    match filter.split('.').take(tokens).collect::<Vec<_>>().join(".") {
        none if none.is_empty() => ">".to_owned(),
        some if all <= tokens || some.ends_with('>') => some,
        some => format!("{some}.>"),
    }
}

/// One more; how many that makes.
fn count(counts: &mut BTreeMap<String, usize>, key: &str) -> usize {
    match counts.get_mut(key) {
        Some(count) => {
            *count += 1;
            *count
        }
        None => {
            counts.insert(key.to_owned(), 1);
            1
        }
    }
}

/// One less; true when that was the last.
fn discount(counts: &mut BTreeMap<String, usize>, key: &str) -> bool {
    let Some(count) = counts.get_mut(key) else {
        return false;
    };
    *count -= 1;
    if *count > 0 {
        return false;
    }
    counts.remove(key);
    true
}

#[cfg(test)]
mod tests {
    use kernel_core::subject::{check_filter, matches};

    use super::*;

    #[test]
    fn a_cover_covers() {
        for (filter, topic) in [
            ("a", "a"),
            ("a.b.c.d.e", "a.b.c.d.e"),
            ("*.b.*.d", "x.b.y.d"),
            ("a.>", "a.b.c.d"),
            ("a.b.c.>", "a.b.c.d"),
            (">", "a"),
        ] {
            for tokens in LEVELS {
                let cover = cover(filter, tokens);
                assert!(matches(&cover, topic), "{cover} {topic}");
                assert_eq!(check_filter(&cover), Ok(()));
            }
        }
        assert_eq!(cover("a.b.c.d", 3), "a.b.c.>");
        assert_eq!(cover("a.b.c", 3), "a.b.c");
        assert_eq!(cover("a", 1), "a");
    }
}
