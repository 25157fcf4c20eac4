//! A recording as the source.

use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use link_dial::Texts;

use super::player::Player;
use super::port::Gone;
use super::record::{Line, VERSION};
use super::{Port, Source};
use crate::facts::{Place, Update};

/// Why a recording cannot be played.
#[derive(Debug)]
pub enum ReplayError {
    /// The file cannot be read.
    Io(PathBuf, io::Error),
    /// It does not begin as a recording does.
    NotARecording(PathBuf),
    /// It is of a version that is not known here.
    Version(PathBuf, u32),
    /// A line makes no sense.
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        number: usize,
        /// What is wrong with it.
        cause: serde_json::Error,
    },
    /// The last line is not whole.
    Cut {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        number: usize,
    },
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplayError::Io(path, cause) => write!(f, "cannot read {}: {cause}", path.display()),
            ReplayError::NotARecording(path) => write!(
                f,
                "{} is no recording: it does not begin with core_inspector_recording; make one with \
                 `core-inspector record FILE`",
                path.display()
            ),
            ReplayError::Version(path, version) => write!(
                f,
                "{} is a recording of version {version}, and this inspector reads version {VERSION}: use the \
                 one it was made with",
                path.display()
            ),
            ReplayError::Line { path, number, cause } => {
                write!(f, "{}: line {number} makes no sense: {cause}", path.display())
            }
            ReplayError::Cut { path, number } => write!(
                f,
                "{}: the recording was cut off in line {number}; all before it was played",
                path.display()
            ),
        }
    }
}

impl std::error::Error for ReplayError {}

/// A recording that is read line by line.
pub struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    number: usize,
    text: Vec<u8>,
    texts: Texts,
    over: bool,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("path", &self.path)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// Opens a recording: when, and what.
///
/// # Errors
/// When there is none, or it is of another version.
pub fn lines(path: &Path) -> Result<Lines, ReplayError> {
    let file = File::open(path).map_err(|cause| ReplayError::Io(path.to_owned(), cause))?;
    let mut lines = Lines {
        path: path.to_owned(),
        file: BufReader::with_capacity(1 << 16, file),
        number: 0,
        text: Vec::new(),
        texts: Texts::default(),
        over: false,
    };
    match lines.line() {
        Some(Ok(Line {
            core_inspector_recording: Some(VERSION),
            ..
        })) => Ok(lines),
        Some(Ok(Line {
            core_inspector_recording: Some(version),
            ..
        })) => Err(ReplayError::Version(path.to_owned(), version)),
        Some(Err(cause @ ReplayError::Io(..))) => Err(cause),
        _ => Err(ReplayError::NotARecording(path.to_owned())),
    }
}

/// When the last line of a recording was written, in microseconds since it began; 0 where that cannot be read.
pub(super) fn length(path: &Path) -> u64 {
    fn last(path: &Path, window: u64) -> io::Result<(Option<u64>, bool)> {
        let mut file = File::open(path)?;
        let end = file.seek(SeekFrom::End(0))?;
        let from = end.saturating_sub(window);
        file.seek(SeekFrom::Start(from))?;
        let mut text = Vec::new();
        file.take(window).read_to_end(&mut text)?;
        // The last one may be cut off.
        let lines = text
            .split_inclusive(|byte| *byte == b'\n')
            .filter(|line| line.ends_with(b"\n"));
        let mut at = lines.filter_map(|line| {
            let digits = line.strip_prefix(b"{\"at\":")?;
            let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
            str::from_utf8(digits.get(..end)?).ok()?.parse().ok()
        });
        Ok((at.next_back(), from == 0))
    }
    // A line may be long: the state of everything.
    let mut window = 1 << 16;
    loop {
        match last(path, window) {
            Ok((Some(at), _)) => return at,
            Ok((None, false)) => window *= 8,
            _ => return 0,
        }
    }
}

impl Lines {
    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn line(&mut self) -> Option<Result<Line, ReplayError>> {
        if self.over {
            return None;
        }
        self.text.clear();
        match self.file.read_until(b'\n', &mut self.text) {
            Ok(0) => {
                self.over = true;
                return None;
            }
            Ok(_) => self.number += 1,
            Err(cause) => {
                self.over = true;
                return Some(Err(ReplayError::Io(self.path.clone(), cause)));
            }
        }
        Some(serde_json::from_slice(&self.text).map_err(|cause| {
            self.over = true;
            let (path, number) = (self.path.clone(), self.number);
            if self.text.ends_with(b"\n") {
                ReplayError::Line { path, number, cause }
            } else {
                ReplayError::Cut { path, number }
            }
        }))
    }
}

impl Iterator for Lines {
    type Item = Result<(Duration, Update), ReplayError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = match self.line()? {
                Ok(line) => line,
                Err(cause) => return Some(Err(cause)),
            };
            let at = Duration::from_micros(line.at);
            if let Some(update) = line.into_update(&mut self.texts) {
                return Some(Ok((at, update)));
            }
        }
    }
}

/// A recording, to be played.
#[derive(Debug)]
pub struct Replay {
    lines: Lines,
    speed: f64,
    at: Option<Place>,
}

impl Replay {
    /// Plays the recording so many times faster than it happened, all at once for 0.
    ///
    /// # Errors
    /// See [`lines`].
    pub fn open(path: &Path, speed: f64) -> Result<Replay, ReplayError> {
        Ok(Replay {
            lines: lines(path)?,
            speed,
            at: None,
        })
    }

    /// Goes to a place first, and waits there.
    pub fn starting_at(self, at: Option<Place>) -> Replay {
        Replay { at, ..self }
    }
}

impl Source for Replay {
    fn run(self: Box<Self>, mut port: Port) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(async move {
            // The end of the model is the end of the thread.
            let _: Result<(), Gone> = Player::new(self.lines, self.speed).run(self.at, &mut port).await;
        })
    }
}
