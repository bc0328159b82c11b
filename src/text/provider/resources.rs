//! Resources of a PE file that hold texts: message tables, and the manifests that say which event has which text.
//!
//! The `evtx` crate finds the manifests (`WEVT_TEMPLATE`). Message tables are found here, with `goblin` for the
//! headers and own bounds-checked steps through the resource directory (PE format, section `.rsrc`).

use evtx::wevt_templates::extract_wevt_template_resources;
use goblin::pe::header::Header;
use goblin::pe::options::ParseOptions;
use goblin::pe::section_table::SectionTable;

use super::super::packed::{u16_at, u32_at};
use super::message_table;
use crate::input::isolated;

/// Type number of message tables (`RT_MESSAGETABLE`).
const MESSAGE_TABLE: u32 = 11;

/// Bytes of a directory before its entries, and of an entry.
const DIRECTORY_SIZE: usize = 16;
const ENTRY_SIZE: usize = 8;

/// Bit of an entry that leads to another directory.
const IS_DIRECTORY: u32 = 0x8000_0000;

/// Most tables of one file that are read; real files have one per language.
const MAX_TABLES: usize = 64;

/// Primary language of a resource's language id, and English.
const LANGUAGE_MASK: u32 = 0x3FF;
const ENGLISH: u32 = 0x09;

/// What a file holds.
#[derive(Debug, Default)]
pub(crate) struct Resources {
    /// Manifests as they stand in the file.
    pub(crate) manifests: Vec<Vec<u8>>,
    /// Message strings by id; of several languages English.
    pub(crate) strings: Vec<(u32, String)>,
}

/// Reads the bytes of a file.
pub(crate) fn read(bytes: &[u8]) -> Result<Resources, String> {
    let read = isolated(|| {
        let manifests = extract_wevt_template_resources(bytes).map_err(|error| error.to_string())?;
        let manifests = manifests.into_iter().map(|resource| resource.data).collect();
        Ok(Resources { manifests, strings: strings(bytes)? })
    });
    read.unwrap_or_else(|reason| Err(format!("a file that the decoder gives up on ({reason})")))
}

fn strings(bytes: &[u8]) -> Result<Vec<(u32, String)>, String> {
    let image = Image::read(bytes)?;
    let mut tables = image.tables();
    tables.sort_by_key(|(language, _)| match language & LANGUAGE_MASK {
        ENGLISH => 0,
        0 => 1,
        _ => 2,
    });
    let Some(&(best, _)) = tables.first() else { return Ok(Vec::new()) };
    let mut strings = Vec::new();
    for (_, table) in tables.iter().filter(|(language, _)| *language == best) {
        strings.extend(message_table::read(table)?);
    }
    Ok(strings)
}

/// The resource section of a PE file and how to find what it names.
struct Image<'a> {
    bytes: &'a [u8],
    resources: &'a [u8],
    sections: Vec<SectionTable>,
    alignment: u32,
}

impl<'a> Image<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let broken = |error: goblin::error::Error| error.to_string();
        let header = Header::parse(bytes).map_err(broken)?;
        let optional = header.optional_header.ok_or("no optional header")?;
        let mut offset = usize::try_from(header.dos_header.pe_pointer).unwrap_or(usize::MAX);
        offset = offset
            .saturating_add(4 + goblin::pe::header::SIZEOF_COFF_HEADER)
            .saturating_add(usize::from(header.coff_header.size_of_optional_header));
        let sections = header.coff_header.sections(bytes, &mut offset).map_err(broken)?;
        let alignment = optional.windows_fields.file_alignment;
        let mut image = Self { bytes, resources: &[], sections, alignment };
        if let Some(table) = optional.data_directories.get_resource_table() {
            image.resources = image.at(table.virtual_address, table.size).unwrap_or_default();
        }
        Ok(image)
    }

    /// The bytes at a virtual address.
    fn at(&self, address: u32, size: u32) -> Option<&'a [u8]> {
        let options = ParseOptions::default();
        let start =
            goblin::pe::utils::find_offset(address as usize, &self.sections, self.alignment, &options)?;
        self.bytes.get(start..start.checked_add(size as usize)?)
    }

    /// Message tables with their languages.
    fn tables(&self) -> Vec<(u32, &'a [u8])> {
        let mut tables = Vec::new();
        for (_, names) in self.entries(0).into_iter().filter(|(id, _)| *id == MESSAGE_TABLE) {
            for (_, languages) in self.directory(names) {
                for (language, leaf) in self.directory(languages) {
                    let data = u32_at(self.resources, leaf as usize)
                        .zip(u32_at(self.resources, (leaf as usize).saturating_add(4)))
                        .and_then(|(address, size)| self.at(address, size));
                    if let Some(data) = data.filter(|_| tables.len() < MAX_TABLES) {
                        tables.push((language, data));
                    }
                }
            }
        }
        tables
    }

    /// The entries of the directory that an entry leads to.
    fn directory(&self, place: u32) -> Vec<(u32, u32)> {
        if place & IS_DIRECTORY == 0 { Vec::new() } else { self.entries((place & !IS_DIRECTORY) as usize) }
    }

    /// Ids and places of a directory's entries.
    fn entries(&self, place: usize) -> Vec<(u32, u32)> {
        let names = u16_at(self.resources, place.saturating_add(12)).unwrap_or_default();
        let ids = u16_at(self.resources, place.saturating_add(14)).unwrap_or_default();
        let count = usize::from(names) + usize::from(ids);
        let entry = |number: usize| {
            let start = place.checked_add(DIRECTORY_SIZE + number * ENTRY_SIZE)?;
            Some((u32_at(self.resources, start)?, u32_at(self.resources, start + 4)?))
        };
        (0..count).map_while(entry).collect()
    }
}
