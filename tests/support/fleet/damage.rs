//! Damage as copied logs have it, in the oldest records of a log that decides nothing about the host.

use super::super::evtx_writer::FILE_HEADER_SIZE;
use super::super::random::Random;
use super::super::scenario::Logs;

const CONNECTIONS: &str = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS%4Operational.evtx";

/// Damages one log in one of three ways.
pub(super) fn damage(logs: &mut Logs, random: &mut Random) {
    let Some(log) = logs.get_mut(CONNECTIONS) else { return };
    match random.between(0, 2) {
        0 => zero(log, 0, FILE_HEADER_SIZE),
        1 => log.truncate(log.len() - 4096),
        // The second record of the first chunk: its bytes are gone, its neighbours are whole.
        _ => zero_second_record(log),
    }
}

fn zero(log: &mut [u8], at: usize, length: usize) {
    if let Some(bytes) = log.get_mut(at..at + length) {
        bytes.fill(0);
    }
}

fn zero_second_record(log: &mut [u8]) {
    let first = FILE_HEADER_SIZE + 512;
    let size = |log: &[u8], at: usize| {
        let bytes = log.get(at + 4..at + 8).and_then(|bytes| bytes.first_chunk());
        bytes.map_or(0, |bytes| usize::try_from(u32::from_le_bytes(*bytes)).unwrap_or_default())
    };
    let second = first + size(log, first);
    let length = size(log, second);
    zero(log, second + 24, length.saturating_sub(28));
}
