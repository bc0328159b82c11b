//! Typed values of BinXML: how each is stored, how it reads as text, and how a scenario writes it.

use rdpwhy::evtx::Time;

use super::binxml::Instance;

/// Ticks between 1601-01-01, where FILETIME starts, and 1970-01-01.
const EPOCH_OFFSET: i64 = 116_444_736_000_000_000;

/// One value of a template instance.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// No value; the number is the count of stray bytes that some Windows versions leave behind it.
    Null(u16),
    Text(String),
    /// Text with its terminating NUL inside the value, as `UserData` of Windows' own services has it.
    TextNul(String),
    Texts(Vec<String>),
    UInt8(u8),
    UInt16(u16),
    UInt32(u32),
    UInt64(u64),
    Int32(i32),
    Bool(bool),
    Binary(Vec<u8>),
    Guid(String),
    FileTime(Time),
    Sid(String),
    Hex32(u32),
    Hex64(u64),
    Xml(Box<Instance>),
}

impl Value {
    /// Reads `text` as the type that `kind` names in the catalogue; an empty kind is a string.
    pub(crate) fn read(kind: &str, text: &str) -> Self {
        let number = || -> u64 {
            let digits = text.trim_start_matches("0x");
            let base = if digits.len() == text.len() { 10 } else { 16 };
            u64::from_str_radix(digits, base).unwrap_or_else(|_| panic!("{text} is no number of type {kind}"))
        };
        match kind {
            "" => Self::Text(text.into()),
            "nul" => Self::TextNul(text.into()),
            "u8" => Self::UInt8(u8::try_from(number()).expect("a byte")),
            "u16" => Self::UInt16(u16::try_from(number()).expect("16 bits")),
            "u32" => Self::UInt32(u32::try_from(number()).expect("32 bits")),
            "u64" => Self::UInt64(number()),
            "i32" => Self::Int32(text.parse().expect("a signed number")),
            "bool" => Self::Bool(text == "true"),
            "bin" => Self::Binary(read_binary(text)),
            "guid" => Self::Guid(text.into()),
            "time" => Self::FileTime(Time::parse(text).expect("a time")),
            "sid" => Self::Sid(text.into()),
            "h32" => Self::Hex32(u32::try_from(number()).expect("32 bits")),
            "h64" => Self::Hex64(number()),
            other => panic!("no value type {other}"),
        }
    }

    /// Type code of the value (MS-EVEN6 2.2.12.3).
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Null(_) => 0x00,
            Self::Text(_) | Self::TextNul(_) => 0x01,
            Self::Texts(_) => 0x81,
            Self::UInt8(_) => 0x04,
            Self::UInt16(_) => 0x06,
            Self::Int32(_) => 0x07,
            Self::UInt32(_) => 0x08,
            Self::UInt64(_) => 0x0a,
            Self::Bool(_) => 0x0d,
            Self::Binary(_) => 0x0e,
            Self::Guid(_) => 0x0f,
            Self::FileTime(_) => 0x11,
            Self::Sid(_) => 0x13,
            Self::Hex32(_) => 0x14,
            Self::Hex64(_) => 0x15,
            Self::Xml(_) => 0x21,
        }
    }

    /// The stored bytes; an embedded instance has none of its own, the encoder writes it in place.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Null(stray) => vec![1; usize::from(*stray)],
            Self::Text(text) => utf16(text),
            Self::TextNul(text) => utf16(&format!("{text}\0")),
            Self::Texts(texts) => texts.iter().flat_map(|text| utf16(&format!("{text}\0"))).collect(),
            Self::UInt8(number) => vec![*number],
            Self::UInt16(number) => number.to_le_bytes().to_vec(),
            Self::UInt32(number) | Self::Hex32(number) => number.to_le_bytes().to_vec(),
            Self::UInt64(number) | Self::Hex64(number) => number.to_le_bytes().to_vec(),
            Self::Int32(number) => number.to_le_bytes().to_vec(),
            Self::Bool(state) => u32::from(*state).to_le_bytes().to_vec(),
            Self::Binary(bytes) => bytes.clone(),
            Self::Guid(guid) => guid_bytes(guid).to_vec(),
            Self::FileTime(time) => filetime(*time).to_le_bytes().to_vec(),
            Self::Sid(sid) => sid_bytes(sid),
            Self::Xml(_) => Vec::new(),
        }
    }

    /// The value as the XML of a record shows it; forwarded records carry only this.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Null(_) | Self::Xml(_) => String::new(),
            Self::Text(text) | Self::TextNul(text) | Self::Sid(text) | Self::Guid(text) => text.clone(),
            Self::Texts(texts) => texts.join(","),
            Self::UInt8(number) => number.to_string(),
            Self::UInt16(number) => number.to_string(),
            Self::UInt32(number) => number.to_string(),
            Self::UInt64(number) => number.to_string(),
            Self::Int32(number) => number.to_string(),
            Self::Bool(state) => state.to_string(),
            Self::Binary(bytes) => bytes.iter().map(|byte| format!("{byte:02X}")).collect(),
            Self::FileTime(time) => time.rfc3339(),
            Self::Hex32(number) => format!("0x{number:x}"),
            Self::Hex64(number) => format!("0x{number:x}"),
        }
    }
}

/// `utf16:TermService/4` (with two NUL bytes at the end, as the Service Control Manager writes it) or
/// `hex:0A00`.
fn read_binary(text: &str) -> Vec<u8> {
    if let Some(text) = text.strip_prefix("utf16:") {
        return utf16(&format!("{text}\0"));
    }
    let digits = text.strip_prefix("hex:").expect("binary starts with utf16: or hex:");
    let nibbles: Vec<u8> = digits
        .chars()
        .map(|digit| u8::try_from(digit.to_digit(16).expect("a hexadecimal digit")).expect("below 16"))
        .collect();
    nibbles.chunks(2).map(|pair| pair.iter().fold(0, |byte, nibble| byte << 4 | nibble)).collect()
}

/// UTF-16LE without a terminator.
pub(crate) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// 100-nanosecond ticks since 1601.
pub(crate) fn filetime(time: Time) -> u64 {
    u64::try_from(time.0 + EPOCH_OFFSET).expect("scenarios do not play before 1601")
}

/// Bytes of `{1139c61b-b549-4251-8ed3-27250a1edec8}` with its three first groups in little endian.
pub(crate) fn guid_bytes(guid: &str) -> [u8; 16] {
    let digits: String = guid.chars().filter(char::is_ascii_hexdigit).collect();
    let value = u128::from_str_radix(&digits, 16).unwrap_or_else(|_| panic!("{guid} is no GUID"));
    let mut bytes = value.to_be_bytes();
    for group in [0..4, 4..6, 6..8] {
        bytes.get_mut(group).expect("inside of 16 bytes").reverse();
    }
    bytes
}

/// Bytes of `S-1-5-21-1-2-3-1001` (MS-DTYP 2.4.2).
fn sid_bytes(sid: &str) -> Vec<u8> {
    let numbers: Vec<u64> = sid
        .split('-')
        .skip(1)
        .map(|part| part.parse().unwrap_or_else(|_| panic!("{sid} is no SID")))
        .collect();
    let [revision, authority, subs @ ..] = numbers.as_slice() else { panic!("{sid} is no SID") };
    let mut bytes = vec![u8::try_from(*revision).expect("1"), u8::try_from(subs.len()).expect("below 16")];
    bytes.extend(authority.to_be_bytes().iter().skip(2));
    for sub in subs {
        bytes.extend(u32::try_from(*sub).expect("32 bits").to_le_bytes());
    }
    bytes
}
