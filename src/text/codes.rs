//! Error codes: one lookup for all tables, any spelling of a code, and which fields of events hold codes.
//!
//! A value can mean different things in different tables (5 as a Win32 code, as a disconnect reason, as a logon
//! type); [`lookup`] gives all of them and [`for_field`] only the one that the field's own table has.

use std::sync::LazyLock;

use crate::evtx::Record;

use super::packed::{Packed, u16_at, u32_at};
use super::store::pack;

/// What a table knows about a code; texts that are not known are empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// The table: `win32`, `wsa`, `hresult`, `ntstatus`, `sspi`, `rdp-disconnect`, `rdp-client`,
    /// `schannel-alert`, `schannel-state`, `logon-status`, `logon-type`, `kerberos`, `termdd`,
    /// `windows-update`, `rdpcorets-NNN`, `shutdown-…`.
    pub table: &'static str,
    /// The code as it was asked for.
    pub value: u32,
    /// Symbolic name, such as `ERROR_NETNAME_DELETED`.
    pub name: String,
    /// Microsoft's text.
    pub text: String,
    /// A few words, where the meaning is long.
    pub short: String,
    /// What it means for Remote Desktop.
    pub meaning: String,
    /// How far the code speaks for a fault: `normal`, `policy`, `look`, `fault`, `network`, `client`, `weak`,
    /// `noise`, `info`, `tls`.
    pub class: String,
    /// Whom to ask next about a code that clients show.
    pub side: String,
    /// Whether the row is too unsure to carry a verdict.
    pub is_unsure: bool,
    /// Causes to look at, likeliest first.
    pub points_to: Vec<String>,
}

impl Code {
    /// The best there is to call the code: its name, else a few words, else its meaning.
    #[must_use]
    pub fn label(&self) -> &str {
        let names = [&self.name, &self.short, &self.meaning, &self.text];
        names.into_iter().find(|text| !text.is_empty()).map_or("", String::as_str)
    }
}

/// Where a field stands in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldRef<'a> {
    /// By name.
    Name(&'a str),
    /// By position, counted from 1.
    Position(usize),
    /// The last four bytes of the binary data.
    Binary,
}

/// Bit that marks an NTSTATUS inside an HRESULT (`FACILITY_NT_BIT` of winerror.h).
const NT_BIT: u32 = 0x1000_0000;

/// The upper half of an HRESULT that carries a Win32 code.
const WIN32_FACILITY: u32 = 0x8007_0000;

/// The upper half of an NTSTATUS that carries a Win32 code (`FACILITY_NTWIN32`).
const NT_WIN32_FACILITY: u32 = 0xC007_0000;

/// Smallest value that says by itself what kind of code it is.
const SMALLEST_FAILURE: u32 = 0x8000_0000;

/// Other names of tables, for callers who know a table by its use.
const SAME_TABLES: [(&str, &str); 3] = [
    ("rdp-client-extended", "rdp-disconnect"),
    ("rdpcorets", "rdpcorets-103"),
    ("rdp-gateway", "rdp-client"),
];

static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/codes.bin"));

static TABLES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let numbers: Vec<u32> = packed().entry(pack::TABLES, 0).unwrap_or_default();
    packed().strings(&numbers)
});

/// A use of codes by a field, with its strings.
struct FieldUse {
    provider: &'static str,
    events: Vec<u32>,
    field: &'static str,
    tables: Vec<&'static str>,
}

static USES: LazyLock<Vec<FieldUse>> = LazyLock::new(|| {
    let uses: Vec<pack::PackedUse> = packed().entry(pack::FIELD_USES, 0).unwrap_or_default();
    uses.into_iter()
        .map(|item| FieldUse {
            provider: packed().string(item.provider),
            events: item.events,
            field: packed().string(item.field),
            tables: packed().strings(&item.tables),
        })
        .collect()
});

fn packed() -> Packed<'static> {
    Packed(PACKED)
}

