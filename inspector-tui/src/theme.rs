//! Colours and glyphs. Colour never says anything alone: states are a glyph and a word first.

use kernel_core::PluginState;
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::border;

/// Which colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Palette {
    /// For a dark background.
    #[default]
    Dark,
    /// For a light background.
    Light,
    /// The colours of Okabe and Ito, which people who are colour-blind tell apart.
    ColourBlind,
    /// None at all: bold, dim, underlined and reversed only (`NO_COLOR`).
    None,
}

/// What a thing's looks say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tone {
    /// Nothing.
    Plain,
    /// Beside the point.
    Dim,
    /// What the eye should find first.
    Accent,
    /// As it should be.
    Good,
    /// Look at it.
    Warn,
    /// It is broken.
    Bad,
    /// Events that are missing.
    Lost,
    /// Topics and keys.
    Name,
    /// Sources, owners and callers.
    Source,
    /// Numbers in JSON.
    Number,
    /// Texts in JSON.
    Text,
    /// True, false and null in JSON.
    Word,
}

/// The glyphs, and what stands in for them where there is only ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after what it marks")]
pub struct Glyphs {
    pub ascii: bool,
    pub started: &'static str,
    pub stopped: &'static str,
    pub loaded: &'static str,
    pub unloaded: &'static str,
    pub failed: &'static str,
    pub warn: &'static str,
    pub lost: &'static str,
    pub cursor: &'static str,
    pub mark: &'static str,
    pub open: &'static str,
    pub closed: &'static str,
    pub leaf: &'static str,
    pub last: &'static str,
    pub trunk: &'static str,
    pub follow: &'static str,
    pub pause: &'static str,
    pub record: &'static str,
    pub ellipsis: &'static str,
    pub dot: &'static str,
    /// Nothing, where there could be a bar.
    pub nothing: &'static str,
    pub dash: &'static str,
    pub arrow: &'static str,
    pub full: &'static str,
    pub rest: &'static str,
    pub high: &'static str,
    pub rule: &'static str,
    pub thumb: &'static str,
    pub bars: [&'static str; 9],
    pub micro: &'static str,
}

const UNICODE: Glyphs = Glyphs {
    ascii: false,
    started: "●",
    stopped: "■",
    loaded: "◐",
    unloaded: "○",
    failed: "✖",
    warn: "▲",
    lost: "≠",
    cursor: "▌",
    mark: "◆",
    open: "▾",
    closed: "▸",
    leaf: "├ ",
    last: "└ ",
    trunk: "│ ",
    follow: "▶",
    pause: "‖",
    record: "◉",
    ellipsis: "…",
    dot: "·",
    nothing: "·",
    dash: "–",
    arrow: "→",
    full: "█",
    rest: "░",
    high: "▏",
    rule: "─",
    thumb: "┃",
    bars: [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    micro: "µs",
};

const ASCII: Glyphs = Glyphs {
    ascii: true,
    started: "*",
    stopped: "#",
    loaded: "+",
    unloaded: "o",
    failed: "x",
    warn: "!",
    lost: "#",
    cursor: ">",
    mark: "@",
    open: "v",
    closed: ">",
    leaf: "|-",
    last: "`-",
    trunk: "| ",
    follow: ">",
    pause: "=",
    record: "o",
    ellipsis: "~",
    dot: "|",
    nothing: ".",
    dash: "-",
    arrow: "->",
    full: "#",
    rest: ".",
    high: "|",
    rule: "-",
    thumb: "#",
    bars: [" ", "_", ".", ",", "-", "=", "+", "*", "#"],
    micro: "us",
};

const BORDER_ASCII: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

/// Colours and glyphs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    /// The colours.
    pub palette: Palette,
    /// The glyphs.
    pub glyphs: Glyphs,
}

impl Default for Theme {
    fn default() -> Self {
        Theme::new(Palette::Dark, false)
    }
}

impl Theme {
    /// A theme; `ascii` where the terminal has no other glyphs.
    pub const fn new(palette: Palette, ascii: bool) -> Self {
        Theme {
            palette,
            glyphs: if ascii { ASCII } else { UNICODE },
        }
    }

