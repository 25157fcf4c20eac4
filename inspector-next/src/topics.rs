//! The tree of topics with counts and rates, bounded in size.

use std::collections::BTreeMap;

/// The most nodes of the tree; what does not fit is counted at the node it would have been under.
pub const MAX_NODES: usize = 8192;

/// A node of the tree: stays the same until [`Topics::clear`].
pub type NodeId = u32;

#[derive(Debug)]
struct Node {
    name: Box<str>,
    children: BTreeMap<Box<str>, NodeId>,
    /// Events on this topic and those under it.
    count: u64,
    /// Those of them that are of topics that had no room.
    others: u64,
    rate: f32,
    /// The count when the rate was last taken.
    counted: u64,
}

/// A line of the tree as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The node; that above it for a line of others.
    pub node: NodeId,
    /// How deep it is: 0 for a first token.
    pub depth: usize,
    /// Its token; empty for a line of others.
    pub name: String,
    /// The whole topic up to here.
    pub path: String,
    /// Events on this topic and those under it.
    pub count: u64,
    /// Events a second, over the last few seconds.
    pub rate: f32,
    /// How many nodes are directly under it.
    pub children: usize,
    /// True for the events of topics for which there was no room.
    pub others: bool,
}

/// The tree.
#[derive(Debug)]
pub struct Topics {
    nodes: Vec<Node>,
}

impl Default for Topics {
    fn default() -> Self {
        Topics {
            nodes: vec![Node::new("")],
        }
    }
}

impl Node {
    fn new(name: &str) -> Node {
        Node {
            name: name.into(),
            children: BTreeMap::new(),
            count: 0,
            others: 0,
            rate: 0.0,
            counted: 0,
        }
    }
}

impl Topics {
    /// Counts `count` events on a topic.
    pub fn add(&mut self, topic: &str, count: u64) {
        let mut at = 0;
        self.count(at, count);
        for token in topic.split('.') {
            let room = self.nodes.len() < MAX_NODES;
            let next = self.nodes.len() as NodeId;
            let Some(node) = self.nodes.get_mut(at as usize) else {
                return;
            };
            at = match node.children.get(token) {
                Some(child) => *child,
                None if room => {
                    node.children.insert(token.into(), next);
                    self.nodes.push(Node::new(token));
                    next
                }
                None => {
                    node.others += count;
                    return;
                }
            };
            self.count(at, count);
        }
    }

    fn count(&mut self, at: NodeId, count: u64) {
        if let Some(node) = self.nodes.get_mut(at as usize) {
            node.count += count;
        }
    }

    /// Takes the rates: `seconds` have passed since this was last done.
    pub fn take_rates(&mut self, seconds: f32) {
        for node in &mut self.nodes {
            let now = (node.count - node.counted) as f32 / seconds.max(0.001);
            node.counted = node.count;
            // Settles within about three seconds, and to a clean zero.
            node.rate = if node.rate == 0.0 {
                now
            } else {
                (node.rate + now) / 2.0
            };
            if node.rate < 0.05 {
                node.rate = 0.0;
            }
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Topics::default();
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len() - 1
    }

    /// True when nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The events counted.
    pub fn total(&self) -> u64 {
        self.nodes.first().map_or(0, |root| root.count)
    }

    /// The lines from `skip` on, `take` at most, of the tree in which only the nodes that
    /// `is_open` says show what is under them.
    pub fn lines(&self, is_open: impl Fn(NodeId) -> bool, skip: usize, take: usize) -> Vec<Line> {
        let mut walk = Walk {
            topics: self,
            skip,
            take,
            lines: Vec::new(),
        };
        walk.under(0, 0, &mut String::new(), &is_open);
        walk.lines
    }

    /// How many lines there are in that tree.
    pub fn line_count(&self, is_open: impl Fn(NodeId) -> bool) -> usize {
        fn under(topics: &Topics, at: NodeId, is_open: &impl Fn(NodeId) -> bool) -> usize {
            let Some(node) = topics.nodes.get(at as usize) else {
                return 0;
            };
            let below = node.children.values();
            let below = below.map(|child| {
                1 + if is_open(*child) {
                    under(topics, *child, is_open)
                } else {
                    0
                }
            });
            below.sum::<usize>() + usize::from(node.others > 0)
        }
        under(self, 0, &is_open)
    }
}

struct Walk<'a> {
    topics: &'a Topics,
    skip: usize,
    take: usize,
    lines: Vec<Line>,
}

