//! Where a recording is that is played.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::format;
use crate::model::Model;
use crate::theme::Tone;

/// Draws the line.
pub fn draw(model: &Model, to: &mut Canvas<'_>, area: Rect) {
    let Some(playing) = model.playing().filter(|_| area.height > 0) else {
        return;
    };
    let glyphs = to.theme.glyphs;
    let (x, y, room) = (area.x + 1, area.y, area.width.saturating_sub(1));
    let (sign, tone) = if playing.paused {
        (glyphs.pause, Tone::Warn)
    } else {
        (glyphs.follow, Tone::Good)
    };
    let clock = |micros: u64| format::clock(micros, None);
    let pace = match playing.speed {
        speed if speed <= 0.0 => "all at once".to_owned(),
        speed => format!("x{speed}"),
    };
    let text = format!(
        "{} of {}  {pace}  {} events",
        clock(playing.at),
        clock(playing.length),
        format::count(playing.events)
    );
    let mut used = to.tone(x, y, room, sign, tone) + 1;
    used += to.text(
        x + used,
        y,
        room.saturating_sub(used),
        &text,
        to.theme.tone(Tone::Plain),
    ) + 2;
    let bar = room.saturating_sub(used + 1);
    let part = playing.at as f64 / playing.length.max(1) as f64;
    let full = (f64::from(bar) * part.clamp(0.0, 1.0)).round() as u16;
    let line = |times: u16, of: &str| of.repeat(usize::from(times));
    to.tone(x + used, y, full, &line(full, glyphs.full), Tone::Accent);
    let style = to.theme.line(false);
    to.text(
        x + used + full,
        y,
        bar - full,
        &line(bar - full, glyphs.rest),
        style,
    );
}
