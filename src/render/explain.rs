//! An answer of the encyclopedia: as a text with headings, or as JSON.

use std::io::{self, Write};

use serde::Serialize;

use super::document::{Block, Document, Step};
use super::{Format, Style, html, json, markdown, terminal, words};
use crate::explain::{Answer, Context, Kind, Pointer, Shown, Topic};
use crate::report::Fix;

/// Causes of a topic that are shown in full to a person; the others by name.
const MAX_CAUSES: usize = 5;
/// Events of a cause that are shown to a person.
const MAX_SHOWN: usize = 3;

/// Writes an answer. JSON lines hold one topic each; a spreadsheet gets no prose, so that form is JSON lines too.
///
/// # Errors
///
/// Those of `out`.
pub fn explain(answer: &Answer, format: Format, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Table => terminal::document(&document(answer), style, out),
        Format::Markdown => markdown::document(&document(answer), out),
        Format::Html => html::document(&document(answer), style, out),
        Format::Json => json::document(&JsonAnswer::new(answer), out),
        Format::JsonLines | Format::Csv => {
            answer.topics.iter().try_for_each(|topic| json::line(&JsonTopic::new(topic), out))
        }
    }
}

fn document(answer: &Answer) -> Document {
    let mut document = Document::new(answer.asked.clone());
    if answer.topics.is_empty() {
        let words = if answer.near.is_empty() {
            "Nothing is known of this, and nothing near it."
        } else {
            "Nothing is called so; these are near."
        };
        document.paragraph(words);
    }
    for topic in answer.topics.iter().filter(|topic| !topic.is_minor) {
        whole(topic, &mut document);
    }
    let minor: Vec<String> = answer.topics.iter().filter(|topic| topic.is_minor).map(brief).collect();
    let heading = if minor.len() == answer.topics.len() { "What it is" } else { "The same number elsewhere" };
    document.listed(2, heading, minor);
    let near = answer.near.iter().map(|near| format!("{}: {}", near.name, near.title)).collect();
    document.listed(2, "Near it", near);
    document
}

fn brief(topic: &Topic) -> String {
    let what = topic.what.first().map(|what| format!(": {what}")).unwrap_or_default();
    format!("{}, {}{what}", topic.name, topic.title)
}

fn whole(topic: &Topic, document: &mut Document) {
    document.heading(2, format!("{}: {}", topic.name, topic.title));
    topic.what.iter().for_each(|what| document.paragraph(what.as_str()));
    document.listed(3, "What it is not", topic.is_not.clone());
    let contexts = topic.contexts.iter().map(context).collect();
    document.listed(3, "What follows from what else is seen", contexts);
    document.listed(3, "What logs show", topic.shows.iter().map(shown).collect());
    let heading = if topic.kind == Kind::Update { "About it" } else { "What speaks for it and against it" };
    document.listed(3, heading, topic.weighs.clone());
    if !topic.causes.is_empty() {
        document
            .heading(3, if topic.fixes.is_empty() { "Causes, likeliest first" } else { "What it leads to" });
        if topic.fixes.is_empty() {
            topic.causes.iter().take(MAX_CAUSES).for_each(|cause| pointer(cause, document));
            let rest =
                topic.causes.iter().skip(MAX_CAUSES).map(|cause| format!("{}: {}", cause.rule, cause.title));
            document.listed(3, "Less likely", rest.collect());
        } else {
            let effects = topic.causes.iter().map(|cause| format!("{}: {}", cause.rule, cause.title));
            document.blocks.push(Block::List(effects.collect()));
        }
    }
    if !topic.fixes.is_empty() {
        document.heading(3, "What to do");
        document.blocks.push(Block::Steps(topic.fixes.iter().map(Step::new).collect()));
    }
    document.listed(3, "Sources", topic.references.clone());
}

fn pointer(cause: &Pointer, document: &mut Document) {
    let mut items = Vec::new();
    items.extend(Some(&cause.why).filter(|why| !why.is_empty()).map(|why| format!("why: {why}")));
    items.extend(cause.shows.iter().take(MAX_SHOWN).map(|line| format!("log: {}", shown(line))));
    if let Some(fix) = &cause.fix {
        let run = fix.run.first().map(|line| format!(" ({line})")).unwrap_or_default();
        items.push(format!("first: {}{run}", fix.order));
    }
    document.paragraph(format!("{}: {}", cause.rule, cause.title));
    if !items.is_empty() {
        document.blocks.push(Block::List(items));
    }
}

