//! The sentence that Event Viewer shows for a record, on any machine and offline; names and meanings of codes.
//!
//! [`Texts`] asks its sources in order: the text in the record itself, display information saved beside the log,
//! files that the user gives, the catalogue compiled into the program. Nothing is parsed before it is needed.
//! The room does not read logs and does not judge what a text or code means for a host.

mod catalogue;
pub mod codes;
mod message;
mod packed;
mod store;
mod values;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

use crate::evtx::{Fault, Record};

use catalogue::{Catalogue, Event};

/// All sources of text for records.
#[derive(Debug, Clone)]
pub struct Texts {
    user: Vec<Catalogue>,
    builtin: Catalogue,
}

/// What Event Viewer would show for a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// The sentence, in English where any source has it in English.
    pub text: String,
    /// Who gave `text`.
    pub source: TextSource,
    /// The text in another language that came with the log, when `text` is the English one.
    pub original: Option<String>,
}

/// Where a sentence comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextSource {
    /// The record itself, as forwarded events do.
    RenderingInfo,
    /// Display information saved beside the log.
    Mta,
    /// Files that the user gave.
    User,
    /// The catalogue in the program.
    Catalogue,
    /// Nobody: the text lists the values.
    None,
}

/// An event that a catalogue knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueEvent {
    /// Provider name.
    pub provider: String,
    /// Channel, where known.
    pub channel: Option<String>,
    /// Event id.
    pub event_id: u32,
    /// Qualifiers of a classic event.
    pub qualifiers: Option<u16>,
    /// Version.
    pub version: u8,
    /// Level as recorded, where known.
    pub level: Option<u8>,
    /// Field names, `%1` first; `None` when `Data` is unnamed.
    pub fields: Option<Vec<String>>,
    /// Newest text with its inserts, where known.
    pub message: Option<String>,
}

/// A file given with `--messages` that cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum MessagesError {
    /// The file or folder cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The path as given.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A catalogue file does not have our schema.
    #[error("{path}, line {line}: {what}")]
    Schema {
        /// The path as given.
        path: String,
        /// Line, counted from 1.
        line: usize,
        /// What is wrong there.
        what: String,
    },
}

impl TextSource {
    /// The word that reports use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RenderingInfo => "rendering-info",
            Self::Mta => "mta",
            Self::User => "user",
            Self::Catalogue => "catalogue",
            Self::None => "none",
        }
    }
}

impl Texts {
    /// The catalogue in the program, and what records bring along.
    #[must_use]
    pub fn builtin() -> Self {
        Self { user: Vec::new(), builtin: Catalogue::builtin() }
    }

