//! Where an image's bytes come from, by source.

use std::collections::BTreeMap;

use addr2line::gimli::{self, AttributeValue, EndianSlice, LittleEndian};

use super::image::Section;
use super::lines::{Lines, dwarf, frames, lines, own};
use super::{Image, Sizes, Symbol};

/// Bytes by where they come from.
pub type Parts = BTreeMap<String, Sizes>;

/// What has no line and no name.
const UNKNOWN: &str = "constants without a name";

/// Where the bytes of an image come from. An instruction belongs to the innermost source of the
/// kernel that led to it, and to a library where none did; a constant to the first who refers to
/// it; data to its type.
///
/// # Errors
/// When the image has no debug information.
pub fn parts_of(image: &Image) -> Result<Parts, String> {
    let bytes = image.bytes()?;
    let lines = lines(&bytes)?;
    let layouts = layouts(&bytes)?;
    let mut parts = Parts::new();
    for section in &image.sections {
        let mut at = section.start;
        for (index, symbol) in image.symbols.iter().enumerate() {
            if symbol.address < at || symbol.address >= section.end {
                continue;
            }
            add(&mut parts, section, UNKNOWN, symbol.address - at);
            if symbol.code {
                for place in (symbol.address..symbol.address + symbol.size).step_by(2) {
                    add(&mut parts, section, &source(&lines, place, symbol)?, 2);
                }
            } else if let Some(fields) = layouts.get(&symbol.address) {
                let mut ends = fields.iter().skip(1).map(|field| field.1);
                for (name, start) in fields {
                    let end = ends.next().unwrap_or(symbol.size);
                    add(&mut parts, section, &format!("memory {name}"), end - start);
                }
            } else {
                let name = constant(image, &lines, index)?;
                add(&mut parts, section, &name, symbol.size);
            }
            at = symbol.address + symbol.size;
        }
        add(&mut parts, section, UNKNOWN, section.end.saturating_sub(at));
    }
    Ok(parts)
}

fn add(parts: &mut Parts, section: &Section, name: &str, bytes: u64) {
    if bytes == 0 {
        return;
    }
    let sizes = parts.entry(name.to_owned()).or_default();
    sizes.flash += bytes * u64::from(section.in_flash);
    sizes.ram += bytes * u64::from(section.in_ram);
}

/// The source of an instruction.
fn source(lines: &Lines<'_>, place: u64, symbol: &Symbol) -> Result<String, String> {
    let frames = frames(lines, place)?;
    if let Some((name, file)) = frames.iter().find_map(|(file, _)| own(file)) {
        return Ok(format!("{name} {}", file.trim_end_matches(".rs")));
    }
    Ok(match frames.last() {
        Some((file, _)) => library(file),
        None => library(&symbol.name),
    })
}

/// The crate that a file, or a symbol, belongs to.
fn library(name: &str) -> String {
    if name.contains("compiler_builtins") || name.contains("compiler-builtins") || name.starts_with("__aeabi")
    {
        return "compiler_builtins".to_owned();
    }
    if name.contains("/library/") {
        return "core".to_owned();
    }
    if name.contains("/examples/mcu/") || name.starts_with("mcu::") || name.starts_with("src/") {
        return "firmware".to_owned();
    }
    let folder = name.split('/').rev().find(|folder| is_crate(folder));
    folder
        .map_or("others", |folder| {
            folder.rsplit_once('-').map_or(folder, |(name, _)| name)
        })
        .to_owned()
}

/// True for the name of a crate's folder, such as `heapless-0.9.1`.
fn is_crate(folder: &str) -> bool {
    let version = folder.rsplit_once('-').map_or("", |(_, version)| version);
    version.starts_with(|first: char| first.is_ascii_digit()) && version.contains('.')
}