/// Reads a code in decimal, signed decimal, hexadecimal or as `%%NNN`; `2147942464`, `-2147024832` and
/// `0x80070040` are the same.
#[must_use]
pub fn parse(spelling: &str) -> Option<u32> {
    let text = spelling.trim();
    let text = text.strip_prefix("%%").unwrap_or(text);
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let number = match hexadecimal {
        Some(digits) if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
            u64::from_str_radix(digits, 16).ok()?
        }
        None if digits.bytes().all(|digit| digit.is_ascii_digit()) => digits.parse().ok()?,
        _ => return None,
    };
    if is_negative {
        return i32::try_from(-i64::try_from(number).ok()?).ok().map(i32::cast_unsigned);
    }
    // A 32-bit status stored in a 64-bit field comes with its sign in the upper half.
    match number >> 32 {
        0 | 0xFFFF_FFFF => u32::try_from(number & 0xFFFF_FFFF).ok(),
        _ => None,
    }
}

/// What every table knows about a value, in the order of the tables' names.
#[must_use]
pub fn lookup(value: u32) -> Vec<Code> {
    let mut found = rows(value);
    if let Some(code) = general(value)
        && !found.iter().any(|own| (own.table, &own.name) == (code.table, &code.name))
    {
        found.push(code);
    }
    for code in &mut found {
        complete(code);
    }
    found.retain(|code| code.table != "msobjs");
    found
}

/// What one table knows about a value. `hresult` and `ntstatus` follow codes that carry a code of another kind.
#[must_use]
pub fn lookup_in(table: &str, value: u32) -> Option<Code> {
    let table = SAME_TABLES.iter().find(|(name, _)| *name == table).map_or(table, |(_, same)| same);
    let own = rows(value).into_iter().find(|code| code.table == table);
    let mut code = match table {
        "hresult" | "ntstatus" => own.or_else(|| general(value))?,
        "logon-status" | "termdd" => own.or_else(|| {
            let without_mark = rows(value & !NT_BIT).into_iter().find(|code| code.table == table)?;
            Some(Code { value, ..without_mark })
        })?,
        _ => own?,
    };
    complete(&mut code);
    Some(code)
}

/// The code in a field of a known event; `None` when the field holds no code or its tables do not know it.
#[must_use]
pub fn for_field(record: &Record, field: FieldRef<'_>) -> Option<Code> {
    uses_of(record).filter(|item| is_field(record, item.field, field)).find_map(|item| code_of(record, item))
}

/// All codes in the fields of a record: the field's value as written, and the code.
pub(crate) fn codes_of(record: &Record) -> Vec<(String, Code)> {
    let mut found: Vec<(String, Code)> = Vec::new();
    for item in uses_of(record) {
        let Some(written) = written(record, item.field) else { continue };
        if found.iter().any(|(known, _)| *known == written) {
            continue;
        }
        if let Some(code) = code_of(record, item) {
            found.push((written, code));
        }
    }
    found
}

/// Microsoft's text for `%%NNN` in a value: of the Security log's own table, else that of a system error.
pub(super) fn parameter_text(number: u32, is_security: bool) -> Option<&'static str> {
    let tables: &[&str] = if is_security { &["msobjs"] } else { &["win32", "wsa"] };
    let number = match number & 0xFFFF_0000 {
        WIN32_FACILITY => number & 0xFFFF,
        _ => number,
    };
    packed().rows(pack::CODES, pack::CODE_ROW, number).find_map(|row| {
        let table = TABLES.get(usize::from(u16_at(row, 8)?)).filter(|table| tables.contains(table));
        let code: pack::PackedCode = table.and_then(|_| packed().entry(pack::ENTRIES, u32_at(row, 4)?))?;
        Some(packed().string(code.text)).filter(|text| !text.is_empty())
    })
}

/// Every row of every table, by value.
pub(crate) fn all() -> impl Iterator<Item = Code> {
    packed().all_rows(pack::CODES, pack::CODE_ROW).filter_map(|row| code_at(u32_at(row, 0)?, row))
}

