//! A page of names: whether there are more, then each name's length and bytes.

/// Writes a page into a buffer.
#[derive(Debug)]
pub struct PageWriter<'b> {
    buf: &'b mut [u8],
    len: usize,
    left: usize,
}

impl<'b> PageWriter<'b> {
    /// At most `limit` names, as many as fit into `buf`.
    pub fn new(buf: &'b mut [u8], limit: u16) -> Self {
        if let Some(more) = buf.first_mut() {
            *more = 0;
        }
        PageWriter {
            buf,
            len: 1,
            left: limit as usize,
        }
    }

    /// Adds a name; false when it has no room, and then the page says that there are more.
    pub fn push(&mut self, name: &str) -> bool {
        let start = self.len;
        let end = start.saturating_add(1).saturating_add(name.len());
        let place = self.buf.get_mut(start..end).and_then(<[u8]>::split_first_mut);
        match place {
            Some((len, to)) if self.left > 0 && name.len() <= u8::MAX as usize => {
                *len = name.len() as u8;
                to.copy_from_slice(name.as_bytes());
                self.len = end;
                self.left = self.left.wrapping_sub(1);
                true
            }
            _ => {
                if let Some(more) = self.buf.first_mut() {
                    *more = 1;
                }
                false
            }
        }
    }

    /// Bytes of the page.
    pub fn len(&self) -> usize {
        self.len.min(self.buf.len())
    }

    /// True for a page without a name.
    pub fn is_empty(&self) -> bool {
        self.len <= 1
    }
}

/// A page of names as its reader sees it: see [`Page::more`] for whether another follows.
#[derive(Clone, Copy, Debug)]
pub struct Page<'b> {
    rest: &'b [u8],
    more: bool,
}

impl<'b> Page<'b> {
    /// The page in these bytes; one that was cut ends early.
    pub fn new(bytes: &'b [u8]) -> Self {
        match bytes.split_first() {
            Some((more, rest)) => Page {
                rest,
                more: *more != 0,
            },
            None => Page {
                rest: &[],
                more: false,
            },
        }
    }

    /// True when there are names after the last one of this page.
    pub fn more(&self) -> bool {
        self.more
    }
}

impl<'b> Iterator for Page<'b> {
    type Item = &'b str;

    fn next(&mut self) -> Option<&'b str> {
        let (len, rest) = self.rest.split_first()?;
        let (name, rest) = rest.split_at_checked(*len as usize)?;
        self.rest = rest;
        core::str::from_utf8(name).ok()
    }
}
