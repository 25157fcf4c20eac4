//! Lines out of a pipe, each at most so long.

use tokio::io::{AsyncRead, AsyncReadExt};

/// Why there is no further line.
#[derive(Debug)]
pub(crate) enum NoLine {
    /// The other side closed the pipe.
    Closed,
    /// A line is longer than allowed.
    TooLong,
    /// The pipe failed.
    Broken,
}

/// Reads lines.
pub(crate) struct Lines<R> {
    from: R,
    bytes: Vec<u8>,
    /// Where the next line begins, and how far it was looked through.
    start: usize,
    seen: usize,
    longest: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(crate) fn new(from: R, longest: usize) -> Self {
        Lines {
            from,
            bytes: Vec::new(),
            start: 0,
            seen: 0,
            longest,
        }
    }

    /// Reads until there is a whole line.
    ///
    /// # Cancellation
    /// Nothing is lost.
    pub(crate) async fn fill(&mut self) -> Result<(), NoLine> {
        loop {
            if self.end_of_line().is_some() {
                return Ok(());
            }
            if self.bytes.len() - self.start >= self.longest {
                return Err(NoLine::TooLong);
            }
            self.bytes.drain(..self.start);
            self.seen -= self.start;
            self.start = 0;
            self.bytes.reserve(16 * 1024);
            match self.from.read_buf(&mut self.bytes).await {
                Ok(0) => return Err(NoLine::Closed),
                Ok(_) => {}
                Err(_) => return Err(NoLine::Broken),
            }
        }
    }

    /// The next line that was read whole, without its end.
    pub(crate) fn take(&mut self) -> Option<&[u8]> {
        let end = self.end_of_line()?;
        let line = self.bytes.get(self.start..end)?;
        self.start = end + 1;
        self.seen = self.start;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// What came after the last line feed.
    pub(crate) fn unfinished(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or(&[])
    }

    /// Forgets what was read of a line that is too long, up to its end where that is there.
    pub(crate) fn forget(&mut self) {
        self.start = self.bytes.len();
        self.seen = self.start;
    }

    fn end_of_line(&mut self) -> Option<usize> {
        let rest = self.bytes.get(self.seen..)?;
        match rest.iter().position(|byte| *byte == b'\n') {
            Some(at) => {
                self.seen += at;
                Some(self.seen)
            }
            None => {
                self.seen = self.bytes.len();
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_come_whole_however_they_arrive() {
        let (mut to, from) = tokio::io::duplex(4);
        let writer = tokio::spawn(async move {
            use tokio::io::AsyncWriteExt;
            to.write_all(b"one\r\n\ntwo and more\nrest").await.unwrap();
        });
        let mut lines = Lines::new(from, 64);
        let mut seen = Vec::new();
        while lines.fill().await.is_ok() {
            while let Some(line) = lines.take() {
                seen.push(String::from_utf8(line.to_vec()).unwrap());
            }
        }
        writer.await.unwrap();
        assert_eq!(seen, ["one", "", "two and more"]);
        assert_eq!(lines.unfinished(), b"rest");
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_an_error() {
        let mut lines = Lines::new(&[b'x'; 100][..], 50);
        assert!(matches!(lines.fill().await, Err(NoLine::TooLong)));
    }
}
