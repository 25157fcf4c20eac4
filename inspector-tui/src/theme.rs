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

macro_rules! glyphs {
    ($($name:ident: $unicode:literal or $ascii:literal,)*) => {
        /// The glyphs, and what stands in for them where there is only ASCII.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each is named after what it marks")]
        pub struct Glyphs {
            pub ascii: bool,
            pub bars: [&'static str; 9],
            $(pub $name: &'static str,)*
        }

        const UNICODE: Glyphs = Glyphs {
            ascii: false,
            bars: [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
            $($name: $unicode,)*
        };

        const ASCII: Glyphs = Glyphs {
            ascii: true,
            bars: [" ", "_", ".", ",", "-", "=", "+", "*", "#"],
            $($name: $ascii,)*
        };
    };
}

glyphs! {
    started: "●" or "*",
    stopped: "■" or "#",
    loaded: "◐" or "+",
    unloaded: "○" or "o",
    failed: "✖" or "x",
    warn: "▲" or "!",
    lost: "≠" or "#",
    cursor: "▌" or ">",
    mark: "◆" or "@",
    open: "▾" or "v",
    closed: "▸" or ">",
    leaf: "├ " or "|-",
    last: "└ " or "`-",
    trunk: "│ " or "| ",
    follow: "▶" or ">",
    pause: "‖" or "=",
    record: "◉" or "o",
    ellipsis: "…" or "~",
    dot: "·" or "|",
    // Nothing, where there could be a bar.
    nothing: "·" or ".",
    dash: "–" or "-",
    arrow: "→" or "->",
    full: "█" or "#",
    rest: "░" or ".",
    high: "▏" or "|",
    rule: "─" or "-",
    thumb: "┃" or "#",
    micro: "µs" or "us",
}

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

/// The colours of a palette.
struct Colours {
    /// Of each tone, in its order.
    tones: [Color; 12],
    /// Of the line around a pane.
    line: Color,
    /// Below the row that is selected, a row that just changed, and what the search found.
    selected: Color,
    flash: Color,
    found: Color,
    /// Of the tab of the screen that is shown, and below it.
    tab: (Color, Color),
}

const BLACK: Color = Color::Indexed(16);

const fn indexed(tones: [u8; 12]) -> [Color; 12] {
    let mut colours = [BLACK; 12];
    let mut at = 0;
    while at < colours.len() {
        colours[at] = Color::Indexed(tones[at]);
        at += 1;
    }
    colours
}

const DARK: Colours = Colours {
    tones: indexed([245, 245, 80, 114, 221, 203, 212, 117, 151, 180, 150, 176]),
    line: Color::Indexed(239),
    selected: Color::Indexed(237),
    flash: Color::Indexed(180),
    found: Color::Indexed(221),
    tab: (BLACK, Color::Indexed(80)),
};

const LIGHT: Colours = Colours {
    tones: indexed([242, 242, 30, 28, 130, 160, 162, 25, 23, 94, 22, 90]),
    line: Color::Indexed(250),
    selected: Color::Indexed(254),
    flash: Color::Indexed(222),
    found: Color::Indexed(228),
    tab: (Color::Indexed(231), Color::Indexed(30)),
};

// Okabe and Ito 2008.
const SKY_BLUE: Color = Color::Rgb(0x56, 0xb4, 0xe9);
const GREEN: Color = Color::Rgb(0x00, 0x9e, 0x73);
const YELLOW: Color = Color::Rgb(0xf0, 0xe4, 0x42);
const VERMILLION: Color = Color::Rgb(0xd5, 0x5e, 0x00);
const PURPLE: Color = Color::Rgb(0xcc, 0x79, 0xa7);
const ORANGE: Color = Color::Rgb(0xe6, 0x9f, 0x00);

const COLOUR_BLIND: Colours = Colours {
    tones: [
        DARK.tones[0],
        DARK.tones[1],
        SKY_BLUE,
        GREEN,
        YELLOW,
        VERMILLION,
        PURPLE,
        SKY_BLUE,
        GREEN,
        ORANGE,
        GREEN,
        PURPLE,
    ],
    flash: ORANGE,
    found: YELLOW,
    tab: (BLACK, SKY_BLUE),
    ..DARK
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

    /// The colours; none without colour.
    const fn colours(&self) -> Option<&'static Colours> {
        match self.palette {
            Palette::Dark => Some(&DARK),
            Palette::Light => Some(&LIGHT),
            Palette::ColourBlind => Some(&COLOUR_BLIND),
            Palette::None => None,
        }
    }

    /// The style of a tone.
    pub fn tone(&self, tone: Tone) -> Style {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        match (self.colours(), tone) {
            (_, Tone::Plain) => plain,
            (Some(colours), Tone::Bad | Tone::Lost | Tone::Accent) => bold.fg(colours.tones[tone as usize]),
            (Some(colours), _) => plain.fg(colours.tones[tone as usize]),
            (None, Tone::Dim) => plain.add_modifier(Modifier::DIM),
            (None, Tone::Accent | Tone::Warn | Tone::Lost) => bold,
            (None, Tone::Bad) => bold.add_modifier(Modifier::UNDERLINED),
            (None, _) => plain,
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
        match self.colours() {
            Some(colours) => Style::new().fg(colours.line),
            None => Style::new().add_modifier(Modifier::DIM),
        }
    }

    /// What is laid over the row that is selected.
    pub fn selected(&self) -> Style {
        match self.colours() {
            Some(colours) => Style::new().bg(colours.selected),
            None => Style::new().add_modifier(Modifier::REVERSED),
        }
    }

    /// What is laid over a row that just changed.
    pub fn flash(&self) -> Style {
        match self.colours() {
            Some(colours) => Style::new().fg(BLACK).bg(colours.flash),
            None => Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
        }
    }

    /// What the search found.
    pub fn found(&self) -> Style {
        match self.colours() {
            Some(colours) => Style::new().fg(BLACK).bg(colours.found),
            None => Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD),
        }
    }

    /// A character that a text from the target must not send to the terminal.
    pub fn control(&self) -> Style {
        self.tone(Tone::Warn).add_modifier(Modifier::DIM)
    }

    /// The tab of the screen that is shown.
    pub fn tab(&self) -> Style {
        match self.colours() {
            Some(Colours {
                tab: (text, below), ..
            }) => Style::new().fg(*text).bg(*below).add_modifier(Modifier::BOLD),
            None => Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD),
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
