//! From an image's addresses to the source.

use addr2line::Context;
use addr2line::gimli::{Dwarf, EndianSlice, LittleEndian};
use object::{Object, ObjectSection};

/// Where the sources of the kernel and its crates are, as an image's debug information names them.
const KERNEL: &str = "/kernel-core/";

/// The crate and the file in it, for a source of the kernel, its link, supervisor or flash storage.
pub(crate) fn own(file: &str) -> Option<(&str, &str)> {
    let (_, path) = file.rsplit_once(KERNEL)?;
    if let Some(file) = path.strip_prefix("src/") {
        return Some(("kernel", file));
    }
    let (name, file) = path.split_once("/src/")?;
    ["link", "supervisor", "flash"]
        .contains(&name)
        .then_some((name, file))
}

pub(crate) type Lines<'a> = Context<EndianSlice<'a, LittleEndian>>;

/// An image's debug information. Its sections are taken as they are: the relocations that the
/// linker left beside them have been carried out.
pub(crate) fn dwarf(image: &[u8]) -> Result<Dwarf<EndianSlice<'_, LittleEndian>>, String> {
    let elf = object::File::parse(image).map_err(|cause| cause.to_string())?;
    let dwarf = Dwarf::load(|id| {
        let section = elf.section_by_name(id.name());
        let data = section.map_or(Ok(&[][..]), |section| section.data())?;
        Ok::<_, object::Error>(EndianSlice::new(data, LittleEndian))
    });
    dwarf.map_err(|cause| cause.to_string())
}

/// The lines of an image.
pub(crate) fn lines(image: &[u8]) -> Result<Lines<'_>, String> {
    Context::from_dwarf(dwarf(image)?).map_err(|cause| cause.to_string())
}

/// Where the instruction at `place` comes from: files and lines, the innermost first.
pub(crate) fn frames(lines: &Lines<'_>, place: u64) -> Result<Vec<(String, u32)>, String> {
    let strange = |cause| format!("debug information: {cause}");
    let mut found = Vec::new();
    let mut frames = lines.find_frames(place).skip_all_loads().map_err(strange)?;
    while let Some(frame) = frames.next().map_err(strange)? {
        if let Some(location) = frame.location {
            let file = location.file.unwrap_or_default();
            found.push((file.to_owned(), location.line.unwrap_or(0)));
        }
    }
    Ok(found)
}
