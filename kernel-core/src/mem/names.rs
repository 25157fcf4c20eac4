//! Names made at run time: cells of equal size. A name that lives for ever takes none.

use super::Usage;

/// A name that the kernel keeps: text of the program, or a cell.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Text {
    /// Text of the program.
    Fixed(&'static str),
    /// The number of a cell.
    Cell(u16),
}

pub(crate) struct Names {
    cells: &'static mut [u8],
    /// Bytes of a cell: its length, then the text. A free one has the number of the next free one there.
    size: usize,
    free: u16,
    /// No cell from here on was ever taken.
    fresh: u16,
    usage: Usage,
}

/// No cell.
const NONE: u16 = u16::MAX;

impl Names {
    /// The bytes of `names` cells for names of at most `longest` bytes.
    pub(crate) const fn bytes(names: usize, longest: usize) -> usize {
        names.saturating_mul(longest.saturating_add(1))
    }

    pub(crate) fn new(cells: &'static mut [u8], longest: usize) -> Self {
        let size = longest.min(255).saturating_add(1);
        let count = cells.len().checked_div(size).unwrap_or(0).min(NONE as usize);
        Names {
            cells,
            size,
            free: NONE,
            fresh: 0,
            usage: Usage::of(count),
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    /// The longest name that can be kept.
    pub(crate) fn longest(&self) -> usize {
        self.size.wrapping_sub(1)
    }

    fn cell(&self, cell: u16) -> &[u8] {
        let start = (cell as usize).wrapping_mul(self.size);
        self.cells
            .get(start..start.wrapping_add(self.size))
            .unwrap_or(&[])
    }

    fn cell_mut(&mut self, cell: u16) -> &mut [u8] {
        let start = (cell as usize).wrapping_mul(self.size);
        self.cells
            .get_mut(start..start.wrapping_add(self.size))
            .unwrap_or_default()
    }

    /// Keeps a copy; `None` when all cells are taken, or the name is too long for one.
    pub(crate) fn keep(&mut self, name: &str) -> Option<Text> {
        if name.len() > self.longest() {
            return None;
        }
        let cell = if self.free != NONE {
            let cell = self.free;
            self.free = match self.cell(cell) {
                [low, high, ..] => u16::from_le_bytes([*low, *high]),
                _ => NONE,
            };
            cell
        } else if (self.fresh as u32) < self.usage.capacity {
            self.fresh = self.fresh.wrapping_add(1);
            self.fresh.wrapping_sub(1)
        } else {
            return None;
        };
        if let Some((len, text)) = self.cell_mut(cell).split_first_mut()
            && let Some(text) = text.get_mut(..name.len())
        {
            *len = name.len() as u8;
            text.copy_from_slice(name.as_bytes());
        }
        self.usage.take(1);
        Some(Text::Cell(cell))
    }

    /// The name's bytes, which are UTF-8: for those who only compare them.
    pub(crate) fn bytes_of(&self, text: Text) -> &[u8] {
        match text {
            Text::Fixed(text) => text.as_bytes(),
            Text::Cell(cell) => match self.cell(cell).split_first() {
                Some((len, text)) => text.get(..*len as usize).unwrap_or(&[]),
                None => &[],
            },
        }
    }

    pub(crate) fn get(&self, text: Text) -> &str {
        match text {
            Text::Fixed(text) => text,
            cell => core::str::from_utf8(self.bytes_of(cell)).unwrap_or(""),
        }
    }

    /// Gives a name's cell back, when it has one.
    pub(crate) fn release(&mut self, text: Text) {
        if let Text::Cell(cell) = text {
            let [low, high] = self.free.to_le_bytes();
            if let [first, second, ..] = self.cell_mut(cell) {
                (*first, *second) = (low, high);
                self.free = cell;
                self.usage.give(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_used_again_and_a_fixed_name_takes_none() {
        let mut names = Names::new(vec![0; Names::bytes(2, 5)].leak(), 5);
        let (one, two) = (names.keep("one").unwrap(), names.keep("дв").unwrap());
        assert_eq!((names.get(one), names.get(two)), ("one", "дв"));
        assert!(names.keep("three").is_none() && names.keep("longer").is_none());
        names.release(one);
        names.release(Text::Fixed("fixed"));
        let three = names.keep("three").unwrap();
        assert_eq!((names.get(three), names.get(two)), ("three", "дв"));
        assert_eq!((names.usage().used, names.usage().capacity), (2, 2));
    }
}
