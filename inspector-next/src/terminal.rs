//! The terminal: taken over when the screens begin, and given back however they end.

use std::io::{self, Write};
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::{Hide, Show};
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::style::ResetColor;
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size,
};
use crossterm::{execute, queue};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};
use rustix::process::{Signal, kill_current_process_group};

/// True while the terminal is ours.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// A frame's bytes on their way out. What is left when the program panics is not written: by then the
/// terminal is not ours any more.
#[derive(Debug, Default)]
struct Out(Vec<u8>);

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if TAKEN.load(Ordering::Acquire) {
            let mut stdout = io::stdout().lock();
            stdout.write_all(&self.0)?;
            stdout.flush()?;
        }
        self.0.clear();
        Ok(())
    }
}

/// The terminal while it is ours; dropping it gives it back.
#[derive(Debug)]
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Out>>,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// When there is none, or it went away.
    pub fn take() -> io::Result<Screen> {
        give_back_on_panic();
        take()?;
        let (width, height) = size().inspect_err(|_| give_back())?;
        Ok(Screen {
            terminal: terminal(width, height).inspect_err(|_| give_back())?,
        })
    }

    /// Draws a frame: only what differs from the one before is written.
    ///
    /// # Errors
    /// When the terminal went away.
    pub fn draw(&mut self, view: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.draw(view)?;
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)
    }

    /// Takes note of the terminal's size: the next frame is drawn as a whole.
    fn resize(&mut self, width: u16, height: u16) -> io::Result<()> {
        self.terminal = terminal(width, height)?;
        // Not `Terminal::clear`, which asks the terminal where the cursor is and waits for the answer.
        execute!(
            self.terminal.backend_mut(),
            ResetColor,
            Clear(ClearType::All),
            Hide
        )
    }

    /// Has all drawn anew, whatever is there now; the terminal's size then.
    ///
    /// # Errors
    /// When the terminal went away.
    pub fn redraw(&mut self) -> io::Result<(u16, u16)> {
        let (width, height) = size()?;
        self.resize(width, height)?;
        Ok((width, height))
    }

    /// Puts a text on the clipboard of whoever sits at the terminal, by OSC 52.
    ///
    /// # Errors
    /// When the terminal went away.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        execute!(
            self.terminal.backend_mut(),
            CopyToClipboard::to_clipboard_from(text)
        )
    }

    /// Stops the program as the shell's Ctrl-Z does, and goes on when it is in the foreground again; the
    /// terminal's size then.
    ///
    /// # Errors
    /// When the terminal went away.
    pub fn suspend(&mut self) -> io::Result<(u16, u16)> {
        give_back();
        // The whole group, as the terminal would: whoever started us may wait for us to stop.
        kill_current_process_group(Signal::TSTP)?;
        self.resume()
    }

    /// Takes the terminal over again, after somebody stopped the program; the terminal's size then.
    ///
    /// # Errors
    /// When the terminal went away.
    pub fn resume(&mut self) -> io::Result<(u16, u16)> {
        // Raw mode as well: the shell has set its own meanwhile.
        give_back();
        take()?;
        self.redraw()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn terminal(width: u16, height: u16) -> io::Result<Terminal<CrosstermBackend<Out>>> {
    // Fixed, because a terminal that follows the size by itself asks for the cursor as well.
    let viewport = Viewport::Fixed(Rect::new(0, 0, width, height));
    Terminal::with_options(
        CrosstermBackend::new(Out::default()),
        TerminalOptions { viewport },
    )
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::Release);
    execute!(
        io::stdout(),
        EnterAlternateScreen,
        EnableMouseCapture,
        EnableBracketedPaste,
        Hide
    )
    .inspect_err(|_| give_back())
}

/// Gives the terminal back, once. Errors find nobody to tell: it may be the terminal that is gone.
fn give_back() {
    if TAKEN.swap(false, Ordering::AcqRel) {
        let _ = execute!(
            io::stdout(),
            EndSynchronizedUpdate,
            DisableBracketedPaste,
            DisableMouseCapture,
            ResetColor,
            LeaveAlternateScreen,
            Show
        );
        let _ = disable_raw_mode();
    }
}

/// A panic, on whatever thread, is to be read on a terminal that works.
fn give_back_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            give_back();
            before(info);
        }));
    });
}

/// True while the terminal is ours: false once a panic gave it back.
pub fn is_taken() -> bool {
    TAKEN.load(Ordering::Acquire)
}
