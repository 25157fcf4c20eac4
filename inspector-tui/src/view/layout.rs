//! Where things are: shared by the views, which draw there, and the update function, which must know
//! how many rows are seen and what was clicked.

use ratatui::layout::Rect;

use crate::ui::{LineFor, Mode, Screen, Ui};

/// From this width on the detail is beside the list.
const WIDE: u16 = 110;

/// The parts of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Target, connection, rate and losses.
    pub header: Rect,
    /// The screens.
    pub tabs: Rect,
    /// The screen.
    pub body: Rect,
    /// The filter, the search, or a file's name.
    pub line: Rect,
    /// Where a recording is.
    pub position: Rect,
    /// The keys.
    pub footer: Rect,
}

/// Divides the terminal.
pub fn parts(ui: &Ui) -> Parts {
    let (width, height) = ui.size;
    let row = |y: u16, rows: u16| Rect::new(0, y, width, rows);
    let footer = u16::from(height >= 3);
    let header = u16::from(height >= 5);
    let tabs = u16::from(height >= 7);
    let line = u16::from(height >= 2 && line_shown(ui));
    let position = u16::from(height >= 9 && ui.options.replay);
    let body = height.saturating_sub(header + tabs + line + position + footer);
    Parts {
        header: row(0, header),
        tabs: row(header, tabs),
        body: row(header + tabs, body),
        line: row(header + tabs + body, line),
        position: row(header + tabs + body + line, position),
        footer: row(header + tabs + body + line + position, footer),
    }
}

/// True when the line above the footer is needed.
pub fn line_shown(ui: &Ui) -> bool {
    matches!(ui.mode, Mode::Line(_))
        || ui.sheet.is_none() && (!ui.list().filter.is_empty() || !ui.search.is_empty())
}

/// How many lines of the topic tree are seen.
pub fn tree_height(ui: &Ui) -> usize {
    panes(ui).tree.map_or(0, |tree| usize::from(inside(tree).height))
}

/// What is typed in the line, and what for.
pub fn line_text(ui: &Ui) -> Option<(LineFor, &str)> {
    match &ui.mode {
        Mode::Line(line) => Some((line.what, line.input.value())),
        _ if !ui.list().filter.is_empty() => Some((LineFor::Filter, &ui.list().filter)),
        _ if !ui.search.is_empty() => Some((LineFor::Search, &ui.search)),
        _ => None,
    }
}

/// The panes of a screen with a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panes {
    /// The topic tree.
    pub tree: Option<Rect>,
    /// The list, with its frame.
    pub list: Rect,
    /// The detail.
    pub detail: Option<Rect>,
}

/// Divides the body.
pub fn panes(ui: &Ui) -> Panes {
    let mut list = parts(ui).body;
    let mut tree = None;
    if ui.screen == Screen::Events && ui.tree.is_some() && list.width >= 40 {
        let width = (list.width / 5).clamp(24, 36);
        tree = Some(Rect { width, ..list });
        list.x += width;
        list.width -= width;
    }
    let body = list;
    let mut detail = None;
    // The value is the point of the storage: beside its keys wherever there is room.
    let beside = body.width >= if ui.screen == Screen::Storage { 56 } else { WIDE };
    // A warning says in its detail what to do.
    let told = ui.screen == Screen::Warnings && body.height >= 16;
    let shown = ui.list().detail.unwrap_or(beside || told);
    if shown && ui.screen != Screen::Overview {
        if beside {
            let share = if ui.screen == Screen::Storage { 55 } else { 40 };
            let width = (u32::from(body.width) * share / 100) as u16;
            list.width -= width;
            detail = Some(Rect {
                x: list.right(),
                width,
                ..body
            });
        } else if body.height >= 8 {
            let height = (body.height * 11 / 20).max(4);
            list.height -= height;
            detail = Some(Rect {
                y: list.bottom(),
                height,
                ..body
            });
        } else {
            detail = Some(body);
            list.height = 0;
        }
    }
    Panes { tree, list, detail }
}

/// What is inside a pane's frame, as [`Canvas::pane`](super::canvas::Canvas::pane) draws it.
pub fn inside(area: Rect) -> Rect {
    if area.width < 4 || area.height < 3 {
        return area;
    }
    Rect::new(area.x + 1, area.y + 1, area.width - 2, area.height - 2)
}

/// The rows of the list, below its column titles.
pub fn rows(pane: Rect) -> Rect {
    let inside = inside(pane);
    if inside.height < 3 {
        return inside;
    }
    Rect {
        y: inside.y + 1,
        height: inside.height - 1,
        ..inside
    }
}

/// How many rows of the screen's list are seen.
pub fn height(ui: &Ui) -> usize {
    let area = if ui.screen == Screen::Overview {
        super::overview::rows(ui)
    } else {
        rows(panes(ui).list)
    };
    usize::from(area.height)
}

/// How many rows of a list that lies over the screen are seen.
pub fn sheet_height(ui: &Ui) -> usize {
    usize::from(rows(parts(ui).body).height)
}

/// A rectangle of this size in the middle of another one, or as much of it as there is.
pub fn middle(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect::new(
        area.x + (area.width - width) / 2,
        area.y + (area.height - height) / 2,
        width,
        height,
    )
}

/// The tabs' columns: where each begins and how wide it is.
pub fn tabs(ui: &Ui, notes: [usize; 7]) -> [(u16, u16); 7] {
    let mut x = 0;
    let wide = |short: bool| -> u16 {
        Screen::ALL
            .iter()
            .zip(notes)
            .map(|(screen, note)| tab_width(*screen, note, short))
            .sum()
    };
    let short = wide(false) > ui.size.0;
    let mut at = [(0, 0); 7];
    for ((slot, screen), note) in at.iter_mut().zip(Screen::ALL).zip(notes) {
        let width = tab_width(screen, note, short);
        *slot = (x, width);
        x += width;
    }
    at
}

/// ` 1 Overview `, or ` 1 ` where there is no room, and a number after it.
fn tab_width(screen: Screen, note: usize, short: bool) -> u16 {
    let title = if short { 0 } else { screen.title().len() as u16 + 1 };
    let note = if note > 0 {
        note.to_string().len() as u16 + 1
    } else {
        0
    };
    3 + title + note
}
