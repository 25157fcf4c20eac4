//! How the runtime is, in a few words.

use ratatui::layout::Rect;

use crate::model::Model;
use crate::theme::Tone;
use crate::ui::Ui;
use crate::view::canvas::Canvas;
use crate::view::{self, format};

pub(super) fn draw(model: &Model, ui: &Ui, out: &mut Canvas<'_>, area: Rect) {
    let stale = view::stale(model, ui);
    let note = if stale.is_empty() { model.name() } else { &stale };
    let inner = out.pane(area, "Runtime", note, false);
    let glyphs = ui.theme.glyphs;
    let Some(snapshot) = model.snapshot() else {
        view::nothing(model, ui, out, inner, "");
        return;
    };
    let (health, metrics) = (&snapshot.health, &snapshot.metrics);
    let status = if health.is_ok() {
        (glyphs.started, "running", Tone::Good)
    } else if !health.running {
        (glyphs.stopped, "not running", Tone::Bad)
    } else if health.failed.is_empty() {
        (glyphs.warn, "no storage", Tone::Warn)
    } else {
        (glyphs.warn, "running, with failures", Tone::Warn)
    };
    let failed = health.failed.len();
    let failed_tone = if failed > 0 { Tone::Bad } else { Tone::Dim };
    let refused = if metrics.refused > 0 {
        Tone::Warn
    } else {
        Tone::Dim
    };
    let late = if metrics.timed_out > 0 {
        Tone::Warn
    } else {
        Tone::Dim
    };
    let errors = if metrics.storage_errors > 0 {
        Tone::Bad
    } else {
        Tone::Dim
    };
    let n = |n: usize| format::short(n as u64);
    let storage = if health.storage {
        "storage open"
    } else {
        "no storage"
    };
    let storage_tone = if health.storage { Tone::Plain } else { Tone::Bad };
    let lines: [Vec<(String, Tone)>; 5] = [
        vec![
            (format!("{} {}", status.0, status.1), status.2),
            (
                format!("  up {}", format::span(metrics.now / 1_000_000)),
                Tone::Plain,
            ),
            (
                if model.restarts() > 0 {
                    format!("  {} restarts seen", model.restarts())
                } else {
                    String::new()
                },
                Tone::Warn,
            ),
        ],
        vec![
            ("plugins   ".into(), Tone::Dim),
            (
                format!("{} of {} started", health.started, health.plugins),
                Tone::Plain,
            ),
            (format!("  {failed} failed"), failed_tone),
        ],
        vec![
            ("events    ".into(), Tone::Dim),
            (format!("{} published", n(metrics.published())), Tone::Plain),
            (format!("  {} refused", n(metrics.refused)), refused),
        ],
        vec![
            ("calls     ".into(), Tone::Dim),
            (format!("{} in flight", snapshot.calls.len()), Tone::Plain),
            (format!("  {} timed out", n(metrics.timed_out)), late),
        ],
        vec![
            ("storage   ".into(), Tone::Dim),
            (storage.into(), storage_tone),
            (format!("  {} errors", n(metrics.storage_errors)), errors),
        ],
    ];
    for (y, line) in (inner.top()..inner.bottom()).zip(lines) {
        let mut x = inner.x + 1;
        for (text, tone) in line {
            x += out.tone(x, y, inner.right().saturating_sub(x), &text, tone);
        }
    }
}
