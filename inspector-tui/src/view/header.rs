//! The header: target, connection, rate and losses; and the screens.

use ratatui::layout::Rect;

use super::canvas::{Canvas, columns};
use super::format;
use super::layout;
use crate::facts::{Connection, LostAt};
use crate::model::Model;
use crate::series::Measure;
use crate::theme::Tone;
use crate::ui::{Screen, Ui};

/// How the connection is: glyph, words, tone.
fn connection(model: &Model, ui: &Ui) -> (&'static str, String, Tone) {
    let glyphs = &ui.theme.glyphs;
    match model.connection() {
        Connection::Connecting => (glyphs.loaded, "connecting".into(), Tone::Warn),
        Connection::Open { .. } if ui.options.replay => (glyphs.follow, "replaying".into(), Tone::Good),
        Connection::Open { .. } => (glyphs.started, "connected".into(), Tone::Good),
        Connection::Down { reason, retry_at } => {
            let left = retry_at.saturating_duration_since(ui.now).as_secs_f64();
            (
                glyphs.failed,
                format!("down, next try in {left:.1}s: {reason}"),
                Tone::Bad,
            )
        }
        Connection::Ended => (glyphs.stopped, "recording ended".into(), Tone::Dim),
    }
}

/// Draws the header.
pub fn draw(model: &Model, ui: &Ui, out: &mut Canvas<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let (x, y) = (area.x + 1, area.y);
    let glyphs = ui.theme.glyphs;
    let plain = out.theme.tone(Tone::Plain);
    // What is to the right is what one comes to look for; it is written first and whole.
    let bus = model.totals().lost(LostAt::Bus);
    let link = model.totals().lost(LostAt::Link);
    let lost = |count: u64| if count > 0 { Tone::Lost } else { Tone::Dim };
    let mut right: Vec<(String, Tone)> = Vec::new();
    if let Ok(Some(_)) = model.recording() {
        right.push((format!("{} recording", glyphs.record), Tone::Bad));
        right.push(("  ".into(), Tone::Plain));
    }
    right.push((
        format::rate(model.series().rate(Measure::Received) as f64),
        Tone::Plain,
    ));
    right.push(("  lost ".into(), Tone::Dim));
    right.push((format!("{} bus", format::short(bus)), lost(bus)));
    right.push((format!(" {} ", glyphs.dot), Tone::Dim));
    right.push((format!("{} link", format::short(link)), lost(link)));
    let wide: usize = right.iter().map(|(text, _)| columns(text)).sum();
    let mut left = area.right();
    if wide + 20 < usize::from(area.width) {
        left = area.right() - 1 - wide as u16;
        let mut at = left;
        for (text, tone) in &right {
            at += out.tone(at, y, area.right() - at, text, *tone);
        }
        left -= 2;
    }
    let room = left.saturating_sub(x);
    let (glyph, words, tone) = connection(model, ui);
    let mut used = out.tone(x, y, room, glyph, tone) + 1;
    // The target is never pushed away by a long reason.
    let target_room = (columns(&ui.options.target) as u16).min(room / 2);
    used += out.text(
        x + used,
        y,
        target_room.min(room.saturating_sub(used)),
        &ui.options.target,
        out.theme.key(),
    ) + 2;
    used += out.tone(x + used, y, room.saturating_sub(used), &words, tone) + 2;
    if !model.name().is_empty()
        && usize::from(used) + columns(model.name()) <= usize::from(room)
        && model.is_open()
    {
        out.text(
            x + used,
            y,
            room - used,
            model.name(),
            plain.patch(out.theme.tone(Tone::Dim)),
        );
    }
}

/// Draws the screens' tabs.
pub fn tabs(model: &Model, ui: &Ui, out: &mut Canvas<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let notes = super::notes(model);
    let places = layout::tabs(ui, notes);
    let short = places
        .iter()
        .zip(Screen::ALL)
        .any(|((_, width), screen)| *width < screen.title().len() as u16 + 4);
    for (((nth, screen), (x, width)), note) in Screen::ALL.into_iter().enumerate().zip(places).zip(notes) {
        if x >= area.right() {
            break;
        }
        let width = width.min(area.right() - x);
        let here = screen == ui.screen;
        let title = if short {
            String::new()
        } else {
            format!(" {}", screen.title())
        };
        let number = format!(" {}", nth + 1);
        let (dim, name) = if here {
            (out.theme.tab(), out.theme.tab())
        } else {
            (out.theme.tone(Tone::Dim), out.theme.tone(Tone::Plain))
        };
        if here {
            let style = out.theme.tab();
            out.lay(
                Rect {
                    x,
                    y: area.y,
                    width,
                    height: 1,
                },
                style,
            );
        }
        let mut used = out.text(x, area.y, width, &number, dim);
        used += out.text(x + used, area.y, width.saturating_sub(used), &title, name);
        if note > 0 {
            let style = if here { name } else { out.theme.tone(Tone::Warn) };
            out.text(
                x + used,
                area.y,
                width.saturating_sub(used),
                &format!(" {note}"),
                style,
            );
        }
    }
}
