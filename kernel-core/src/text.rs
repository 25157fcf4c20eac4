//! Names: `'static` where the caller has one, else copied into a slab of equal blocks.

use crate::table::{Link, Slab, Usage};

/// A name handed to the kernel: kept by reference when it is `'static`, else copied.
///
/// A `&'static str` converts by itself; `Name::Copied` takes a block of the `names` capacity.
///
/// ```
/// use kernel_core::Name;
/// let fixed: Name<'_> = "lamp.toggle".into();
/// let made = String::from("lamp.") + "dim";
/// assert_eq!(fixed.as_str(), "lamp.toggle");
/// assert_eq!(Name::Copied(&made).as_str(), "lamp.dim");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name<'a> {
    /// A name that lives as long as the program; costs no memory.
    Static(&'static str),
    /// A name made at run time; it is copied, at most as long as a block of `names`.
    Copied(&'a str),
}

impl<'a> Name<'a> {
    /// The name's text.
    pub const fn as_str(&self) -> &'a str {
        match self {
            Name::Static(text) => text,
            Name::Copied(text) => text,
        }
    }
}

impl From<&'static str> for Name<'_> {
    fn from(text: &'static str) -> Self {
        Name::Static(text)
    }
}

/// A name the kernel keeps. (In this order it takes no more than a reference, and is zero when empty.)
#[derive(Debug)]
pub(crate) enum Text {
    /// A copied name, or an empty one, which has no block.
    Block {
        index: u16,
        len: u8,
    },
    Static(&'static str),
}

impl Default for Text {
    fn default() -> Self {
        Text::EMPTY
    }
}

impl Text {
    pub(crate) const EMPTY: Text = Text::Block { index: 0, len: 0 };

    /// True for a name that was never kept: one that was may be empty too, where that is allowed.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Text::Block { len: 0, .. })
    }

    pub(crate) fn as_bytes<'a>(&self, names: &'a Names) -> &'a [u8] {
        match self {
            Text::Static(text) => text.as_bytes(),
            Text::Block { index, len } => names.block(*index).get(..*len as usize).unwrap_or(&[]),
        }
    }

    pub(crate) fn as_str<'a>(&self, names: &'a Names) -> &'a str {
        match self {
            Text::Static(text) => text,
            _ => core::str::from_utf8(self.as_bytes(names)).unwrap_or(""),
        }
    }
}

/// Why a name was not kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NameError {
    TooLong { max: usize },
    Full { capacity: usize },
}

/// Copies texts out of the kernel into a caller's buffer, one behind the other; what does not fit
/// is cut at a character.
pub(crate) struct CopyOut<'b> {
    rest: &'b mut [u8],
}

impl<'b> CopyOut<'b> {
    pub(crate) fn new(buf: &'b mut [u8]) -> Self {
        CopyOut { rest: buf }
    }

    pub(crate) fn text(&mut self, text: &str) -> &'b str {
        let piece = crate::error::cut(text, self.rest.len());
        match self.bytes(piece.len()) {
            Some(to) => {
                to.copy_from_slice(piece.as_bytes());
                core::str::from_utf8(to).unwrap_or("")
            }
            None => "",
        }
    }

    /// How many bytes there is room for.
    #[cfg(feature = "link")]
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Room for `len` bytes, when there is.
    pub(crate) fn bytes(&mut self, len: usize) -> Option<&'b mut [u8]> {
        if len > self.rest.len() {
            return None;
        }
        let (head, tail) = core::mem::take(&mut self.rest).split_at_mut_checked(len)?;
        self.rest = tail;
        Some(head)
    }
}

/// The slab of copied names: `bytes` in blocks of `size`, a link for each block.
pub(crate) struct Names {
    bytes: &'static mut [u8],
    blocks: Slab,
    size: usize,
}

impl Names {
    pub(crate) fn new(bytes: &'static mut [u8], links: &'static mut [Link], size: usize) -> Self {
        Names {
            bytes,
            blocks: Slab::new(links),
            size: size.min(255),
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        self.blocks.usage()
    }

    /// How many names can still be copied.
    pub(crate) fn free(&self) -> usize {
        self.blocks.left()
    }

    /// The longest name that can be copied.
    pub(crate) fn block_size(&self) -> usize {
        self.size
    }

    pub(crate) fn keep(&mut self, name: Name<'_>) -> Result<Text, NameError> {
        let text = match name {
            Name::Static(text) => return Ok(Text::Static(text)),
            Name::Copied(text) => text,
        };
        if text.len() > self.size {
            return Err(NameError::TooLong { max: self.size });
        }
        if text.is_empty() {
            return Ok(Text::EMPTY);
        }
        let index = self.blocks.take().ok_or(NameError::Full {
            capacity: self.blocks.usage().capacity,
        })?;
        let start = index.wrapping_mul(self.size);
        if let Some(block) = self.bytes.get_mut(start..start.wrapping_add(text.len())) {
            block.copy_from_slice(text.as_bytes());
        }
        Ok(Text::Block {
            index: index as u16,
            len: text.len() as u8,
        })
    }

    #[inline(never)]
    pub(crate) fn release(&mut self, text: Text) {
        if let Text::Block { index, len: 1.. } = text {
            self.blocks.give(index as usize);
        }
    }

    fn block(&self, index: u16) -> &[u8] {
        let start = (index as usize).wrapping_mul(self.size);
        self.bytes
            .get(start..start.wrapping_add(self.size))
            .unwrap_or(&[])
    }
}