    /// Adds catalogue files, provider files (`.dll`, `.exe`, `.sys`, `.mui`) or a folder of them.
    pub fn add_messages(&mut self, path: &Path) -> Result<Vec<Fault>, MessagesError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| MessagesError::Read { path: path.display().to_string(), source })?;
        let providers = store::catalogue::read(&text).map_err(|error| MessagesError::Schema {
            path: path.display().to_string(),
            line: error.line,
            what: error.what,
        })?;
        self.user.push(Catalogue::of(&providers));
        Ok(Vec::new())
    }

    /// Adds the display information saved beside a log (`LocaleMetaData/<log>_<LCID>.MTA`), if there is any.
    pub fn add_mta(&mut self, _log: &Path) -> Vec<Fault> {
        Vec::new()
    }

    /// The sentence for a record. `build` is the Windows build when it is known; it chooses the wording.
    #[must_use]
    pub fn sentence(&self, record: &Record, build: Option<u32>) -> Sentence {
        let known = self.known(record, build);
        let Some((own, culture)) = brought_along(record) else {
            return known.unwrap_or_else(|| fallback(record));
        };
        match known {
            Some(known) if !is_english(culture) => Sentence { original: Some(own.to_owned()), ..known },
            _ => Sentence { text: own.to_owned(), source: TextSource::RenderingInfo, original: None },
        }
    }

    /// Every known wording of the record's event with its values filled in, and the text that came with the
    /// record, in normal form.
    #[must_use]
    pub fn wordings(&self, record: &Record) -> Vec<String> {
        let mut wordings: Vec<String> = Vec::new();
        if let Some((own, _)) = brought_along(record) {
            wordings.push(normal_form(own));
        }
        for catalogue in self.user.iter().chain([&self.builtin]) {
            for event in catalogue.events_of(record) {
                for wording in &event.wordings {
                    wordings.push(normal_form(&filled(record, &event, wording.message)));
                }
            }
        }
        let mut seen = Vec::with_capacity(wordings.len());
        for wording in wordings {
            if !seen.contains(&wording) {
                seen.push(wording);
            }
        }
        seen
    }

    /// Names of the fields that an event has in any version; `None` when no catalogue knows the event or its
    /// fields have no names.
    #[must_use]
    pub fn fields(&self, provider: &str, event_id: u32) -> Option<Vec<String>> {
        let mut names: Vec<String> = Vec::new();
        let mut is_known = false;
        for catalogue in self.user.iter().chain([&self.builtin]) {
            for event in catalogue.events_named(provider, event_id) {
                is_known |= event.fields.is_some() || !event.record_fields.is_empty();
                for name in event.fields.iter().flatten().chain(&event.record_fields) {
                    if !names.iter().any(|known| known == name) {
                        names.push((*name).to_owned());
                    }
                }
            }
        }
        is_known.then_some(names)
    }

    /// All events of all catalogues with this id.
    #[must_use]
    pub fn events_with_id(&self, event_id: u32) -> Vec<CatalogueEvent> {
        let catalogues = self.user.iter().chain([&self.builtin]);
        catalogues
            .flat_map(|catalogue| catalogue.events_with_id(event_id))
            .map(|event| shown(&event))
            .collect()
    }

    /// The sentence of the user's files or of the catalogue in the program.
    fn known(&self, record: &Record, build: Option<u32>) -> Option<Sentence> {
        let sources = self.user.iter().map(|user| (user, TextSource::User));
        for (catalogue, source) in sources.chain([(&self.builtin, TextSource::Catalogue)]) {
            for event in catalogue.events_of(record) {
                if let Some(wording) = event.wording(build) {
                    let text = filled(record, &event, wording);
                    return Some(Sentence { text, source, original: None });
                }
            }
        }
        None
    }
}

/// The text in the record itself and its culture.
fn brought_along(record: &Record) -> Option<(&str, &str)> {
    let rendering = record.rendering.as_deref()?;
    let message = rendering.message.as_deref().map(str::trim).filter(|message| !message.is_empty())?;
    Some((message, rendering.culture.as_deref().unwrap_or_default()))
}

/// Whether a culture such as `en-US` is English; a missing one is taken for English.
fn is_english(culture: &str) -> bool {
    let language = culture.split(['-', '_']).next().unwrap_or_default();
    language.is_empty() || language.eq_ignore_ascii_case("en")
}

fn filled(record: &Record, event: &Event<'_>, template: &str) -> String {
    let insert = |number: usize| -> Option<Cow<'_, str>> {
        let position = number.checked_sub(1)?;
        let value = value_of(record, event, position)?;
        let kind = event.types.get(position).copied().unwrap_or_default();
        let map = event.maps.iter().find(|(place, _)| *place == position).map(|(_, map)| map);
        Some(values::shown(value, kind, map))
    };
    let text = message::fill(template, insert);
    let is_security = record.provider.starts_with("Microsoft-Windows-Security-Auditing");
    let has_own_table = record.provider.eq_ignore_ascii_case("Microsoft-Windows-GroupPolicy");
    let parameter = |number| codes::parameter_text(number, is_security).filter(|_| !has_own_table);
    let mut text = message::fill_parameters(&text, parameter).into_owned();
    text.truncate(text.trim_end().len());
    text
}

