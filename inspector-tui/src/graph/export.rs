//! The graph for programs that draw: DOT, Mermaid, and JSON.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::json;

use super::tree::Whole;

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For Graphviz.
    Dot,
    /// For Markdown.
    Mermaid,
}

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    None,
    Loop,
    Nobody,
    Call,
}

/// An arrow: from, to, what it is labelled with, and its mark.
type Arrow = (String, String, String, Mark);

/// A node's name by kind: a plugin and a topic may have the same.
fn arrows(whole: &Whole<'_>) -> Vec<Arrow> {
    let mut arrows = Vec::new();
    for flow in whole.graph.flows() {
        let receivers = whole.receivers(flow);
        let mark = match (flow.in_loop, receivers.is_empty()) {
            (Some(_), _) => Mark::Loop,
            (None, true) => Mark::Nobody,
            (None, false) => Mark::None,
        };
        let label = format!("{} ({:.1}/s)", flow.count, whole.graph.rate(flow));
        let topic = format!("t {}", flow.topic);
        arrows.push((format!("p {}", flow.source), topic.clone(), label, mark));
        for receiver in receivers {
            arrows.push((topic.clone(), format!("p {receiver}"), String::new(), mark));
        }
    }
    for ((caller, service, callee), seen) in whole.calls() {
        let service = format!("s {service}");
        arrows.push((
            format!("p {caller}"),
            service.clone(),
            format!("{seen} seen"),
            Mark::Call,
        ));
        arrows.push((service, format!("p {callee}"), String::new(), Mark::Call));
    }
    // A topic that two send on has each receiver once.
    let mut seen = BTreeSet::new();
    arrows.retain(|(from, to, label, _)| !label.is_empty() || seen.insert((from.clone(), to.clone())));
    arrows
}

/// The graph as text in one of the formats.
pub fn text(whole: &Whole<'_>, format: Format) -> String {
    let arrows = arrows(whole);
    let nodes: BTreeSet<&str> = arrows
        .iter()
        .flat_map(|(from, to, ..)| [&**from, &**to])
        .collect();
    let nodes: Vec<&str> = nodes.into_iter().collect();
    let place = |node: &str| nodes.binary_search(&node).unwrap_or(0);
    let mut out = String::from(match format {
        Format::Dot => "digraph runtime {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n",
        Format::Mermaid => "flowchart LR\n",
    });
    // Writing to a text does not fail.
    for (at, node) in nodes.iter().enumerate() {
        let (kind, name) = node.split_once(' ').unwrap_or(("", node));
        let name = if name.is_empty() { "unknown" } else { name };
        let _ = match format {
            Format::Dot => {
                let shape = match kind {
                    "p" => "box",
                    "t" => "ellipse",
                    _ => "component",
                };
                writeln!(out, "  n{at} [shape={shape}, label={}];", quoted_dot(name))
            }
            Format::Mermaid => {
                let (open, close) = match kind {
                    "p" => ("[", "]"),
                    "t" => ("([", "])"),
                    _ => ("[[", "]]"),
                };
                writeln!(out, "  n{at}{open}\"{}\"{close}", quoted_mermaid(name))
            }
        };
    }
    for (nth, (from, to, label, mark)) in arrows.iter().enumerate() {
        let (from, to) = (place(from), place(to));
        let _ = match format {
            Format::Dot => {
                let style = match mark {
                    Mark::None => "",
                    Mark::Loop => ", color=red, penwidth=2",
                    Mark::Nobody => ", color=orange, style=dashed",
                    Mark::Call => ", style=dotted",
                };
                writeln!(out, "  n{from} -> n{to} [label={}{style}];", quoted_dot(label))
            }
            Format::Mermaid => {
                let line = if *mark == Mark::Call { "-.->" } else { "-->" };
                let label = if label.is_empty() {
                    String::new()
                } else {
                    format!("|\"{label}\"|")
                };
                let colour = match mark {
                    Mark::Loop => format!("  linkStyle {nth} stroke:red,stroke-width:3px\n"),
                    Mark::Nobody => format!("  linkStyle {nth} stroke:orange\n"),
                    _ => String::new(),
                };
                writeln!(out, "  n{from} {line}{label} n{to}").and_then(|()| out.write_str(&colour))
            }
        };
    }
    if format == Format::Dot {
        out.push_str("}\n");
    }
    out
}

fn quoted_dot(text: &str) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    format!("\"{}\"", clean.replace('\\', "\\\\").replace('"', "\\\""))
}

fn quoted_mermaid(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | ' ' | '/' | ':') {
            out.push(c);
        } else {
            let _ = write!(out, "#{};", u32::from(c));
        }
    }
    out
}

/// The graph for programs.
pub fn json(whole: &Whole<'_>) -> serde_json::Value {
    let graph = whole.graph;
    let flows = graph.flows().iter().map(|flow| {
        let led_to = flow.led_to.iter().map(|(to, count)| {
            let to = &graph.flows()[*to];
            json!({ "source": &*to.source, "topic": &*to.topic, "count": count })
        });
        json!({
            "source": &*flow.source,
            "topic": &*flow.topic,
            "count": flow.count,
            "rate": graph.rate(flow),
            "receivers": whole.receivers(flow),
            "led_to": led_to.collect::<Vec<_>>(),
            "loop": flow.in_loop.is_some(),
        })
    });
    let calls = whole.calls().into_iter().map(|((caller, service, callee), seen)| {
        json!({ "caller": caller, "service": service, "callee": callee, "seen": seen })
    });
    json!({
        "seconds": graph.seconds(),
        "flows": flows.collect::<Vec<_>>(),
        "calls": calls.collect::<Vec<_>>(),
        "others": graph.others(),
    })
}
