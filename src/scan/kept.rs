//! What stays in memory of logs that were read: few facts of each log, and the records of each computer as packed
//! bytes.
//!
//! A host's records are looked at once, when it is judged. Until then they are packed, about a thirtieth of their
//! size, so that a run over many hosts holds many only as bytes and few as records.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::tally::{Computer, Log, Tally};

/// Layers of one rank that are joined to one of the next rank.
const WIDTH: usize = 16;
/// Largest content that is unpacked.
const MAX_BYTES: u64 = 4 << 30;

/// What was kept of some logs. Two of them join into one, in any order and grouping.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) logs: BTreeMap<Arc<str>, Log>,
    computers: BTreeMap<Arc<str>, Vec<Layer>>,
}

/// Records of one computer in some logs, packed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Layer {
    /// How often it was joined from others: each record is unpacked and packed again only so often.
    rank: u8,
    bytes: Box<[u8]>,
}

impl Kept {
    /// Packs what was collected.
    pub(super) fn new(tally: Tally) -> io::Result<Self> {
        let mut computers = BTreeMap::new();
        for (name, computer) in tally.computers {
            computers.insert(name, vec![Layer::new(0, &computer)?]);
        }
        Ok(Self { logs: tally.logs, computers })
    }

    /// Puts another's content into this one.
    pub(super) fn join(&mut self, other: Self) {
        for (name, layers) in other.computers {
            let own = self.computers.entry(name).or_default();
            own.extend(layers);
            settle(own);
        }
        for (name, log) in other.logs {
            self.logs.entry(name).or_default().join(log);
        }
    }

    /// The names of all computers.
    pub(super) fn computers(&self) -> impl Iterator<Item = &Arc<str>> {
        self.computers.keys()
    }

    /// What was kept of one computer; of a damaged partial report nothing but what can be unpacked.
    pub(super) fn computer(&self, name: &str) -> Computer {
        self.computers.get(name).map_or_else(Computer::default, |layers| unpacked(layers.iter()))
    }
}

impl Layer {
    fn new(rank: u8, computer: &Computer) -> io::Result<Self> {
        let mut bytes = Vec::new();
        pack(computer, &mut bytes)?;
        Ok(Self { rank, bytes: bytes.into() })
    }
}

/// Joins layers once there are many of one rank.
fn settle(layers: &mut Vec<Layer>) {
    let mut rank = 0;
    while layers.iter().any(|layer| layer.rank >= rank) {
        let alike = layers.iter().filter(|layer| layer.rank == rank);
        if alike.clone().count() >= WIDTH
            && let Ok(joined) = Layer::new(rank + 1, &unpacked(alike))
        {
            layers.retain(|layer| layer.rank != rank);
            layers.push(joined);
        }
        rank = rank.saturating_add(1);
        if rank == u8::MAX {
            return;
        }
    }
}

fn unpacked<'a>(layers: impl Iterator<Item = &'a Layer>) -> Computer {
    let mut whole = Computer::default();
    for layer in layers {
        // Only bytes that somebody made up do not unpack: files are checked as a whole when they are read.
        if let Ok(computer) = unpack(&*layer.bytes) {
            whole.join(computer);
        }
    }
    whole
}

/// Writes a value in few bytes, with a checksum.
pub(super) fn pack(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    let bytes = postcard::to_stdvec(value).map_err(io::Error::other)?;
    let mut packed = flate2::write::GzEncoder::new(out, flate2::Compression::fast());
    packed.write_all(&bytes)?;
    packed.finish()?;
    Ok(())
}

/// Reads what [`pack`] wrote.
pub(super) fn unpack<T: DeserializeOwned>(packed: impl Read) -> io::Result<T> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed).take(MAX_BYTES).read_to_end(&mut bytes)?;
    postcard::from_bytes(&bytes).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::tally::{Bucket, Kind};
    use super::{Kept, Tally, WIDTH};
    use crate::evtx::{Record, Time};

    fn record(id: u64) -> Record {
        let name = |text: &str| Arc::<str>::from(text);
        Record {
            log: name("System.evtx"),
            provider: name("Service Control Manager"),
            provider_guid: None,
            event_source: None,
            channel: name("System"),
            computer: name("SRV1"),
            event_id: 7036,
            qualifiers: None,
            version: 0,
            level: 4,
            task: 0,
            opcode: 0,
            keywords: 0,
            record_id: id,
            number: id,
            time: Time(i64::try_from(id).unwrap_or(0)),
            activity_id: None,
            related_activity_id: None,
            process_id: None,
            thread_id: None,
            user_sid: None,
            fields: Vec::new(),
            user_data: None,
            binary: None,
            rendering: None,
        }
    }

    fn log(first: u64) -> Tally {
        let mut bucket = Bucket::default();
        (first..first + 10).for_each(|id| bucket.add(record(id)));
        let Record { provider, channel, event_id, computer, .. } = record(first);
        let mut tally = Tally::default();
        let kind = Kind { provider, event_id, channel, atoms: Vec::new() };
        tally.computers.entry(computer).or_default().take(kind, bucket);
        tally
    }

    #[test]
    fn many_logs_of_a_computer_stay_few_layers_and_lose_nothing() {
        let count = 3 * WIDTH as u64;
        let mut whole = Tally::default();
        let mut kept = Kept::default();
        for number in 0..count {
            whole.join(log(number * 10));
            kept.join(Kept::new(log(number * 10)).expect("memory takes what is written"));
        }
        let layers = kept.computers.get("SRV1").map_or(0, Vec::len);
        assert_eq!(layers, 3);
        assert_eq!(Some(&kept.computer("SRV1")), whole.computers.get("SRV1"));
    }
}