/// The value for an insert: the field with the event's name for it, else the one at its position, unless that
/// one belongs to another insert.
fn value_of<'a>(record: &'a Record, event: &Event<'_>, position: usize) -> Option<&'a str> {
    let names = event.fields.as_deref().unwrap_or_default();
    if let Some(value) = names.get(position).and_then(|name| record.field(name)) {
        return Some(value);
    }
    let field = record.fields.get(position)?;
    let is_taken =
        field.name.as_deref().is_some_and(|own| names.iter().any(|name| own.eq_ignore_ascii_case(name)));
    (!is_taken).then_some(&*field.value)
}

fn fallback(record: &Record) -> Sentence {
    let mut text = format!("no text known: {} {}", record.provider, record.event_id);
    for (position, field) in record.fields.iter().enumerate() {
        let separator = if position == 0 { ':' } else { ',' };
        let _ = match &field.name {
            Some(name) => write!(text, "{separator} {name}={}", field.value),
            None => write!(text, "{separator} {}", field.value),
        };
    }
    Sentence { text, source: TextSource::None, original: None }
}

fn shown(event: &Event<'_>) -> CatalogueEvent {
    CatalogueEvent {
        provider: event.provider.to_owned(),
        channel: Some(event.channel).filter(|channel| !channel.is_empty()).map(str::to_owned),
        event_id: event.id,
        qualifiers: event.qualifiers,
        version: event.version,
        level: event.level,
        fields: event.fields.as_ref().map(|names| names.iter().map(|&name| name.to_owned()).collect()),
        message: event.wordings.first().map(|wording| wording.message.to_owned()),
    }
}

/// The form in which texts are compared: white space folded, left-to-right and right-to-left marks dropped,
/// lower case.
#[must_use]
pub fn normal_form(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    let mut wants_blank = false;
    for character in text.chars() {
        match character {
            '\u{200e}' | '\u{200f}' => {}
            _ if character.is_whitespace() => wants_blank = !normal.is_empty(),
            _ => {
                if std::mem::take(&mut wants_blank) {
                    normal.push(' ');
                }
                normal.extend(character.to_lowercase());
            }
        }
    }
    normal
}

/// The sentence with its codes followed by their names, as evidence shows it:
/// `… reason code 2147942464 (0x80070040 ERROR_NETNAME_DELETED)`.
#[must_use]
pub fn with_code_names(record: &Record, sentence: &str) -> String {
    let mut text = sentence.to_owned();
    for (written, code) in codes::codes_of(record) {
        annotate(&mut text, &written, &code);
    }
    text
}

/// Puts the code's name behind the last place in the text that spells it, else at the end.
fn annotate(text: &mut String, written: &str, code: &codes::Code) {
    let label = code.label();
    if label.is_empty() || text.contains(label) {
        return;
    }
    let place = last_spelling(text, codes::parse(written).unwrap_or(code.value));
    let is_hexadecimal = place.is_some_and(|(start, end)| {
        text.get(start..end).is_some_and(|word| word.starts_with("0x") || word.starts_with("0X"))
    });
    let number = match place {
        Some(_) if is_hexadecimal || code.value < 0x1_0000 => String::new(),
        None if code.value < 0x1_0000 => format!("{} ", code.value),
        _ => format!("0x{:08X} ", code.value),
    };
    let note = format!(" ({number}{label})");
    match place {
        Some((_, end)) => text.insert_str(end, &note),
        None => text.push_str(&note),
    }
}

/// Start and end of the last word that is a spelling of the value.
fn last_spelling(text: &str, value: u32) -> Option<(usize, usize)> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '-';
    let mut end = text.len();
    for word in text.rsplit(|character| !is_part(character)) {
        let start = end.checked_sub(word.len())?;
        if codes::parse(word) == Some(value) {
            return Some((start, end));
        }
        end = text.get(..start)?.char_indices().next_back().map_or(0, |(place, _)| place);
    }
    None
}
