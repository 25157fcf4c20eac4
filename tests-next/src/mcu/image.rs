//! What is in a linked image.

use std::path::{Path, PathBuf};

use object::elf::FileHeader32;
use object::read::elf::ElfFile;
use object::{LittleEndian, Object, ObjectSection, ObjectSymbol, RelocationTarget, SymbolKind};

/// A linked image, with its symbols.
#[derive(Debug)]
pub struct Image {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its sizes.
    pub sizes: Sizes,
    /// Where its code and constants are, and where its data is.
    pub(crate) sections: Vec<Section>,
    /// Its functions and data, by address.
    pub symbols: Vec<Symbol>,
    /// Who refers to whom.
    pub(crate) references: Vec<Reference>,
}

/// A stretch of an image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section {
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// It takes flash; else it is zero at first.
    pub(crate) in_flash: bool,
    /// It takes RAM.
    pub(crate) in_ram: bool,
}

/// The bytes of an image.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sizes {
    /// Code, constants, and the initial values of data.
    pub flash: u64,
    /// Data, with an initial value or zero.
    pub ram: u64,
}

/// A function or a piece of data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Symbol {
    /// Its name, readable, without the compiler's hash.
    pub name: String,
    /// Where it is.
    pub address: u64,
    /// Its bytes.
    pub size: u64,
    /// True for a function.
    pub code: bool,
}

/// A place in a symbol that refers to another one; both are indices into the symbols.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reference {
    pub(crate) place: u64,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

impl Image {
    /// Reads an image that was linked with `--emit-relocs`.
    ///
    /// # Errors
    /// When the file cannot be read, or is no such image.
    pub fn read(path: &Path) -> Result<Image, String> {
        let bytes = std::fs::read(path).map_err(|cause| format!("{}: {cause}", path.display()))?;
        let elf = ElfFile::<FileHeader32<LittleEndian>>::parse(&*bytes)
            .map_err(|cause| format!("{}: {cause}", path.display()))?;
        let size = |name| elf.section_by_name(name).map_or(0, |section| section.size());
        let sizes = Sizes {
            flash: size(".text") + size(".rodata") + size(".data"),
            ram: size(".data") + size(".bss"),
        };
        let stretch = |(name, in_flash, in_ram)| {
            let section = elf.section_by_name(name)?;
            Some(Section {
                start: section.address(),
                end: section.address() + section.size(),
                in_flash,
                in_ram,
            })
        };
        let sections = [
            (".text", true, false),
            (".rodata", true, false),
            (".data", true, true),
            (".bss", false, true),
        ];
        let mut symbols: Vec<Symbol> = elf
            .symbols()
            .filter(|symbol| {
                matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data) && symbol.size() > 0
            })
            .map(|symbol| Symbol {
                name: symbol.name().map(readable).unwrap_or_default(),
                // The lowest bit of a function's address says that it is in Thumb code.
                address: symbol.address() & !u64::from(symbol.kind() == SymbolKind::Text),
                size: symbol.size(),
                code: symbol.kind() == SymbolKind::Text,
            })
            .collect();
        symbols.sort_by(|a, b| (a.address, &a.name).cmp(&(b.address, &b.name)));
        let mut references = Vec::new();
        for section in elf.sections() {
            for (place, relocation) in section.relocations() {
                let RelocationTarget::Symbol(target) = relocation.target() else {
                    continue;
                };
                let Ok(target) = elf.symbol_by_index(target) else {
                    continue;
                };
                // A linked image's relocations bear addresses.
                if let (Some(from), Some(to)) = (at(&symbols, place), at(&symbols, target.address() & !1)) {
                    references.push(Reference { place, from, to });
                }
            }
        }
        Ok(Image {
            path: path.to_owned(),
            sizes,
            sections: sections.into_iter().filter_map(stretch).collect(),
            symbols,
            references,
        })
    }

    /// The file.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.path).map_err(|cause| format!("{}: {cause}", self.path.display()))
    }
}

/// The symbol that covers an address.
fn at(symbols: &[Symbol], address: u64) -> Option<usize> {
    let after = symbols.partition_point(|symbol| symbol.address <= address);
    let index = after.checked_sub(1)?;
    let symbol = symbols.get(index)?;
    (address < symbol.address + symbol.size).then_some(index)
}

fn readable(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}
