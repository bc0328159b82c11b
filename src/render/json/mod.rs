//! JSON for machines: own structs with a version, so that a change inside cannot change the output unawares.

mod ascii;
#[cfg(test)]
mod tests;
mod v1;

use std::io::{self, Write};

use serde::Serialize as _;
use serde_json::Serializer;
use serde_json::ser::{CompactFormatter, PrettyFormatter};

use self::ascii::Harmless;
use crate::report::Report;

/// Writes one document.
pub(super) fn diagnose(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(&mut *out, Harmless(PrettyFormatter::new()));
    v1::Report::new(report).serialize(&mut serializer)?;
    writeln!(out)
}

/// Writes one line per host.
pub(super) fn host_lines(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for host in &report.hosts {
        let mut serializer = Serializer::with_formatter(&mut *out, Harmless(CompactFormatter));
        v1::HostLine::new(host).serialize(&mut serializer)?;
        writeln!(out)?;
    }
    Ok(())
}
