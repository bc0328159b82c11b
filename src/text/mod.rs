//! The sentence that Event Viewer shows for a record, on any machine and offline; names and meanings of codes.
//!
//! [`Texts`] asks its sources in order: the text in the record itself, display information saved beside the log,
//! files that the user gives, the catalogue compiled into the program. Nothing is parsed before it is needed.
//! The room does not read logs and does not judge what a text or code means for a host.

mod annotate;
mod catalogue;
pub mod codes;
mod fill;
mod message;
mod messages;
mod mta;
mod normal;
mod packed;
mod provider;
mod store;
mod values;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::evtx::{Fault, Record};
use crate::input::Source;

pub use annotate::with_code_names;
pub use messages::build_catalogue;
pub use normal::normal_form;
pub(crate) use store::yaml;

use catalogue::{Catalogue, Event};
use fill::{fallback, filled};
use mta::Mta;
use store::catalogue::Provider;

/// All sources of text for records.
#[derive(Debug, Clone)]
pub struct Texts {
    /// By the name of the log, English ones first.
    mta: HashMap<Arc<str>, Vec<Mta>>,
    user: Vec<Catalogue>,
    /// Digest of the user's catalogues in their order.
    user_key: Vec<u8>,
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

/// A text that came with a record or its log.
struct Own {
    text: String,
    source: TextSource,
    is_english: bool,
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
        Self { mta: HashMap::new(), user: Vec::new(), user_key: Vec::new(), builtin: Catalogue::builtin() }
    }

    /// Adds a catalogue file in our schema, a provider file (`.dll`, `.exe`, `.sys`, `.mui`) with those that belong
    /// to it, or all of these in a folder. Files without usable texts are faults.
    ///
    /// # Errors
    ///
    /// When the path cannot be read, or a catalogue file has another schema.
    pub fn add_messages(&mut self, path: &Path) -> Result<Vec<Fault>, MessagesError> {
        let (providers, faults) = messages::read(path)?;
        self.put_user(&providers);
        Ok(faults)
    }

    /// Adds the bytes of a file, whose name says what it is: as [`Texts::add_messages`] does, for files that are not
    /// on disk.
    ///
    /// # Errors
    ///
    /// When a catalogue file has another schema.
    pub fn add_messages_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<Vec<Fault>, MessagesError> {
        let (providers, faults) = messages::read_bytes(name, bytes)?;
        self.put_user(&providers);
        Ok(faults)
    }

    fn put_user(&mut self, providers: &[Provider]) {
        let catalogue = Catalogue::of(providers);
        self.user_key = [self.user_key.as_slice(), catalogue.bytes()]
            .into_iter()
            .fold(Sha256::new(), Sha256::chain_update)
            .finalize()
            .to_vec();
        self.user.push(catalogue);
    }

    /// What the texts of a log's records depend on beside the program, as bytes that differ when it does.
    #[must_use]
    pub fn key(&self, log: &str) -> Vec<u8> {
        let mut digest = Sha256::new_with_prefix(&self.user_key);
        for texts in self.mta.get(log).into_iter().flatten() {
            digest.update(texts.bytes());
        }
        digest.finalize().to_vec()
    }

    /// Adds the display information saved with a log (`LocaleMetaData/<log>_<LCID>.MTA`), if there is any.
    pub fn add_mta(&mut self, source: &Source) -> Vec<Fault> {
        let mut faults = Vec::new();
        for companion in source.companions() {
            match mta::read(&companion) {
                Ok(texts) => self.put_mta(source.name(), texts),
                Err(fault) => faults.push(fault),
            }
        }
        faults
    }

    /// Adds the bytes of an `.MTA` file for the log of this name.
    ///
    /// # Errors
    ///
    /// When the file is damaged.
    pub fn add_mta_bytes(&mut self, log: &str, lcid: u32, bytes: Vec<u8>) -> Result<(), Fault> {
        let texts = Mta::of(&format!("{log}, display information {lcid}"), lcid, bytes)?;
        self.put_mta(log, texts);
        Ok(())
    }

    /// Whether there are texts of single records, so that records which say the same may read differently.
    #[must_use]
    pub fn has_texts_of_records(&self) -> bool {
        !self.mta.is_empty()
    }

    fn put_mta(&mut self, log: &str, texts: Mta) {
        let own = self.mta.entry(Arc::from(log)).or_default();
        own.push(texts);
        own.sort_by_key(|texts| !texts.is_english());
    }

    /// The sentence for a record. `build` is the Windows build when it is known; it chooses the wording.
    #[must_use]
    pub fn sentence(&self, record: &Record, build: Option<u32>) -> Sentence {
        let own = self.brought_along(record);
        if let Some(own) = own.iter().find(|own| own.is_english) {
            return Sentence { text: own.text.clone(), source: own.source, original: None };
        }
        let foreign = own.into_iter().next();
        match (self.known(record, build), foreign) {
            (Some(known), foreign) => Sentence { original: foreign.map(|own| own.text), ..known },
            (None, Some(own)) => Sentence { text: own.text, source: own.source, original: None },
            (None, None) => fallback(record),
        }
    }

    /// Every known wording of the record's event with its values filled in, and the text that came with the
    /// record, in normal form.
    #[must_use]
    pub fn wordings(&self, record: &Record) -> Vec<String> {
        let own = self.brought_along(record);
        let mut wordings: Vec<String> = own.iter().map(|own| normal_form(&own.text)).collect();
        for catalogue in self.user.iter().chain([&self.builtin]) {
            for event in catalogue.events_of(record).into_iter().chain(catalogue.unnamed_event_of(record)) {
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

    /// The texts that came with the record or beside its log, in the order of the sources.
    fn brought_along(&self, record: &Record) -> Vec<Own> {
        let mut own = Vec::new();
        if let Some(rendering) = record.rendering.as_deref()
            && let Some(message) = rendering.message.as_deref().map(str::trim_end)
            && !message.is_empty()
        {
            let is_english = is_english(rendering.culture.as_deref().unwrap_or_default());
            own.push(Own { text: message.to_owned(), source: TextSource::RenderingInfo, is_english });
        }
        for texts in self.mta.get(&record.log).into_iter().flatten() {
            if let Some(text) = texts.message(record) {
                own.push(Own { text, source: TextSource::Mta, is_english: texts.is_english() });
            }
        }
        own
    }

    /// The sentence of the user's files or of the catalogue in the program.
    fn known(&self, record: &Record, build: Option<u32>) -> Option<Sentence> {
        let sources = self.user.iter().map(|user| (user, TextSource::User));
        for (catalogue, source) in sources.chain([(&self.builtin, TextSource::Catalogue)]) {
            for event in catalogue.events_of(record) {
                if let Some(wording) = event.wording(build, record.fields.len()) {
                    let text = filled(record, &event, wording);
                    return Some(Sentence { text, source, original: None });
                }
            }
        }
        let event = self.user.iter().find_map(|user| user.unnamed_event_of(record))?;
        let text = filled(record, &event, event.wording(build, record.fields.len())?);
        Some(Sentence { text, source: TextSource::User, original: None })
    }
}

/// Whether a culture such as `en-US` is English; a missing one is taken for English.
fn is_english(culture: &str) -> bool {
    let language = culture.split(['-', '_']).next().unwrap_or_default();
    language.is_empty() || language.eq_ignore_ascii_case("en")
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
