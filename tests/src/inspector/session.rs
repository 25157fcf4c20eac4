//! A session with the inspector, written down: what happens at the runtime, which keys are pressed, and what
//! is to be seen then. One step a line:
//!
//! ```text
//! # a comment
//! start                 the runtime is started, in a folder of its own
//! stop                  it is killed, without a chance to tidy up
//! run WORDS             core-runtime with these words, quoted as in a shell
//! attach [WORDS]        the inspector is started with these words
//! press KEYS            as they are on the keyboard; <esc>, <enter>, <ctrl-r> and their like have names
//! type TEXT             the same, but nothing in it is a name
//! see TEXT              is, or comes, on the screen
//! row TEXT | TEXT       are in one row
//! gone TEXT             is not, or no longer, on the screen
//! size COLUMNSxROWS     of the terminal, from now on
//! show TITLE            hands the screen to whoever plays the session
//! end STATUS            the inspector has ended with this status and gave the terminal back
//! ```

use std::path::PathBuf;

use super::terminal::{Start, Terminal};
use crate::binary;
use crate::runtime::Runtime;

/// Where a session is.
struct Session {
    runtime: Runtime,
    program: PathBuf,
    terminal: Option<Terminal>,
    size: (u16, u16),
}

/// Plays a session; `show` gets the titles and texts of the screens that are to be shown.
///
/// # Errors
/// The line that did not go as it says, and why.
pub fn play(script: &str, mut show: impl FnMut(&str, &str)) -> Result<(), String> {
    let mut runtime = Runtime::new()?;
    runtime.leave_out_all_but_the_example()?;
    let mut session = Session {
        runtime,
        program: binary("inspector-tui", "dev")?,
        terminal: None,
        size: (80, 24),
    };
    for (number, line) in (1..).zip(script.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        session
            .step(line, &mut show)
            .map_err(|why| format!("line {number}, `{line}`: {why}"))?;
    }
    match session.terminal {
        Some(_) => Err("the session has no end".to_owned()),
        None => Ok(()),
    }
}

impl Session {
    fn step(&mut self, line: &str, show: &mut impl FnMut(&str, &str)) -> Result<(), String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        match word {
            "start" => self.runtime.start_again(),
            "stop" => {
                self.runtime.kill();
                Ok(())
            }
            "run" => self.runtime.run(rest).map(drop),
            "attach" => self.attach(rest),
            "press" => self.terminal()?.press(&keys(rest)?),
            "type" => self.terminal()?.press(rest),
            "see" => self.terminal()?.see(rest).map(drop),
            "row" => {
                let all: Vec<_> = rest.split(" | ").map(str::trim).collect();
                self.terminal()?.see_row(&all).map(drop)
            }
            "gone" => self.terminal()?.see_no(rest).map(drop),
            "size" => self.resize(rest),
            "show" => {
                show(rest, &self.terminal()?.text());
                Ok(())
            }
            "end" => self.end(rest),
            _ => Err(format!("`{word}` is no step")),
        }
    }

    fn terminal(&self) -> Result<&Terminal, String> {
        self.terminal
            .as_ref()
            .ok_or_else(|| "there is no inspector: `attach` comes first".to_owned())
    }

    fn attach(&mut self, words: &str) -> Result<(), String> {
        let words: Vec<_> = words.split_whitespace().collect();
        self.terminal = Some(Terminal::start(Start {
            folder: Some(self.runtime.folder()),
            size: self.size,
            ..Start::new(&self.program, &words)
        })?);
        Ok(())
    }

    fn resize(&mut self, text: &str) -> Result<(), String> {
        let size = text
            .split_once('x')
            .and_then(|(columns, rows)| Some((columns.parse().ok()?, rows.parse().ok()?)));
        self.size = size.ok_or_else(|| format!("`{text}` is no size, such as 80x24"))?;
        match &self.terminal {
            Some(terminal) => terminal.resize(self.size.0, self.size.1),
            None => Ok(()),
        }
    }

    fn end(&mut self, status: &str) -> Result<(), String> {
        let mut terminal = self.terminal.take().ok_or("there is no inspector")?;
        let ended = terminal.ended()?.exit_code();
        if ended.to_string() != status {
            return Err(format!("it ended with {ended}: {}", terminal.text()));
        }
        let wrong = terminal.not_given_back()?;
        if !wrong.is_empty() {
            return Err(wrong.join("; "));
        }
        Ok(())
    }
}

/// What a terminal sends for keys: characters, and names in angle brackets.
///
/// # Errors
/// A name that is none.
pub fn keys(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('<') {
        let (name, after) = after
            .split_once('>')
            .ok_or_else(|| format!("`<{after}` has no end"))?;
        out.push_str(plain);
        out.push_str(&key(name)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn key(name: &str) -> Result<String, String> {
    let sent = match name {
        "enter" => "\r",
        "esc" => "\x1b",
        "tab" => "\t",
        "shift-tab" => "\x1b[Z",
        "backspace" => "\x7f",
        "space" => " ",
        "up" => "\x1b[A",
        "down" => "\x1b[B",
        "right" => "\x1b[C",
        "left" => "\x1b[D",
        "home" => "\x1b[H",
        "end" => "\x1b[F",
        "pgup" => "\x1b[5~",
        "pgdn" => "\x1b[6~",
        "lt" => "<",
        _ => match name.strip_prefix("ctrl-").map(str::as_bytes) {
            Some([letter @ b'a'..=b'z']) => return Ok(char::from(letter & 0x1f).to_string()),
            _ => return Err(format!("`<{name}>` is no key")),
        },
    };
    Ok(sent.to_owned())
}

#[cfg(test)]
mod tests {
    use super::keys;

    #[test]
    fn keys_have_names() {
        assert_eq!(keys("a<esc>b<ctrl-r><lt>").as_deref(), Ok("a\x1bb\x12<"));
        assert!(keys("<nothing>").is_err() && keys("a<b").is_err() && keys("<ctrl-1>").is_err());
    }
}
