//! JSON for machines: own structs with a version, so that a change inside cannot change the output unawares.

mod ascii;
#[cfg(test)]
mod tests;
mod v1;

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{CompactFormatter, PrettyFormatter};

use self::ascii::Harmless;
use super::clock::Clock;
use super::postmortem::Postmortem;
use crate::report::{Host, Report, Status};

/// Writes one document.
pub(super) fn diagnose(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    pretty(&v1::Report::new(report), out)
}

/// Writes one line per host.
pub(super) fn host_lines(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    report.hosts.iter().try_for_each(|host| compact(&v1::HostLine::new(host), out))
}

/// Writes one document with a host's timeline.
pub(super) fn timeline(host: &Host, out: &mut dyn Write) -> io::Result<()> {
    pretty(&v1::Timeline::new(host), out)
}

/// Writes one line per entry of a host's timeline.
pub(super) fn timeline_lines(host: &Host, out: &mut dyn Write) -> io::Result<()> {
    v1::Timeline::new(host).lines().try_for_each(|line| compact(&line, out))
}

/// Writes one document with the story of every host that did not work throughout.
pub(super) fn postmortem(report: &Report, clock: Clock, out: &mut dyn Write) -> io::Result<()> {
    let failed = report.hosts.iter().filter(|host| host.status != Status::Healthy);
    pretty(
        &v1::Postmortems::new(report, failed.map(|host| (host, Postmortem::new(host, clock))).collect()),
        out,
    )
}

/// Writes one line per story.
pub(super) fn postmortem_lines(report: &Report, clock: Clock, out: &mut dyn Write) -> io::Result<()> {
    let mut failed = report.hosts.iter().filter(|host| host.status != Status::Healthy);
    failed.try_for_each(|host| {
        compact(&v1::Postmortems::new(report, vec![(host, Postmortem::new(host, clock))]), out)
    })
}

fn pretty(document: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    document.serialize(&mut Serializer::with_formatter(&mut *out, Harmless(PrettyFormatter::new())))?;
    writeln!(out)
}

/// Writes one document.
pub(super) fn document(document: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    pretty(document, out)
}

/// Writes one line.
pub(super) fn line(document: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    compact(document, out)
}

fn compact(document: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    document.serialize(&mut Serializer::with_formatter(&mut *out, Harmless(CompactFormatter)))?;
    writeln!(out)
}
