//! A scan as bytes, to be joined with others later.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use super::kept::{self, Kept};
use super::{Part, Scan};
use crate::input::ContentKey;

/// First bytes of a partial report; the last one is its version.
const MAGIC: &[u8; 8] = b"rdpwhy\x00\x03";

/// A partial report that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PartialError {
    /// It cannot be read or written.
    #[error("cannot be read")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("is no partial report of this version of rdpwhy")]
    Foreign,
    /// It is damaged.
    #[error("is damaged")]
    Damaged,
    /// It was made with other rules.
    #[error("was made with other rules ({found}) than those of this run ({expected})")]
    OtherRules {
        /// Fingerprint of the rules of this run.
        expected: String,
        /// Fingerprint in the report.
        found: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Stored {
    rules: String,
    kept: Kept,
    parts: BTreeMap<ContentKey, Part>,
    duplicates: u64,
    problems: Vec<String>,
    is_partial: bool,
}

impl Scan {
    /// Writes the scan as a compact partial report.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let stored = Stored {
            rules: self.rules.clone(),
            kept: self.kept.clone(),
            duplicates: self.duplicates,
            problems: self.problems.clone(),
            is_partial: self.is_partial,
            parts: self.parts.clone(),
        };
        out.write_all(MAGIC)?;
        kept::pack(&stored, out)
    }

    /// Reads a partial report; `rules` is the fingerprint of the rules of this run.
    pub fn read(input: &mut dyn Read, rules: &str) -> Result<Self, PartialError> {
        let mut magic = [0; MAGIC.len()];
        input.read_exact(&mut magic).map_err(|_| PartialError::Foreign)?;
        if &magic != MAGIC {
            return Err(PartialError::Foreign);
        }
        let stored: Stored = kept::unpack(input).map_err(|_| PartialError::Damaged)?;
        if stored.rules != rules {
            return Err(PartialError::OtherRules { expected: rules.to_owned(), found: stored.rules });
        }
        Ok(Self {
            kept: stored.kept,
            rules: stored.rules,
            duplicates: stored.duplicates,
            problems: stored.problems,
            is_partial: stored.is_partial,
            parts: stored.parts,
        })
    }
}
