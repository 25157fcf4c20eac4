//! Triggers by their filters: a tree of tokens, in which a topic finds its filters without a look at the others.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::TriggerId;

/// A tree of filters.
#[derive(Default)]
pub(crate) struct Index {
    root: Node,
    /// Nodes that were looked at.
    pub(crate) visited: u64,
}

#[derive(Default)]
struct Node {
    /// Filters that end here.
    here: Vec<TriggerId>,
    /// Filters that end with `>` here.
    rest: Vec<TriggerId>,
    /// Below `*`.
    any: Option<Box<Node>>,
    below: BTreeMap<String, Node>,
}

impl Index {
    pub(crate) fn insert(&mut self, filter: &str, id: TriggerId) {
        let mut node = &mut self.root;
        for token in filter.split('.') {
            node = match token {
                ">" => {
                    node.rest.push(id);
                    return;
                }
                "*" => node.any.get_or_insert_default(),
                _ => node.below.entry(token.to_owned()).or_default(),
            };
        }
        node.here.push(id);
    }

    pub(crate) fn remove(&mut self, filter: &str, id: TriggerId) {
        let tokens: Vec<&str> = filter.split('.').collect();
        self.root.remove(&tokens, id);
    }

    /// The triggers whose filters match, in the order of their rules' places.
    pub(crate) fn find(&mut self, topic: &str) -> Vec<TriggerId> {
        let mut found = Vec::new();
        self.visited += self.root.find(Some(topic), &mut found);
        found.sort_unstable();
        found
    }
}

impl Node {
    /// Adds what matches the rest of a topic; the number of nodes that were looked at.
    fn find(&self, rest: Option<&str>, found: &mut Vec<TriggerId>) -> u64 {
        let Some(rest) = rest else {
            found.extend(&self.here);
            return 1;
        };
        found.extend(&self.rest);
        let (token, rest) = match rest.split_once('.') {
            Some((token, rest)) => (token, Some(rest)),
            None => (rest, None),
        };
        let nodes = [self.below.get(token), self.any.as_deref()].into_iter().flatten();
        nodes.fold(1, |visited, node| visited + node.find(rest, found))
    }

    fn remove(&mut self, tokens: &[&str], id: TriggerId) {
        let Some((token, tokens)) = tokens.split_first() else {
            self.here.retain(|one| *one != id);
            return;
        };
        match *token {
            ">" => self.rest.retain(|one| *one != id),
            "*" => {
                let is_empty = self.any.as_mut().is_some_and(|node| {
                    node.remove(tokens, id);
                    node.is_empty()
                });
                if is_empty {
                    self.any = None;
                }
            }
            token => {
                let is_empty = self.below.get_mut(token).is_some_and(|node| {
                    node.remove(tokens, id);
                    node.is_empty()
                });
                if is_empty {
                    self.below.remove(token);
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.here.is_empty() && self.rest.is_empty() && self.any.is_none() && self.below.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use kernel_core::subject::matches;

    use super::*;

    fn id(place: usize) -> TriggerId {
        TriggerId {
            place,
            life: 0,
            number: 0,
        }
    }

    const TOKENS: [&str; 4] = ["a", "b", "*", ">"];

    /// All filters of up to three of these tokens.
    fn filters() -> Vec<String> {
        let mut all: Vec<String> = TOKENS.iter().map(|token| (*token).to_owned()).collect();
        for _ in 0..2 {
            let longer: Vec<String> = all
                .iter()
                .filter(|filter| !filter.ends_with('>'))
                .flat_map(|filter| TOKENS.iter().map(move |token| format!("{filter}.{token}")))
                .collect();
            all.extend(longer);
            all.sort();
            all.dedup();
        }
        all
    }

    #[test]
    fn it_finds_what_the_kernel_says_matches() {
        let filters = filters();
        let mut index = Index::default();
        for (place, filter) in filters.iter().enumerate() {
            index.insert(filter, id(place));
        }
        for topic in [
            "a",
            "b",
            "c",
            "a.b",
            "b.c",
            "a.b.a",
            "c.c.c",
            "a.b.a.b",
            "a.a.a.a.a",
        ] {
            let found: Vec<usize> = index.find(topic).iter().map(|id| id.place).collect();
            let expected: Vec<usize> = (0..filters.len())
                .filter(|place| matches(&filters[*place], topic))
                .collect();
            assert_eq!(found, expected, "{topic}");
        }
        for (place, filter) in filters.iter().enumerate() {
            index.remove(filter, id(place));
            assert!(!index.find("a.b.a").contains(&id(place)), "{filter}");
        }
        assert!(index.root.is_empty());
    }

    #[test]
    fn a_topic_costs_the_same_however_many_filters_there_are() {
        let visited = |rules: usize| {
            let mut index = Index::default();
            for place in 0..rules {
                index.insert(&format!("device.lamp-{place}.state"), id(place));
                index.insert(&format!("sensor.*.kind-{place}"), id(place));
            }
            index.visited = 0;
            assert_eq!(index.find("device.lamp-7.state").len(), 1);
            assert_eq!(index.find("sensor.hall.kind-9").len(), 1);
            index.visited
        };
        assert_eq!(visited(20), visited(20_000));
    }
}