impl Walk<'_> {
    fn under(&mut self, at: NodeId, depth: usize, path: &mut String, is_open: &impl Fn(NodeId) -> bool) {
        let Some(node) = self.topics.nodes.get(at as usize) else {
            return;
        };
        for child in node.children.values() {
            if self.take == 0 {
                return;
            }
            let Some(below) = self.topics.nodes.get(*child as usize) else {
                continue;
            };
            let len = path.len();
            if depth > 0 {
                path.push('.');
            }
            path.push_str(&below.name);
            self.line(|| Line {
                node: *child,
                depth,
                name: below.name.to_string(),
                path: path.clone(),
                count: below.count,
                rate: below.rate,
                children: below.children.len(),
                others: false,
            });
            if is_open(*child) {
                self.under(*child, depth + 1, path, is_open);
            }
            path.truncate(len);
        }
        if node.others > 0 {
            self.line(|| Line {
                node: at,
                depth,
                name: String::new(),
                path: path.clone(),
                count: node.others,
                rate: 0.0,
                children: 0,
                others: true,
            });
        }
    }

    fn line(&mut self, line: impl FnOnce() -> Line) {
        if self.skip > 0 {
            self.skip -= 1;
        } else if self.take > 0 {
            self.take -= 1;
            self.lines.push(line());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn all(topics: &Topics) -> Vec<Line> {
        topics.lines(|_| true, 0, usize::MAX)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn each_node_counts_what_is_at_it_and_below(events in prop::collection::vec("[ab](\\.[abc]){0,3}", 0..60)) {
            let mut topics = Topics::default();
            let mut expected: BTreeMap<String, u64> = BTreeMap::new();
            for topic in &events {
                topics.add(topic, 1);
                let ends = topic.match_indices('.').map(|(at, _)| at).chain([topic.len()]);
                for end in ends {
                    *expected.entry(topic[..end].to_owned()).or_default() += 1;
                }
            }
            let lines = all(&topics);
            let found: BTreeMap<String, u64> = lines.iter().map(|line| (line.path.clone(), line.count)).collect();
            prop_assert_eq!(lines.len(), expected.len());
            prop_assert_eq!(found, expected);
            prop_assert_eq!(topics.total(), events.len() as u64);
            prop_assert_eq!(topics.line_count(|_| true), lines.len());
            // A window is a window on the same lines.
            for skip in 0..lines.len() {
                prop_assert_eq!(&topics.lines(|_| true, skip, 3)[..], &lines[skip..lines.len().min(skip + 3)]);
            }
            let closed = topics.lines(|_| false, 0, usize::MAX);
            prop_assert!(closed.iter().all(|line| line.depth == 0));
            prop_assert_eq!(topics.line_count(|_| false), closed.len());
        }
    }

    #[test]
    fn what_has_no_room_is_counted_with_others() {
        let mut topics = Topics::default();
        for number in 0..MAX_NODES as u64 * 2 {
            topics.add(&format!("device.{number}"), 1);
        }
        assert!(topics.len() < MAX_NODES);
        let lines = all(&topics);
        let others = lines.last().unwrap();
        assert!(
            others.others && others.depth == 1 && others.path == "device",
            "{others:?}"
        );
        let shown: u64 = lines
            .iter()
            .filter(|line| line.depth == 1)
            .map(|line| line.count)
            .sum();
        assert_eq!(shown, MAX_NODES as u64 * 2, "none is left out");
        assert_eq!(topics.line_count(|_| true), lines.len());
    }

    #[test]
    fn rates_settle_and_go_to_zero() {
        let mut topics = Topics::default();
        for _ in 0..10 {
            topics.add("a.b", 100);
            topics.take_rates(1.0);
        }
        assert!((all(&topics)[1].rate - 100.0).abs() < 1.0);
        for _ in 0..12 {
            topics.take_rates(1.0);
        }
        assert_eq!(all(&topics)[1].rate, 0.0);
    }
}