    /// The lines around a pane.
    pub const fn border(&self) -> border::Set<'static> {
        if self.glyphs.ascii {
            BORDER_ASCII
        } else {
            border::ROUNDED
        }
    }

    /// The style of a tone.
    pub fn tone(&self, tone: Tone) -> Style {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let color = match (self.palette, tone) {
            (_, Tone::Plain) => return plain,
            (Palette::None, Tone::Dim) => return plain.add_modifier(Modifier::DIM),
            (Palette::None, Tone::Accent | Tone::Warn | Tone::Lost) => return bold,
            (Palette::None, Tone::Bad) => return bold.add_modifier(Modifier::UNDERLINED),
            (Palette::None, _) => return plain,
            (Palette::Dark, tone) => match tone {
                Tone::Dim | Tone::Plain => Color::Indexed(245),
                Tone::Accent => Color::Indexed(80),
                Tone::Good => Color::Indexed(114),
                Tone::Warn => Color::Indexed(221),
                Tone::Bad => Color::Indexed(203),
                Tone::Lost => Color::Indexed(212),
                Tone::Name => Color::Indexed(117),
                Tone::Source => Color::Indexed(151),
                Tone::Number => Color::Indexed(180),
                Tone::Text => Color::Indexed(150),
                Tone::Word => Color::Indexed(176),
            },
            (Palette::Light, tone) => match tone {
                Tone::Dim | Tone::Plain => Color::Indexed(242),
                Tone::Accent => Color::Indexed(30),
                Tone::Good => Color::Indexed(28),
                Tone::Warn => Color::Indexed(130),
                Tone::Bad => Color::Indexed(160),
                Tone::Lost => Color::Indexed(162),
                Tone::Name => Color::Indexed(25),
                Tone::Source => Color::Indexed(23),
                Tone::Number => Color::Indexed(94),
                Tone::Text => Color::Indexed(22),
                Tone::Word => Color::Indexed(90),
            },
            // Okabe and Ito 2008: blue, sky blue, bluish green, yellow, orange, vermillion, reddish purple.
            (Palette::ColourBlind, tone) => match tone {
                Tone::Dim | Tone::Plain => Color::Indexed(245),
                Tone::Accent | Tone::Name => Color::Rgb(0x56, 0xb4, 0xe9),
                Tone::Good | Tone::Source | Tone::Text => Color::Rgb(0x00, 0x9e, 0x73),
                Tone::Warn => Color::Rgb(0xf0, 0xe4, 0x42),
                Tone::Bad => Color::Rgb(0xd5, 0x5e, 0x00),
                Tone::Lost | Tone::Word => Color::Rgb(0xcc, 0x79, 0xa7),
                Tone::Number => Color::Rgb(0xe6, 0x9f, 0x00),
            },
        };
        let style = plain.fg(color);
        match tone {
            Tone::Bad | Tone::Lost | Tone::Accent => style.add_modifier(Modifier::BOLD),
            _ => style,
        }
    }

    /// Headings: column titles and labels.
    pub fn heading(&self) -> Style {
        self.tone(Tone::Dim)
    }

    /// The line around a pane, and around the one that has the keys.
    pub fn line(&self, focused: bool) -> Style {
        if focused {
            return self.tone(Tone::Accent).remove_modifier(Modifier::BOLD);
        }
        match self.palette {
            Palette::Dark | Palette::ColourBlind => Style::new().fg(Color::Indexed(239)),
            Palette::Light => Style::new().fg(Color::Indexed(250)),
            Palette::None => Style::new().add_modifier(Modifier::DIM),
        }
    }

    /// What is laid over the row that is selected.
    pub fn selected(&self) -> Style {
        match self.palette {
            Palette::Dark | Palette::ColourBlind => Style::new().bg(Color::Indexed(237)),
            Palette::Light => Style::new().bg(Color::Indexed(254)),
            Palette::None => Style::new().add_modifier(Modifier::REVERSED),
        }
    }