fn context(context: &Context) -> String {
    let causes =
        if context.causes.is_empty() { String::new() } else { format!(" → {}", context.causes.join(", ")) };
    format!("{}: {}{causes}", context.when, context.means)
}

pub(super) fn shown(shown: &Shown) -> String {
    let text = if shown.text.is_empty() { String::new() } else { format!(": {}", shown.text) };
    format!("{} {}{text}", shown.provider, shown.event_id)
}

#[derive(Serialize)]
struct JsonAnswer<'a> {
    version: u32,
    asked: &'a str,
    topics: Vec<JsonTopic<'a>>,
    near: Vec<JsonNear<'a>>,
}

#[derive(Serialize)]
struct JsonNear<'a> {
    name: &'a str,
    title: &'a str,
}

#[derive(Serialize)]
struct JsonTopic<'a> {
    kind: &'a str,
    name: &'a str,
    title: &'a str,
    what: &'a [String],
    is_not: &'a [String],
    contexts: Vec<JsonContext<'a>>,
    causes: Vec<JsonPointer<'a>>,
    shows: Vec<JsonShown<'a>>,
    weighs: &'a [String],
    fixes: Vec<JsonFix<'a>>,
    references: &'a [String],
    is_minor: bool,
}

#[derive(Serialize)]
struct JsonContext<'a> {
    when: &'a str,
    means: &'a str,
    causes: &'a [String],
}

#[derive(Serialize)]
struct JsonPointer<'a> {
    rule: &'a str,
    title: &'a str,
    why: &'a str,
    shows: Vec<JsonShown<'a>>,
    fix: Option<JsonFix<'a>>,
}

#[derive(Serialize)]
struct JsonShown<'a> {
    provider: &'a str,
    event_id: u32,
    text: &'a str,
}

#[derive(Serialize)]
struct JsonFix<'a> {
    order: &'a str,
    run: &'a [String],
    shell: &'a str,
    risk: &'static str,
    undo: Option<&'a str>,
    check: Option<&'a str>,
}

impl<'a> JsonAnswer<'a> {
    fn new(answer: &'a Answer) -> Self {
        Self {
            version: 1,
            asked: &answer.asked,
            topics: answer.topics.iter().map(JsonTopic::new).collect(),
            near: answer.near.iter().map(|near| JsonNear { name: &near.name, title: &near.title }).collect(),
        }
    }
}

impl<'a> JsonTopic<'a> {
    fn new(topic: &'a Topic) -> Self {
        let context =
            |own: &'a Context| JsonContext { when: &own.when, means: &own.means, causes: &own.causes };
        Self {
            kind: topic.kind.as_str(),
            name: &topic.name,
            title: &topic.title,
            what: &topic.what,
            is_not: &topic.is_not,
            contexts: topic.contexts.iter().map(context).collect(),
            causes: topic.causes.iter().map(JsonPointer::new).collect(),
            shows: topic.shows.iter().map(JsonShown::new).collect(),
            weighs: &topic.weighs,
            fixes: topic.fixes.iter().map(JsonFix::new).collect(),
            references: &topic.references,
            is_minor: topic.is_minor,
        }
    }
}

impl<'a> JsonPointer<'a> {
    fn new(pointer: &'a Pointer) -> Self {
        Self {
            rule: &pointer.rule,
            title: &pointer.title,
            why: &pointer.why,
            shows: pointer.shows.iter().map(JsonShown::new).collect(),
            fix: pointer.fix.as_ref().map(JsonFix::new),
        }
    }
}

impl<'a> JsonShown<'a> {
    fn new(shown: &'a Shown) -> Self {
        Self { provider: &shown.provider, event_id: shown.event_id, text: &shown.text }
    }
}

impl<'a> JsonFix<'a> {
    fn new(fix: &'a Fix) -> Self {
        Self {
            order: &fix.order,
            run: &fix.run,
            shell: &fix.shell,
            risk: words::risk_id(fix.risk),
            undo: fix.undo.as_deref(),
            check: fix.check.as_deref(),
        }
    }
}
