//! Flows that lead to one another: the strongly connected parts (Tarjan 1972), without recursion.

use super::Flow;

/// Marks the flows that are in a loop.
pub(super) fn find(flows: &mut [Flow]) {
    const NEW: usize = usize::MAX;
    let count = flows.len();
    let edges: Vec<Vec<usize>> = flows
        .iter()
        .map(|flow| flow.led_to.keys().copied().collect())
        .collect();
    let (mut number, mut low) = (vec![NEW; count], vec![0; count]);
    let mut next = 0;
    let mut on_path = vec![false; count];
    let mut path: Vec<usize> = Vec::new();
    for flow in flows.iter_mut() {
        flow.in_loop = None;
    }
    for start in 0..count {
        // A flow, and how many of those after it were looked at.
        let mut todo = vec![(start, 0)];
        while let Some((at, nth)) = todo.pop() {
            if nth == 0 {
                if number[at] != NEW {
                    continue;
                }
                (number[at], low[at]) = (next, next);
                next += 1;
                path.push(at);
                on_path[at] = true;
            } else if let Some(after) = edges[at].get(nth - 1) {
                // Back from it.
                if on_path[*after] {
                    low[at] = low[at].min(low[*after]);
                }
            }
            if let Some(after) = edges[at].get(nth).copied() {
                todo.push((at, nth + 1));
                if number[after] == NEW {
                    todo.push((after, 0));
                }
                continue;
            }
            if low[at] == number[at] {
                let begin = path.iter().rposition(|on| *on == at).unwrap_or(0);
                let part = path.split_off(begin);
                let is_loop = part.len() > 1 || flows[at].led_to.contains_key(&at);
                for on in part {
                    on_path[on] = false;
                    flows[on].in_loop = is_loop.then_some(at);
                }
            }
        }
    }
}