fn rows(value: u32) -> Vec<Code> {
    packed().rows(pack::CODES, pack::CODE_ROW, value).filter_map(|row| code_at(value, row)).collect()
}

fn code_at(value: u32, row: &[u8]) -> Option<Code> {
    let table = *TABLES.get(usize::from(u16_at(row, 8)?))?;
    let code: pack::PackedCode = packed().entry(pack::ENTRIES, u32_at(row, 4)?)?;
    let string = |number| packed().string(number).to_owned();
    Some(Code {
        table,
        value,
        name: string(code.name),
        text: string(code.text),
        short: string(code.short),
        meaning: string(code.meaning),
        class: string(code.class),
        side: string(code.side),
        is_unsure: code.is_unsure,
        points_to: code.points_to.iter().map(|&number| string(number)).collect(),
    })
}

/// What a value from 0x80000000 on says by itself: SSPI, HRESULT, NTSTATUS, or a Win32 code inside one.
fn general(value: u32) -> Option<Code> {
    if value < SMALLEST_FAILURE {
        return None;
    }
    let inner = match value & 0xFFFF_0000 {
        WIN32_FACILITY | NT_WIN32_FACILITY => value & 0xFFFF,
        _ if value & 0xD000_0000 == 0xD000_0000 => value & !NT_BIT,
        _ => value,
    };
    let tables: &[&str] =
        if inner == value & 0xFFFF { &["win32", "wsa"] } else { &["sspi", "hresult", "ntstatus"] };
    rows(inner).into_iter().find(|code| tables.contains(&code.table)).map(|code| Code { value, ..code })
}

/// Gives a row without a name the general name of its value.
fn complete(code: &mut Code) {
    if !code.name.is_empty() {
        return;
    }
    let wants_win32 = matches!(code.table, "rdpcorets-142" | "rdpcorets-143");
    let named = if wants_win32 {
        rows(code.value).into_iter().find(|row| row.table == "win32")
    } else {
        general(code.value)
    };
    if let Some(named) = named {
        code.name = named.name;
        if code.text.is_empty() {
            code.text = named.text;
        }
    }
}

fn uses_of(record: &Record) -> impl Iterator<Item = &'static FieldUse> {
    let is_of = |item: &FieldUse| {
        let source = record.event_source.as_deref().unwrap_or_default();
        let is_provider = item.provider == super::catalogue::ANY_PROVIDER
            || item.provider.eq_ignore_ascii_case(&record.provider)
            || item.provider.eq_ignore_ascii_case(source);
        is_provider && (item.events.is_empty() || item.events.contains(&record.event_id))
    };
    USES.iter().filter(move |item| is_of(item))
}

fn is_field(record: &Record, own: &str, asked: FieldRef<'_>) -> bool {
    match asked {
        FieldRef::Name(name) => own.eq_ignore_ascii_case(name),
        FieldRef::Binary => own == "binary",
        FieldRef::Position(position) => {
            own.parse() == Ok(position)
                || position
                    .checked_sub(1)
                    .and_then(|place| record.fields.get(place)?.name.as_deref())
                    .is_some_and(|name| name.eq_ignore_ascii_case(own))
        }
    }
}

/// The field's value as text; the status in binary data as a hexadecimal number.
fn written(record: &Record, field: &str) -> Option<String> {
    if field == "binary" {
        let bytes = record.binary.as_deref()?;
        let status = u32_at(bytes, bytes.len().checked_sub(4)?)?;
        return Some(format!("0x{status:08X}"));
    }
    // Records of old systems have unnamed data where later ones say `param1` and so on.
    let position = |text: &str| text.parse().ok().and_then(|number| record.insert(number));
    let value = record
        .field(field)
        .or_else(|| position(field))
        .or_else(|| record.fields.first()?.name.is_none().then(|| position(field.strip_prefix("param")?))?);
    value.map(str::to_owned)
}

