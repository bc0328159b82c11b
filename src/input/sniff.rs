//! Says what a run of bytes is, from its first bytes alone.
//!
//! A name is never believed: a zip may be called `System.evtx`. What is no log is told apart as far as it helps
//! the user to find the right file.

use super::Format;

/// Bytes that [`sniff`] wants to see; fewer will do.
pub(super) const HEAD: usize = 4096;

/// Signature of the file header (libyal's description of the format, section 2).
const FILE_MAGIC: &[u8] = b"ElfFile\0";

/// Signature of a chunk (section 3).
pub(super) const CHUNK_MAGIC: &[u8] = b"ElfChnk\0";

/// What bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Records in a format that is read.
    Log(Format),
    /// A container that is read.
    Archive(Pack),
    /// Something else: what it is, and what to do.
    Other(&'static str, &'static str),
    /// Bytes without any known mark.
    Unknown,
}

/// Containers that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pack {
    Zip,
    Gzip,
    SevenZip,
}

const EXPORT_AGAIN: &str =
    "export the log on the server with `wevtutil epl System System.evtx` and give that file";
const UNPACK: &str = "unpack it and give the folder, or pack the logs as .zip";

/// Marks at the beginning of things that are mistaken for logs.
const OTHERS: &[(usize, &[u8], &str, &str)] = &[
    (
        4,
        b"LfLe",
        "an event log of Windows Server 2003 or older (.evt)",
        "convert it with `wevtutil epl OLD.evt NEW.evtx /lf:true`",
    ),
    (
        0,
        b"version https://git-lfs",
        "a Git LFS pointer: the content was not downloaded",
        "run `git lfs pull` in that repository",
    ),
    (0, b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (0, b"\xfd7zXZ\0", "an XZ archive", UNPACK),
    (0, b"BZh", "a bzip2 archive", UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive", UNPACK),
    (0, b"MSCF", "a cabinet archive (.cab)", UNPACK),
    (257, b"ustar", "a tar archive", UNPACK),
    (0, b"regf", "a registry hive", EXPORT_AGAIN),
    (0, b"MZ", "a program", EXPORT_AGAIN),
    (0, b"%PDF", "a PDF document", EXPORT_AGAIN),
    (0, b"\x89PNG", "a picture", EXPORT_AGAIN),
    (0, b"\xff\xd8\xff", "a picture", EXPORT_AGAIN),
];

/// Says what the bytes are that begin with `head`.
pub(super) fn sniff(head: &[u8]) -> Kind {
    if head.is_empty() {
        return Kind::Other("an empty file", "copy or export it again");
    }
    if head.starts_with(FILE_MAGIC) || head.starts_with(CHUNK_MAGIC) {
        return Kind::Log(Format::Evtx);
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Kind::Archive(Pack::Zip);
    }
    if head.starts_with(b"\x1f\x8b") {
        return Kind::Archive(Pack::Gzip);
    }
    if head.starts_with(b"7z\xbc\xaf\x27\x1c") {
        return Kind::Archive(Pack::SevenZip);
    }
    let marked =
        OTHERS.iter().find(|(at, mark, ..)| head.get(*at..).is_some_and(|rest| rest.starts_with(mark)));
    if let Some((_, _, what, help)) = marked {
        return Kind::Other(what, help);
    }
    text_of(head).map_or(Kind::Unknown, |text| sniff_text(&text))
}

fn sniff_text(text: &str) -> Kind {
    let text = text.trim_start();
    if begins_with_event(text) {
        return Kind::Log(Format::Xml);
    }
    let is_json = text.starts_with('{');
    if is_json
        && (text.contains("\"Event\"") || (text.contains("\"event_id\"") && text.contains("\"channel\"")))
    {
        return Kind::Log(Format::JsonLines);
    }
    if text.starts_with("<!DOCTYPE html") || text.starts_with("<html") {
        return Kind::Other("a web page, perhaps a failed download", EXPORT_AGAIN);
    }
    if text.starts_with('<') {
        return Kind::Other("XML without an Event element", EXPORT_AGAIN);
    }
    if text.is_empty() {
        return Kind::Other("a file of nothing but white space", EXPORT_AGAIN);
    }
    Kind::Other("a text file", EXPORT_AGAIN)
}

/// True when the first element is `Event` or `Events`; declarations, comments and the `Record N` lines of
/// `evtx_dump` may stand before it.
fn begins_with_event(text: &str) -> bool {
    let mut rest = text;
    if let Some(number) = rest.strip_prefix("Record ") {
        rest = number.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    loop {
        rest = rest.trim_start();
        let end = if rest.starts_with("<?") {
            "?>"
        } else if rest.starts_with("<!--") {
            "-->"
        } else {
            break;
        };
        match rest.split_once(end) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    let name = rest.strip_prefix('<').unwrap_or_default();
    ["Events", "Event"].iter().any(|known| {
        name.strip_prefix(known)
            .is_some_and(|after| after.starts_with(['>', '/']) || after.starts_with(char::is_whitespace))
    })
}

/// The head as text: UTF-16 with a byte order mark, or UTF-8; `None` for bytes that are no text.
fn text_of(head: &[u8]) -> Option<String> {
    let units = |bytes: &[u8], of: fn([u8; 2]) -> u16| {
        let units: Vec<u16> =
            bytes.chunks_exact(2).map(|pair| of(pair.try_into().unwrap_or_default())).collect();
        String::from_utf16_lossy(&units)
    };
    if let Some(rest) = head.strip_prefix(b"\xff\xfe") {
        return Some(units(rest, u16::from_le_bytes));
    }
    if let Some(rest) = head.strip_prefix(b"\xfe\xff") {
        return Some(units(rest, u16::from_be_bytes));
    }
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let is_text = head.iter().all(|&byte| byte >= 0x20 || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c));
    is_text.then(|| String::from_utf8_lossy(head).into_owned())
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::{Kind, Pack, sniff};

    #[test]
    fn logs_are_known_by_their_first_bytes() {
        assert_eq!(sniff(b"ElfFile\0rest"), Kind::Log(Format::Evtx));
        assert_eq!(sniff(b"PK\x03\x04"), Kind::Archive(Pack::Zip));
        let declared = "\u{feff}<?xml version=\"1.0\"?>\r\n<!-- a > b --><Events><Event/>";
        assert_eq!(sniff(declared.as_bytes()), Kind::Log(Format::Xml));
        let wide: Vec<u8> = declared.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(sniff(&wide), Kind::Log(Format::Xml));
        assert_eq!(sniff(b"Record 1\n<?xml version=\"1.0\"?>\n<Event xmlns='x'>"), Kind::Log(Format::Xml));
        assert_eq!(sniff(b"{\"Event\":{\"System\":{}}}"), Kind::Log(Format::JsonLines));
        assert_eq!(sniff(b"{\"event_id\":1,\"channel\":\"System\"}"), Kind::Log(Format::JsonLines));
    }

    #[test]
    fn what_is_no_log_is_named() {
        let what = |bytes: &[u8]| match sniff(bytes) {
            Kind::Other(what, _) => what,
            other => panic!("{other:?}"),
        };
        assert_eq!(what(b""), "an empty file");
        assert!(what(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n").contains("LFS"));
        assert!(what(b"0\0\0\0LfLe\x01\0\0\0").contains("2003"));
        assert_eq!(what(b"Level,Date and Time,Source"), "a text file");
        assert_eq!(what(b"<EventsOf/>"), "XML without an Event element");
        assert_eq!(sniff(&[0; 512]), Kind::Unknown);
    }
}
