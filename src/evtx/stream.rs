//! Bytes of a text export as UTF-8, block by block.
//!
//! PowerShell and Event Viewer write UTF-16 with a byte order mark, everything else writes UTF-8. Bytes that are no
//! UTF-8 are passed on: whoever cuts an event or a line out replaces them there.

use std::io::{self, Read};
use std::sync::Arc;

use super::{Counts, Fault, Record, Visitor};

/// Bytes read at once.
const BLOCK: usize = 64 << 10;

/// Reads a stream and removes its encoding.
pub(super) struct Stream<'a> {
    inner: &'a mut dyn Read,
    block: Vec<u8>,
    encoding: Option<Encoding>,
    /// UTF-16: the byte and the high surrogate that wait for their other half.
    half: Option<u8>,
    surrogate: Option<u16>,
}

#[derive(Clone, Copy)]
enum Encoding {
    Utf8,
    Wide(fn([u8; 2]) -> u16),
}

impl<'a> Stream<'a> {
    pub(super) fn new(inner: &'a mut dyn Read) -> Self {
        Self { inner, block: vec![0; BLOCK], encoding: None, half: None, surrogate: None }
    }

    /// Appends the next text to `buffer`; false at the end.
    pub(super) fn more(&mut self, buffer: &mut Vec<u8>) -> io::Result<bool> {
        let read =
            if self.encoding.is_none() { self.begin()? } else { fill(self.inner, &mut self.block, 1)? };
        let block = std::mem::take(&mut self.block);
        let mut bytes = block.get(..read).unwrap_or_default();
        let encoding = *self.encoding.get_or_insert_with(|| {
            let (encoding, mark) = mark(bytes);
            bytes = bytes.get(mark..).unwrap_or_default();
            encoding
        });
        match encoding {
            Encoding::Utf8 => buffer.extend_from_slice(bytes),
            Encoding::Wide(unit) => self.narrow(bytes, unit, buffer),
        }
        self.block = block;
        Ok(read > 0)
    }

    /// Reads enough to see a byte order mark.
    fn begin(&mut self) -> io::Result<usize> {
        fill(self.inner, &mut self.block, 3)
    }

    fn narrow(&mut self, bytes: &[u8], unit: fn([u8; 2]) -> u16, buffer: &mut Vec<u8>) {
        let mut units = Vec::with_capacity(bytes.len() / 2 + 2);
        units.extend(self.surrogate.take());
        for &byte in bytes {
            match self.half.take() {
                Some(first) => units.push(unit([first, byte])),
                None => self.half = Some(byte),
            }
        }
        if let Some(last) = units.pop_if(|last| (0xd800..0xdc00).contains(last)) {
            self.surrogate = Some(last);
        }
        buffer.extend_from_slice(String::from_utf16_lossy(&units).as_bytes());
    }
}

/// Reads until at least `least` bytes are there, or to the end.
fn fill(stream: &mut dyn Read, block: &mut [u8], least: usize) -> io::Result<usize> {
    let mut done = 0;
    while done < least {
        match stream.read(block.get_mut(done..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// The encoding that the first bytes show, and the length of the mark.
fn mark(bytes: &[u8]) -> (Encoding, usize) {
    match bytes {
        [0xff, 0xfe, ..] => (Encoding::Wide(u16::from_le_bytes), 2),
        [0xfe, 0xff, ..] => (Encoding::Wide(u16::from_be_bytes), 2),
        [0xef, 0xbb, 0xbf, ..] => (Encoding::Utf8, 3),
        _ => (Encoding::Utf8, 0),
    }
}

/// Hands on what a text export gives, as [`super::read_chunk`] does for a chunk, and counts it.
pub(super) struct Sink<'a> {
    pub(super) log: &'a Arc<str>,
    visitor: &'a mut dyn Visitor,
    counts: Counts,
}

impl<'a> Sink<'a> {
    pub(super) fn new(log: &'a Arc<str>, visitor: &'a mut dyn Visitor) -> Self {
        Self { log, visitor, counts: Counts::default() }
    }

    pub(super) fn record(&mut self, record: Record) {
        self.counts.read += 1;
        if self.visitor.head(&record.head()) {
            self.visitor.record(record);
        }
    }

    /// Takes damage that costs one record; offsets count bytes of the text as UTF-8.
    pub(super) fn lose(&mut self, offset: u64, expected: &str, found: &str) {
        self.counts.lost += 1;
        self.fault(offset, expected, found, 1);
    }

    /// Takes the error that broke the stream off.
    pub(super) fn break_off(&mut self, offset: u64, error: &io::Error) {
        self.fault(offset, "more of the export", &error.to_string(), 0);
    }

    fn fault(&mut self, offset: u64, expected: &str, found: &str, lost: u64) {
        let log = Arc::clone(self.log);
        self.visitor.fault(Fault { log, offset, expected: expected.into(), found: found.into(), lost });
    }

    pub(super) fn finish(self) {
        self.visitor.counts(&self.counts);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::Stream;

    /// Gives one byte at a time.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let one = buffer.len().min(1);
            self.0.read(&mut buffer[..one])
        }
    }

    fn text(bytes: &[u8]) -> String {
        let mut drip = Drip(bytes);
        let mut stream = Stream::new(&mut drip);
        let mut buffer = Vec::new();
        while stream.more(&mut buffer).expect("memory does not fail") {}
        String::from_utf8(buffer).expect("UTF-8")
    }

    #[test]
    fn both_encodings_are_read_however_blocks_fall() {
        let wide =
            |text: &str, of: fn(u16) -> [u8; 2]| -> Vec<u8> { text.encode_utf16().flat_map(of).collect() };
        assert_eq!(text("\u{feff}Gerät 😀".as_bytes()), "Gerät 😀");
        assert_eq!(text("Gerät 😀".as_bytes()), "Gerät 😀");
        assert_eq!(text(&wide("\u{feff}Gerät 😀", u16::to_le_bytes)), "Gerät 😀");
        assert_eq!(text(&wide("\u{feff}Gerät 😀", u16::to_be_bytes)), "Gerät 😀");
        assert_eq!(text(b"\xff\xfe\x00\xd8a\0"), "\u{fffd}a");
        assert_eq!(text(b""), "");
    }
}
