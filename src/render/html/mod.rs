//! One HTML file that needs nothing else: no network, no fonts, and a policy in its head that lets a browser run only
//! the script that this program put there.
//!
//! Hosts are written one after the other, so memory does not grow with the fleet.

mod chart;
mod show;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use askama::Template;
use sha2::{Digest as _, Sha256};

use self::show::Show;
use super::clock::Clock;
use super::document::{Block, Document};
use super::{Style, escape, headline};
use crate::report::{Group, Host, HostLine, Report, Status};

/// Up to this many hosts, those that do not work are shown open.
const FEW_HOSTS: usize = 5;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

#[derive(Template)]
#[template(path = "head.html")]
struct Head<'a> {
    title: &'a str,
    style: &'a str,
    style_hash: String,
    script_hash: String,
}

#[derive(Template)]
#[template(path = "tail.html")]
struct Tail<'a> {
    script: &'a str,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview<'a> {
    report: &'a Report,
    lines: &'a [HostLine],
    left_out: usize,
    groups: Vec<&'a Group>,
    show: Show,
}

#[derive(Template)]
#[template(path = "host.html")]
struct OneHost<'a> {
    number: usize,
    host: &'a Host,
    is_open: bool,
    headline: String,
    chart: String,
    channels: Vec<String>,
    has_evidence: bool,
    show: Show,
}

#[derive(Template)]
#[template(path = "document.html")]
struct Text<'a> {
    document: &'a Document,
    chart: String,
    show: Show,
}

/// Writes a whole report.
pub(super) fn diagnose(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let limit = style.top.unwrap_or(usize::MAX);
    let lines = report.fleet.lines.get(..limit).unwrap_or(&report.fleet.lines);
    head("Remote Desktop diagnosis", out)?;
    let overview = Overview {
        report,
        lines,
        left_out: report.fleet.lines.len() - lines.len(),
        groups: report.fleet.groups.iter().filter(|group| group.hosts.len() > 1).collect(),
        show: Show(Clock::new(style.tz, report.summary.last_record)),
    };
    overview.write_into(out)?;
    for (index, host) in report.hosts.iter().take(limit).enumerate() {
        let is_open = report.hosts.len() == 1
            || report.hosts.len() <= FEW_HOSTS && matches!(host.status, Status::Broken | Status::Degraded);
        one_host(index + 1, host, is_open, style).write_into(out)?;
    }
    tail(out)
}

/// Writes a text.
pub(super) fn document(document: &Document, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    text(document, String::new(), style, out)
}

/// Writes a host's timeline under its picture.
pub(super) fn timeline(
    host: &Host,
    document: &Document,
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    text(document, chart::draw(host, style.tz).unwrap_or_default(), style, out)
}

fn text(document: &Document, chart: String, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    head(&escape::line(&document.title, escape::NAME), out)?;
    Text { document, chart, show: Show(Clock::new(style.tz, None)) }.write_into(out)?;
    tail(out)
}

fn one_host<'a>(number: usize, host: &'a Host, is_open: bool, style: &Style) -> OneHost<'a> {
    let clock = Clock::new(style.tz, host.last_record);
    let show = Show(clock);
    let evidence = host.causes.iter().flat_map(|cause| &cause.evidence);
    let mut channels: Vec<_> = evidence.map(|line| show.channel(&line.channel)).collect();
    channels.sort_unstable();
    channels.dedup();
    OneHost {
        number,
        host,
        is_open,
        headline: headline::words(host, clock),
        chart: chart::draw(host, style.tz).unwrap_or_default(),
        has_evidence: !channels.is_empty(),
        channels,
        show,
    }
}

fn head(title: &str, out: &mut dyn Write) -> io::Result<()> {
    Head { title, style: STYLE, style_hash: hash(STYLE), script_hash: hash(SCRIPT) }.write_into(out)
}

fn tail(out: &mut dyn Write) -> io::Result<()> {
    Tail { script: SCRIPT }.write_into(out)
}

/// The source expression that allows exactly this text (Content Security Policy level 3, section 6.7).
fn hash(text: &str) -> String {
    format!("sha256-{}", base64(&Sha256::digest(text.as_bytes())))
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits =
            (0..3).fold(0_u32, |bits, place| bits << 8 | u32::from(group.get(place).copied().unwrap_or(0)));
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place) & 63) as usize;
            let is_padding = place > group.len();
            text.push(if is_padding {
                '='
            } else {
                char::from(ALPHABET.get(index).copied().unwrap_or(b'='))
            });
        }
    }
    text
}