    /// What is laid over a row that just changed.
    pub fn flash(&self) -> Style {
        match self.palette {
            Palette::Dark => Style::new().fg(Color::Indexed(16)).bg(Color::Indexed(180)),
            Palette::Light => Style::new().fg(Color::Indexed(16)).bg(Color::Indexed(222)),
            Palette::ColourBlind => Style::new()
                .fg(Color::Indexed(16))
                .bg(Color::Rgb(0xe6, 0x9f, 0x00)),
            Palette::None => Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
        }
    }

    /// What the search found.
    pub fn found(&self) -> Style {
        match self.palette {
            Palette::Dark => Style::new().fg(Color::Indexed(16)).bg(Color::Indexed(221)),
            Palette::Light => Style::new().fg(Color::Indexed(16)).bg(Color::Indexed(228)),
            Palette::ColourBlind => Style::new()
                .fg(Color::Indexed(16))
                .bg(Color::Rgb(0xf0, 0xe4, 0x42)),
            Palette::None => Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD),
        }
    }

    /// A character that a text from the target must not send to the terminal.
    pub fn control(&self) -> Style {
        self.tone(Tone::Warn).add_modifier(Modifier::DIM)
    }

    /// The tab of the screen that is shown.
    pub fn tab(&self) -> Style {
        match self.palette {
            Palette::Dark => Style::new()
                .fg(Color::Indexed(16))
                .bg(Color::Indexed(80))
                .add_modifier(Modifier::BOLD),
            Palette::Light => Style::new()
                .fg(Color::Indexed(231))
                .bg(Color::Indexed(30))
                .add_modifier(Modifier::BOLD),
            Palette::ColourBlind => Style::new()
                .fg(Color::Indexed(16))
                .bg(Color::Rgb(0x56, 0xb4, 0xe9))
                .add_modifier(Modifier::BOLD),
            Palette::None => Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD),
        }
    }

    /// A key in the footer and in the help.
    pub fn key(&self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// The glyph and the tone of a plugin's state; its word is the kernel's.
    pub fn state(&self, state: PluginState) -> (&'static str, Tone) {
        match state {
            PluginState::Started => (self.glyphs.started, Tone::Good),
            PluginState::Stopped => (self.glyphs.stopped, Tone::Dim),
            PluginState::Loaded => (self.glyphs.loaded, Tone::Plain),
            PluginState::Unloaded => (self.glyphs.unloaded, Tone::Dim),
            PluginState::Failed => (self.glyphs.failed, Tone::Bad),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TONES: [Tone; 12] = [
        Tone::Plain,
        Tone::Dim,
        Tone::Accent,
        Tone::Good,
        Tone::Warn,
        Tone::Bad,
        Tone::Lost,
        Tone::Name,
        Tone::Source,
        Tone::Number,
        Tone::Text,
        Tone::Word,
    ];

    #[test]
    fn without_colour_there_is_none() {
        let theme = Theme::new(Palette::None, false);
        let mut styles: Vec<Style> = TONES.iter().map(|tone| theme.tone(*tone)).collect();
        styles.extend([
            theme.selected(),
            theme.flash(),
            theme.found(),
            theme.control(),
            theme.tab(),
            theme.key(),
        ]);
        styles.extend([theme.line(true), theme.line(false), theme.heading()]);
        for style in styles {
            assert_eq!((style.fg, style.bg), (None, None), "{style:?}");
        }
    }

    #[test]
    fn states_differ_without_colour() {
        for ascii in [false, true] {
            let theme = Theme::new(Palette::None, ascii);
            let all = [
                PluginState::Unloaded,
                PluginState::Loaded,
                PluginState::Started,
                PluginState::Stopped,
                PluginState::Failed,
            ];
            let mut glyphs: Vec<&str> = all.iter().map(|state| theme.state(*state).0).collect();
            glyphs.sort_unstable();
            glyphs.dedup();
            assert_eq!(glyphs.len(), all.len());
        }
    }

    #[test]
    fn ascii_is_ascii() {
        let shown = format!("{:?}{:?}", ASCII, Theme::new(Palette::Dark, true).border());
        assert!(shown.is_ascii(), "{shown}");
    }
}
