//! The Overview: how the runtime is, in one look.

mod capacities;
mod lists;
mod rates;
mod runtime;

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::layout;
use crate::model::Model;
use crate::ui::Ui;

/// The rows of the plugins: what the cursor is in.
pub fn rows(ui: &Ui) -> Rect {
    let [_, _, plugins, ..] = areas(ui);
    layout::rows(plugins)
}

/// Draws the screen.
pub fn draw(model: &Model, ui: &Ui, out: &mut Canvas<'_>, _area: Rect) {
    let [runtime, rates, plugins, capacities, newest, latency] = areas(ui);
    runtime::draw(model, ui, out, runtime);
    rates::draw(model, ui, out, rates);
    lists::draw_plugins(model, ui, out, plugins);
    capacities::draw(model, out, capacities);
    lists::draw_warnings(model, ui, out, newest);
    lists::draw_latency(model, out, latency);
}

/// The panes: runtime, rates, plugins, capacities, warnings, latency.
fn areas(ui: &Ui) -> [Rect; 6] {
    let body = layout::parts(ui).body;
    let (w, h) = (body.width, body.height);
    let none = Rect::new(body.x, body.y, 0, 0);
    let rect = |x: u16, y: u16, width: u16, height: u16| Rect::new(body.x + x, body.y + y, width, height);
    if w < 64 || h < 14 {
        // One column: what matters first, as far as it goes.
        let first = h.min(6);
        let plugins = (h - first).min(h);
        return [
            rect(0, 0, w, first),
            none,
            rect(0, first, w, plugins),
            none,
            none,
            none,
        ];
    }
    let half = w / 2;
    // A warning is a sentence, and latencies are numbers.
    let newest = w * 11 / 20;
    let extra = h.saturating_sub(21);
    let third = (5 + extra * 2 / 5).min(h.saturating_sub(6 + 3));
    let first = (6 + extra / 5).min(h - third - 3);
    let second = h - first - third;
    [
        rect(0, 0, half, first),
        rect(half, 0, w - half, first),
        rect(0, first, half, second),
        rect(half, first, w - half, second),
        rect(0, first + second, newest, third),
        rect(newest, first + second, w - newest, third),
    ]
}