/// Whose data, or constant, the symbol is.
fn constant(image: &Image, lines: &Lines<'_>, index: usize) -> Result<String, String> {
    let Some(symbol) = image.symbols.get(index) else {
        return Ok(UNKNOWN.to_owned());
    };
    if symbol.name.ends_with("::POOL") {
        return Ok(format!("task {}", symbol.name.trim_end_matches("::POOL")));
    }
    let user = image
        .references
        .iter()
        .find(|reference| reference.to == index && reference.from != index);
    match user.and_then(|user| Some((user, image.symbols.get(user.from)?))) {
        Some((user, from)) if from.code => source(lines, user.place, from),
        Some((_, from)) if !from.name.starts_with('.') => Ok(library(&from.name)),
        _ if symbol.name.starts_with('.') => Ok(UNKNOWN.to_owned()),
        _ => Ok(library(&symbol.name)),
    }
}

/// The fields of the kernel's memory and where each begins, by the memory's address.
type Layouts = BTreeMap<u64, Vec<(String, u64)>>;

fn layouts(image: &[u8]) -> Result<Layouts, String> {
    let dwarf = dwarf(image)?;
    let strange = |cause| format!("debug information: {cause}");
    let mut layouts = Layouts::new();
    let mut units = dwarf.units();
    while let Some(header) = units.next().map_err(strange)? {
        let unit = dwarf.unit(header).map_err(strange)?;
        let types = Types {
            dwarf: &dwarf,
            unit: &unit,
        };
        let mut entries = unit.entries();
        while let Some(entry) = entries.next_dfs().map_err(strange)? {
            if entry.tag() != gimli::DW_TAG_variable {
                continue;
            }
            let place = entry.attr_value(gimli::DW_AT_location).and_then(address);
            let kind = entry.attr_value(gimli::DW_AT_type);
            if let Some((place, AttributeValue::UnitRef(kind))) = place.zip(kind)
                && let Some(mut fields) = types.fields(kind, 8).map_err(strange)?
            {
                fields.sort_by_key(|field| field.1);
                layouts.insert(place, fields);
            }
        }
    }
    Ok(layouts)
}

type Reader<'a> = EndianSlice<'a, LittleEndian>;

struct Types<'a, 'd> {
    dwarf: &'a gimli::Dwarf<Reader<'d>>,
    unit: &'a gimli::Unit<Reader<'d>>,
}

impl<'d> Types<'_, 'd> {
    fn name(&self, entry: &gimli::DebuggingInformationEntry<Reader<'d>>) -> String {
        let name = entry.attr_value(gimli::DW_AT_name);
        let name = name.and_then(|name| self.dwarf.attr_string(self.unit, name).ok());
        name.map_or(String::new(), |name| name.to_string_lossy().into_owned())
    }

    /// The fields of the kernel's memory or data in a type, however deep it is wrapped.
    fn fields(
        &self,
        kind: gimli::UnitOffset,
        depth: usize,
    ) -> Result<Option<Vec<(String, u64)>>, gimli::Error> {
        let mut tree = self.unit.entries_tree(Some(kind))?;
        let root = tree.root()?;
        let what = match self.name(root.entry()).as_str() {
            "Core" => Some("core."),
            "Fixed" => Some(""),
            _ => None,
        };
        let mut fields = Vec::new();
        let mut children = root.children();
        while let Some(child) = children.next()? {
            let member = child.entry();
            let start = member.attr_value(gimli::DW_AT_data_member_location);
            let start = start.and_then(|start| start.udata_value());
            let kind = member.attr_value(gimli::DW_AT_type);
            let Some((start, AttributeValue::UnitRef(kind))) = start.zip(kind) else {
                continue;
            };
            if let Some(what) = what {
                fields.push((format!("{what}{}", self.name(member)), start));
            } else if depth > 0
                && let Some(found) = self.fields(kind, depth - 1)?
            {
                let at = |(name, at)| (name, at + start);
                return Ok(Some(found.into_iter().map(at).collect()));
            }
        }
        Ok(what.map(|_| fields))
    }
}

/// The address that an expression consists of.
fn address(value: AttributeValue<Reader<'_>>) -> Option<u64> {
    let AttributeValue::Exprloc(expression) = value else {
        return None;
    };
    let (&operation, address) = expression.0.slice().split_first()?;
    let address: [u8; 4] = address.try_into().ok()?;
    (operation == gimli::DW_OP_addr.0).then_some(u64::from(u32::from_le_bytes(address)))
}
