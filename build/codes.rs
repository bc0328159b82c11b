//! Code files (`rules/codes/*.yml`): names and meanings of numbers, and which fields hold them. Only the build reads
//! them; the program finds codes in the packed form.

use super::first;
use super::store::pack::{
    self, CODE_ROW, CODES, ENTRIES, FIELD_USES, PackedCode, PackedUse, STRING_ENDS, STRINGS, Strings, TABLES,
    bytes_of, push,
};
use super::store::yaml::{self, Node, YamlError};

/// One table of codes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    /// Name of the table.
    pub(crate) name: String,
    /// Its codes.
    pub(crate) codes: Vec<TableCode>,
}

/// One code of a table; what is not known is empty.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableCode {
    /// The number.
    pub(crate) value: u32,
    /// Symbolic name.
    pub(crate) name: String,
    /// Microsoft's text.
    pub(crate) text: String,
    /// A few words.
    pub(crate) short: String,
    /// What it means for Remote Desktop, in our words.
    pub(crate) meaning: String,
    /// How far it speaks for a fault.
    pub(crate) class: String,
    /// Whom to ask next.
    pub(crate) side: String,
    /// Whether the row must never carry a verdict.
    pub(crate) is_unsure: bool,
    /// Causes to look at, likeliest first.
    pub(crate) points_to: Vec<String>,
}

/// A field of some events that holds a code.
#[derive(Debug, Clone, Default)]
pub(crate) struct FieldUse {
    /// Provider or event source.
    pub(crate) provider: String,
    /// Event ids; empty for all events of the provider.
    pub(crate) events: Vec<u32>,
    /// Name of the field, its position counted from 1, or `binary` for the last four bytes of the binary data.
    pub(crate) field: String,
    /// Tables to ask, in order.
    pub(crate) tables: Vec<String>,
}

/// Reads a table.
pub(crate) fn read_table(text: &str) -> Result<Table, YamlError> {
    let root = first(text)?;
    let mut table = Table::default();
    for (key, value) in root.want_map("a table of codes")? {
        match key {
            "table" => table.name = value.want_text("the name of the table")?,
            "codes" => {
                for (number, row) in value.want_map("codes")? {
                    table.codes.push(code(number, row)?);
                }
            }
            _ => return Err(value.error(format!("unknown key `{key}`"))),
        }
    }
    Ok(table)
}

fn code(number: &str, node: &Node) -> Result<TableCode, YamlError> {
    let value = yaml::number(number).and_then(|number| u32::try_from(number).ok());
    let value = value.ok_or_else(|| node.error("expected a code as key"))?;
    let mut code = TableCode { value, ..TableCode::default() };
    for (key, value) in node.want_map("a code")? {
        match key {
            "name" => code.name = value.want_text("a name")?,
            "text" => code.text = value.want_text("a text")?,
            "short" => code.short = value.want_text("a few words")?,
            "meaning" => code.meaning = value.want_text("a meaning")?,
            "class" => code.class = value.want_text("a class")?,
            "side" => code.side = value.want_text("a side")?,
            "confidence" => code.is_unsure = value.want_text("a confidence")? == "low",
            "points_to" => code.points_to = value.want_texts("names of causes")?,
            _ => return Err(value.error(format!("unknown key `{key}`"))),
        }
    }
    Ok(code)
}

/// Reads the list of fields that hold codes.
pub(crate) fn read_uses(text: &str) -> Result<Vec<FieldUse>, YamlError> {
    let root = first(text)?;
    let mut uses = Vec::new();
    for node in root.want_list("a list of fields")? {
        let mut item = FieldUse::default();
        for (key, value) in node.want_map("a field that holds a code")? {
            match key {
                "provider" => item.provider = value.want_text("a provider")?,
                "events" => {
                    let events = value.want_list("event ids")?;
                    item.events =
                        events.iter().map(|id| id.want_number("an event id")).collect::<Result<_, _>>()?;
                }
                "field" => item.field = value.want_text("a field")?,
                "tables" => item.tables = value.want_texts("names of tables")?,
                _ => return Err(value.error(format!("unknown key `{key}`"))),
            }
        }
        uses.push(item);
    }
    Ok(uses)
}

/// Packs code tables and the list of fields that hold codes.
pub(crate) fn pack(tables: &[Table], uses: &[FieldUse]) -> Vec<u8> {
    let mut strings = Strings::new();
    let mut entries = Vec::new();
    let mut rows = Vec::new();
    let mut names = Vec::new();
    for (position, table) in tables.iter().enumerate() {
        names.push(strings.add(&table.name));
        for code in &table.codes {
            let packed = PackedCode {
                name: strings.add(&code.name),
                text: strings.add(&code.text),
                short: strings.add(&code.short),
                meaning: strings.add(&code.meaning),
                class: strings.add(&code.class),
                side: strings.add(&code.side),
                is_unsure: code.is_unsure,
                points_to: strings.add_all(&code.points_to),
            };
            let table = u16::try_from(position).unwrap_or(u16::MAX);
            rows.push((code.value, table, push(&mut entries, &packed)));
        }
    }
    rows.sort_unstable();
    let mut packed_rows = Vec::with_capacity(rows.len() * CODE_ROW);
    for (value, table, offset) in rows {
        packed_rows.extend_from_slice(&value.to_le_bytes());
        packed_rows.extend_from_slice(&offset.to_le_bytes());
        packed_rows.extend_from_slice(&table.to_le_bytes());
    }
    let uses: Vec<_> = uses
        .iter()
        .map(|item| PackedUse {
            provider: strings.add(&item.provider),
            events: item.events.clone(),
            field: strings.add(&item.field),
            tables: strings.add_all(&item.tables),
        })
        .collect();
    let (names, uses) = (bytes_of(&names), bytes_of(&uses));
    pack::sections(&mut [
        (STRING_ENDS, &strings.ends()),
        (STRINGS, strings.bytes()),
        (TABLES, &names),
        (CODES, &packed_rows),
        (ENTRIES, &entries),
        (FIELD_USES, &uses),
    ])
}
