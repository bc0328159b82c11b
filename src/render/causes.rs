//! All causes on one page, as Markdown: what each one is, what shows it, what to do first.
//!
//! The page is `docs/causes.md`; it says nothing that the rules do not say.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::document::{Block, Document, Step};
use super::explain::shown;
use super::{markdown, words};
use crate::explain::{self, Kind, Library, Topic};
use crate::rule::cause::CauseSpec;
use crate::rule::{Rule, RuleSet};

/// Events that are named for one cause; `explain` names more.
const MAX_SHOWN: usize = 6;

/// Writes the page: families and their causes by name.
///
/// # Errors
///
/// Those of `out`.
pub fn causes(set: &RuleSet, library: &Library<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut families: BTreeMap<&str, BTreeMap<&str, (&Rule, &CauseSpec)>> = BTreeMap::new();
    for rule in set.rules() {
        if let Some(cause) = &rule.cause {
            families.entry(&cause.family).or_default().insert(&rule.name, (rule, cause));
        }
    }
    let total: usize = families.values().map(BTreeMap::len).sum();
    let mut document = Document::new("Causes".to_owned());
    document.paragraph(format!(
        "What rdpwhy can find: {total} causes in {} families. Severity says how bad a cause is; confidence is where it \
         starts, before what else the logs show raises or lowers it. Of the fix only the first step is here; \
         rdpwhy explain with the name of a cause tells all steps and events, and what speaks for and against it.",
        families.len()
    ));
    document.paragraph("Written by rdpwhy rules causes; a test compares it with the rules.");
    for (family, causes) in &families {
        document.heading(2, *family);
        for (rule, cause) in causes.values() {
            one(rule, cause, library, &mut document);
        }
    }
    markdown::document(&document, out)
}

fn one(rule: &Rule, cause: &CauseSpec, library: &Library<'_>, document: &mut Document) {
    document.heading(3, &*rule.title);
    let (severity, confidence) = (words::severity(cause.severity), words::confidence(cause.confidence));
    document.paragraph(format!("{} · severity {severity} · confidence {confidence}", rule.name));
    document.paragraph(&*rule.description);
    let answer = explain::explain(&rule.name, library);
    let Some(topic) = answer.topics.iter().find(|topic| topic.kind == Kind::Cause) else { return };
    if !topic.shows.is_empty() {
        document.paragraph("What shows it:");
        document.blocks.push(Block::List(events(topic)));
    }
    if let Some(fix) = topic.fixes.first() {
        document.paragraph("First step:");
        document.blocks.push(Block::Steps(vec![Step::new(fix)]));
    }
}

fn events(topic: &Topic) -> Vec<String> {
    let mut lines: Vec<String> = topic.shows.iter().take(MAX_SHOWN).map(shown).collect();
    let more = topic.shows.len().saturating_sub(MAX_SHOWN);
    lines.extend((more > 0).then(|| format!("and {more} more")));
    lines
}
