//! The encyclopedia: what a code, an event, an update, a cause or some words mean, from the same knowledge that
//! diagnosis uses, and without any log.
//!
//! Says what is known and what it is confused with; it never says what is the matter with a host.

mod cause;
mod code;
mod event;
mod library;
mod note;
mod update;
mod words;

use crate::report::Fix;
use crate::text::codes;

pub use library::Library;

/// What is known of a thing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// As it was asked for.
    pub asked: String,
    /// What it is, likeliest meaning first; those that matter little for Remote Desktop last.
    pub topics: Vec<Topic>,
    /// What is near, where nothing or more than one thing fits.
    pub near: Vec<Near>,
}

/// One meaning of a thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Topic {
    /// What kind of thing it is.
    pub kind: Kind,
    /// What it is called: `0x904 (2308)`, `TermDD 56`, `KB5012345`, `termservice-crash`.
    pub name: String,
    /// A name or title.
    pub title: String,
    /// What it is, in paragraphs.
    pub what: Vec<String>,
    /// What it does not mean, and what it is confused with.
    pub is_not: Vec<String>,
    /// What follows from what else is seen.
    pub contexts: Vec<Context>,
    /// Causes, likeliest first.
    pub causes: Vec<Pointer>,
    /// What logs show.
    pub shows: Vec<Shown>,
    /// What speaks for it and against it, in sentences.
    pub weighs: Vec<String>,
    /// What to do, in order.
    pub fixes: Vec<Fix>,
    /// Where it is written.
    pub references: Vec<String>,
    /// Whether it belongs to Remote Desktop itself.
    pub is_about_rdp: bool,
    /// Whether it matters little for Remote Desktop.
    pub is_minor: bool,
}

/// Kinds of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A cause that rules know.
    Cause,
    /// A code.
    Code,
    /// An event.
    Event,
    /// A Windows update.
    Update,
    /// A phrase or a symptom.
    Phrase,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cause => "cause",
            Self::Code => "code",
            Self::Event => "event",
            Self::Update => "update",
            Self::Phrase => "phrase",
        }
    }
}

/// What follows when something else is seen too.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    /// What else is seen.
    pub when: String,
    /// What follows.
    pub means: String,
    /// Names of causes.
    pub causes: Vec<String>,
}

/// A cause that something leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct Pointer {
    /// Name of the rule.
    pub rule: String,
    /// Its title; the name where no rule has it.
    pub title: String,
    /// Why it is named here.
    pub why: String,
    /// What logs show then.
    pub shows: Vec<Shown>,
    /// Its first fix.
    pub fix: Option<Fix>,
}

/// An event that logs show.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shown {
    /// Provider.
    pub provider: String,
    /// Event id.
    pub event_id: u32,
    /// What the event says, its values as `<name>`.
    pub text: String,
}

/// Something that is near to what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near {
    /// What to ask for.
    pub name: String,
    /// What it is.
    pub title: String,
}

impl Topic {
    fn new(kind: Kind, name: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            title: title.into(),
            what: Vec::new(),
            is_not: Vec::new(),
            contexts: Vec::new(),
            causes: Vec::new(),
            shows: Vec::new(),
            weighs: Vec::new(),
            fixes: Vec::new(),
            references: Vec::new(),
            is_about_rdp: false,
            is_minor: false,
        }
    }
}

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Question {
    Update(String),
    /// A code, and the extended code behind it.
    Code(u32, Option<u32>),
    /// An event of providers whose name holds this.
    Event(Option<String>, u32),
    /// A number that may be a code or an event.
    Number(u32),
    Words,
}

/// Says what a thing is.
#[must_use]
pub fn explain(thing: &str, library: &Library<'_>) -> Answer {
    let asked = thing.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut answer = Answer { asked: asked.clone(), ..Answer::default() };
    match question(&asked) {
        Question::Update(kb) => answer.topics = update::topics(&kb, library),
        Question::Code(value, extended) => answer.topics = code::topics(value, extended, library),
        Question::Event(provider, id) => answer.topics = event::topics(provider.as_deref(), id, library),
        Question::Number(value) => {
            answer.topics = event::topics(None, value, library);
            answer.topics.extend(code::topics(value, None, library));
        }
        Question::Words => {}
    }
    if answer.topics.is_empty() {
        answer.topics = words::exact(&asked, library);
    }
    if answer.topics.is_empty() {
        (answer.topics, answer.near) = words::search(&asked, library);
    }
    answer.topics.sort_by_key(weight);
    answer
}

/// The less the weight, the earlier: what somebody wrote about, what is about Remote Desktop, what leads to causes.
fn weight(topic: &Topic) -> u8 {
    let has_notes = !topic.is_not.is_empty() || !topic.contexts.is_empty();
    match () {
        () if topic.is_minor => 4,
        () if has_notes => 0,
        () if topic.causes.is_empty() => 3,
        () if topic.is_about_rdp => 1,
        () => 2,
    }
}

fn question(asked: &str) -> Question {
    let lower = asked.to_lowercase();
    let digits = lower.strip_prefix("kb").map(|rest| rest.trim_start_matches([' ', '-']));
    if let Some(digits) = digits
        && !digits.is_empty()
        && digits.bytes().all(|digit| digit.is_ascii_digit())
    {
        return Question::Update(format!("KB{digits}"));
    }
    if let Some(question) = code_of(&lower) {
        return question;
    }
    let Some((before, last)) = lower.rsplit_once(' ') else { return Question::Words };
    match (before, code_of(last)) {
        ("event" | "event id" | "id" | "ereignis" | "ereignis-id", Some(Question::Number(id))) => {
            Question::Event(None, id)
        }
        ("error" | "code" | "error code" | "client" | "client code" | "client error", Some(found)) => {
            match found {
                Question::Number(value) => Question::Code(value, None),
                other => other,
            }
        }
        (provider, Some(Question::Number(id))) => Question::Event(Some(provider.to_owned()), id),
        _ => Question::Words,
    }
}

/// A code in any spelling, alone or with its extended code: `0x904`, `2308`, `-2147024832`, `0x904/0x7`,
/// `c000006d`.
fn code_of(word: &str) -> Option<Question> {
    if let Some((code, extended)) = word.split_once('/') {
        let extended = codes::parse(extended.trim());
        return Some(Question::Code(codes::parse(code.trim())?, Some(extended?)));
    }
    let value = codes::parse(word);
    let is_decimal = word.bytes().all(|byte| byte.is_ascii_digit());
    let is_bare = word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    match value {
        Some(value) if is_decimal && value <= u32::from(u16::MAX) => Some(Question::Number(value)),
        Some(value) if !is_bare || !codes::lookup(value).is_empty() => Some(Question::Code(value, None)),
        _ if is_bare => Some(Question::Code(u32::from_str_radix(word, 16).ok()?, None)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
