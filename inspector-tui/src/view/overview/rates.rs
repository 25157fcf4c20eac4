//! The rates of the last minute, as curves.

use ratatui::layout::Rect;
use ratatui::symbols::bar;
use ratatui::widgets::{Sparkline, Widget};

use crate::model::Model;
use crate::series::Measure;
use crate::theme::Tone;
use crate::ui::Ui;
use crate::view::canvas::Canvas;
use crate::view::format;

pub(super) fn draw(model: &Model, ui: &Ui, out: &mut Canvas<'_>, area: Rect) {
    let inner = out.pane(area, "Rates", "60 s", false);
    if inner.width < 24 || inner.height == 0 || area.height < 3 {
        return;
    }
    let all = [
        ("events", Measure::Received, Tone::Accent),
        ("published", Measure::Published, Tone::Name),
        ("calls", Measure::Calls, Tone::Good),
        ("lost", Measure::Lost, Tone::Lost),
    ];
    let each = (inner.height / all.len() as u16).max(1);
    let mut y = inner.y;
    for (name, measure, tone) in all {
        if y >= inner.bottom() {
            break;
        }
        let height = each.min(inner.bottom() - y);
        let middle = y + height - 1;
        out.tone(inner.x + 1, middle, 10, name, Tone::Dim);
        let history = model.series().history(measure);
        let rate = format::rate(model.series().rate(measure) as f64);
        let style = out.theme.tone(Tone::Plain);
        out.right(inner.right().saturating_sub(9), middle, 8, &rate, style);
        let room = inner.width.saturating_sub(21).min(history.len() as u16);
        let seen = history
            .get(history.len() - usize::from(room)..)
            .unwrap_or(&history);
        let place = Rect::new(inner.x + 11, y, room, height);
        let most = seen.iter().copied().max().unwrap_or(0);
        if most == 0 {
            let rule = ui.theme.glyphs.nothing.repeat(usize::from(room));
            let style = out.theme.line(false);
            out.text(place.x, middle, room, &rule, style);
        } else {
            Sparkline::default()
                .data(seen.iter().copied())
                .max(most)
                .bar_set(bars(ui))
                .style(out.theme.tone(tone))
                .render(place.intersection(out.buf.area), out.buf);
        }
        // Room between two rates, where there is some.
        y += height;
    }
}

fn bars(ui: &Ui) -> bar::Set<'static> {
    let [empty, one, two, three, four, five, six, seven, full] = ui.theme.glyphs.bars;
    bar::Set {
        full,
        seven_eighths: seven,
        three_quarters: six,
        five_eighths: five,
        half: four,
        three_eighths: three,
        one_quarter: two,
        one_eighth: one,
        empty,
    }
}