fn code_of(record: &Record, item: &FieldUse) -> Option<Code> {
    let value = parse(&written(record, item.field)?)?;
    if item.provider == super::catalogue::ANY_PROVIDER && value < SMALLEST_FAILURE {
        return None;
    }
    let value_in_win32 =
        |table: &str| matches!(table, "win32" | "wsa") && value & 0xFFFF_0000 == WIN32_FACILITY;
    item.tables.iter().find_map(|table| {
        let value = if value_in_win32(table) { value & 0xFFFF } else { value };
        lookup_in(table, value)
    })
}

#[cfg(test)]
mod tests {
    use super::{TABLES, USES, lookup, lookup_in, parameter_text, parse};

    #[test]
    fn every_use_of_codes_names_known_tables_and_fields() {
        let texts = crate::text::Texts::builtin();
        for item in USES.iter() {
            for table in &item.tables {
                assert!(TABLES.contains(table), "{} {}: {table}", item.provider, item.field);
            }
            for &event in &item.events {
                let known = texts.fields(item.provider, event);
                let is_known = known.is_none_or(|names| {
                    names.iter().any(|name| name.eq_ignore_ascii_case(item.field))
                        || item.field.parse::<u8>().is_ok()
                });
                assert!(is_known, "{} {event}: {}", item.provider, item.field);
            }
        }
    }

    #[test]
    fn every_spelling_is_the_same_code() {
        for spelling in
            ["2147942464", "-2147024832", "0x80070040", "0X80070040", " %%2147942464 ", "0xffffffff80070040"]
        {
            assert_eq!(parse(spelling), Some(0x8007_0040), "{spelling}");
        }
        for spelling in ["", "0x", "-", "12x", "0x1_0", "99999999999", "1.5", "%%", "+5", "--1"] {
            assert_eq!(parse(spelling), None, "{spelling}");
        }
    }

    #[test]
    fn codes_inside_codes_are_followed() {
        for (table, value, name) in [
            ("hresult", 0x8007_0040, "ERROR_NETNAME_DELETED"),
            ("hresult", 0x8009_0304, "SEC_E_INTERNAL_ERROR"),
            ("hresult", 0xD000_00B5, "STATUS_IO_TIMEOUT"),
            ("ntstatus", 0xD00A_0032, "STATUS_RDP_PROTOCOL_ERROR"),
            ("ntstatus", 0xC000_006D, "STATUS_LOGON_FAILURE"),
            ("win32", 1067, "ERROR_PROCESS_ABORTED"),
            ("wsa", 10048, "WSAEADDRINUSE"),
            ("rdpcorets-226", 0x8007_0040, "ERROR_NETNAME_DELETED"),
            ("rdp-disconnect", 5, "ERRINFO_DISCONNECTED_BY_OTHER_CONNECTION"),
            ("termdd", 0xD00A_0032, "STATUS_RDP_PROTOCOL_ERROR"),
        ] {
            let code = lookup_in(table, value).unwrap();
            assert_eq!((code.name.as_str(), code.value), (name, value), "{table} {value:#x}");
        }
        assert_eq!(lookup_in("rdp-disconnect", 0x1234_5678), None);
        assert_eq!(lookup_in("no-such-table", 5), None);
    }

    #[test]
    fn one_number_is_known_to_several_tables() {
        let tables: Vec<_> = lookup(2308).iter().map(|code| code.table).collect();
        assert_eq!(tables, ["rdp-client"]);
        let tables: Vec<_> = lookup(5).iter().map(|code| code.table).collect();
        assert!(tables.contains(&"win32") && tables.contains(&"rdp-disconnect"), "{tables:?}");
    }

    #[test]
    fn parameters_come_from_the_table_of_their_log() {
        assert_eq!(parameter_text(1067, false), Some("The process terminated unexpectedly."));
        assert_eq!(parameter_text(2_147_942_405, false), Some("Access is denied."));
        assert_eq!(parameter_text(1833, true), Some("Impersonation"));
        assert_eq!(parameter_text(4_000_000_000, false), None);
    }
}
