//! What answers are made of, and which rules mention which events and codes.

use std::collections::{BTreeMap, BTreeSet};

use super::note::{self, Note};
use super::{Pointer, Shown};
use crate::report::Fix;
use crate::rule::cause::CauseSpec;
use crate::rule::detection::Test;
use crate::rule::field::FieldKey;
use crate::rule::matcher::Matcher;
use crate::rule::placeholder;
use crate::rule::when::Wanted;
use crate::rule::{Kind, Rule, RuleSet, Tree};
use crate::text::yaml::Node;
use crate::text::{CatalogueEvent, Texts, codes};

/// Longest text of an event that is quoted, in characters.
const QUOTED: usize = 200;
/// Events that are quoted for one cause.
const MAX_SHOWN: usize = 12;

/// Rules, texts and notes, indexed for questions.
pub struct Library<'a> {
    pub(super) rules: &'a RuleSet,
    pub(super) texts: &'a Texts,
    pub(super) notes: Vec<Note>,
    pub(super) updates: &'a [Tree],
    pub(super) mentions: Vec<Mention>,
    /// Rules that use a shared signal, by its name.
    users: BTreeMap<Box<str>, Vec<usize>>,
    /// Providers as the rules write them, by their name in lower case.
    spellings: BTreeMap<String, &'a str>,
}

/// One alternative of a selection: which events it looks at, with which codes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Mention {
    /// Place of the rule in the rule set.
    pub(super) rule: usize,
    pub(super) selection: Box<str>,
    /// Lower case.
    pub(super) providers: Vec<Box<str>>,
    pub(super) event_ids: Vec<u32>,
    /// The field's name and the code.
    pub(super) codes: Vec<(String, u32)>,
}

impl<'a> Library<'a> {
    /// Reads what the program brings along and indexes the rules.
    #[must_use]
    pub fn new(rules: &'a RuleSet, texts: &'a Texts) -> Self {
        let mut mentions = Vec::new();
        for (number, rule) in rules.rules.iter().enumerate() {
            for selection in &rule.detection.selections {
                let start = Mention {
                    rule: number,
                    selection: selection.name.clone(),
                    providers: rule.constraint.providers.clone(),
                    event_ids: rule.constraint.event_ids.clone(),
                    codes: Vec::new(),
                };
                walk(&selection.test, start, &mut mentions);
            }
        }
        Self {
            rules,
            texts,
            notes: note::builtin(),
            updates: &rules.updates.documents,
            mentions,
            users: users(rules),
            spellings: rules.rules.iter().flat_map(|rule| providers(rule.node())).collect(),
        }
    }

    /// The name of a provider, as rules write it.
    pub(super) fn spelled<'p>(&self, provider: &'p str) -> &'p str
    where
        'a: 'p,
    {
        self.spellings.get(provider).copied().unwrap_or(provider)
    }

    pub(super) fn rule(&self, name: &str) -> Option<&'a Rule> {
        self.rules.rules.iter().find(|rule| rule.kind != Kind::Signals && &*rule.name == name)
    }

    pub(super) fn rule_at(&self, number: usize) -> Option<&'a Rule> {
        self.rules.rules.get(number)
    }

    /// The causes that are decided with a mention: the rule itself, or those that use the shared signal.
    pub(super) fn causes_of(&self, mention: &Mention) -> Vec<&'a Rule> {
        match self.rule_at(mention.rule) {
            Some(rule) if rule.kind != Kind::Signals => vec![rule],
            Some(_) => {
                let users = self.users.get(&mention.selection).map(Vec::as_slice).unwrap_or_default();
                users.iter().filter_map(|number| self.rule_at(*number)).collect()
            }
            None => Vec::new(),
        }
    }

    /// The events that a cause's own selections look at, else those of the signals that it uses.
    pub(super) fn shows(&self, rule: &Rule) -> Vec<Shown> {
        let of_rule =
            |mention: &&Mention| self.rule_at(mention.rule).is_some_and(|own| own.name == rule.name);
        let mut shown = self.shown(self.mentions.iter().filter(of_rule));
        if shown.is_empty() {
            let uses = |mention: &&Mention| self.causes_of(mention).iter().any(|own| own.name == rule.name);
            shown = self.shown(self.mentions.iter().filter(uses));
        }
        shown
    }

    fn shown<'m>(&self, mentions: impl Iterator<Item = &'m Mention>) -> Vec<Shown> {
        let mut lines: BTreeSet<(bool, Shown)> = BTreeSet::new();
        for mention in mentions {
            for id in &mention.event_ids {
                let own = mention.providers.iter().filter(|name| &***name != "rdpwhy");
                let mut known: Vec<Shown> = own.map(|name| self.event_line(name, *id)).collect();
                known.sort_by_key(|line| line.text.is_empty());
                lines.extend(known.into_iter().next().map(|line| (line.text.is_empty(), line)));
            }
        }
        let mut seen = BTreeSet::new();
        let lines = lines.into_iter().map(|(_, line)| line);
        lines.filter(|line| seen.insert((line.event_id, line.text.clone()))).take(MAX_SHOWN).collect()
    }

    fn event_line(&self, provider: &str, event_id: u32) -> Shown {
        let events = self.texts.events_with_id(event_id);
        let known = events.iter().find(|event| event.provider.eq_ignore_ascii_case(provider));
        Shown {
            provider: known.map_or_else(|| self.spelled(provider).to_owned(), |event| event.provider.clone()),
            event_id,
            text: known.map(quoted).unwrap_or_default(),
        }
    }

    /// A cause by its name, with what logs show and what to do first.
    pub(super) fn pointer(&self, name: &str, why: impl Into<String>) -> Pointer {
        let rule = self.rule(name);
        Pointer {
            rule: name.to_owned(),
            title: rule.map_or_else(|| name.replace('-', " "), |rule| rule.title.to_string()),
            why: why.into(),
            shows: rule.map(|rule| self.shows(rule)).unwrap_or_default(),
            fix: rule.and_then(|rule| fixes(rule.cause.as_ref()?).into_iter().next()),
        }
    }
}

/// The providers that the selections of a rule name, by their name in lower case.
fn providers(rule: &Node) -> Vec<(String, &str)> {
    let selections = rule.get("detection").map(Node::entries).unwrap_or_default();
    let maps = selections.iter().flat_map(|(_, selection)| selection.items());
    let named = maps.filter_map(|map| map.get("Provider_Name")).flat_map(Node::items);
    named.filter_map(Node::text).map(|name| (name.to_lowercase(), name)).collect()
}

/// The rules that ask for each signal, and do not ask for its absence.
fn users(rules: &RuleSet) -> BTreeMap<Box<str>, Vec<usize>> {
    let mut users: BTreeMap<Box<str>, Vec<usize>> = BTreeMap::new();
    for (number, rule) in rules.rules.iter().enumerate() {
        let Some(cause) = &rule.cause else { continue };
        let mut terms = Vec::new();
        let conditions = cause.when.iter().chain(cause.raises.iter().map(|weight| &weight.condition));
        conditions.for_each(|when| when.terms(&mut terms));
        let names: BTreeSet<&str> =
            terms.iter().filter(|term| term.wanted == Wanted::Seen).map(|term| &*term.signal).collect();
        names.into_iter().for_each(|name| users.entry(name.into()).or_default().push(number));
    }
    users
}

/// The first words of what an event says.
pub(super) fn quoted(event: &CatalogueEvent) -> String {
    let text = sentence(event);
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// What an event says, on one line, its values as `<name>` or `<1>`.
pub(super) fn sentence(event: &CatalogueEvent) -> String {
    let message = event.message.as_deref().unwrap_or_default();
    let mut text = String::new();
    let mut rest = message;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        let digits: String = after.chars().take(2).take_while(char::is_ascii_digit).collect();
        rest =
            after.get(digits.len().max(after.chars().next().map_or(0, char::len_utf8))..).unwrap_or_default();
        if let Ok(number) = digits.parse::<usize>() {
            let names = event.fields.as_deref().unwrap_or_default();
            let name = number.checked_sub(1).and_then(|place| names.get(place));
            text.push_str(&format!("<{}>", name.map_or(digits.as_str(), String::as_str)));
            if let Some((format, behind)) = rest.strip_prefix('!').and_then(|rest| rest.split_once('!'))
                && format.len() < 8
            {
                rest = behind;
            }
        } else {
            text.push(' ');
        }
    }
    text.push_str(rest);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The fixes of a cause, without any host's values.
pub(super) fn fixes(cause: &CauseSpec) -> Vec<Fix> {
    let fixes = cause.fixes.iter().map(|step| Fix {
        order: unfilled(&step.order),
        run: step.run.iter().map(|line| unfilled(line)).collect(),
        shell: step.shell.to_string(),
        risk: step.risk,
        undo: step.undo.as_deref().map(unfilled),
        check: step.check.as_deref().map(unfilled),
    });
    fixes.collect()
}

/// A template without any host's values: `{Field|words}` becomes the words, `{Field}` becomes `<Field>`.
pub(super) fn unfilled(template: &str) -> String {
    placeholder::filled(template, |name, words| match words {
        Some(words) => words.to_owned(),
        None => format!("<{}>", name.rsplit('.').next().unwrap_or(name)),
    })
}

/// Adds the alternatives of a test, each with what its parents ask for.
fn walk(test: &Test, mut own: Mention, out: &mut Vec<Mention>) {
    let parts = match test {
        Test::All(parts) => parts,
        Test::Any(parts) => return parts.iter().for_each(|part| walk(part, own.clone(), out)),
        Test::Field { .. } => std::slice::from_ref(test),
        Test::Not(_) => return,
        Test::Keyword(_) => &[],
    };
    for part in parts {
        if let Test::Field { key, matchers, .. } = part {
            take(key, matchers, &mut own);
        }
    }
    let inner: Vec<&Test> = parts.iter().filter(|part| matches!(part, Test::All(_) | Test::Any(_))).collect();
    if inner.is_empty() {
        out.push(own);
    } else {
        inner.into_iter().for_each(|part| walk(part, own.clone(), out));
    }
}

fn take(key: &FieldKey, matchers: &[Matcher], own: &mut Mention) {
    let texts = || matchers.iter().filter_map(literal);
    match key {
        FieldKey::Provider => own.providers = texts().map(Into::into).collect(),
        FieldKey::EventId => {
            own.event_ids = matchers
                .iter()
                .filter_map(|matcher| match matcher {
                    Matcher::Equal(_, number) => *number,
                    _ => None,
                })
                .collect();
        }
        FieldKey::Position(_) | FieldKey::Named(_) | FieldKey::BinaryStatus | FieldKey::Unnamed => {
            let name = match key {
                FieldKey::Named(name) => name.to_string(),
                FieldKey::Position(place) => format!("%{place}"),
                _ => String::new(),
            };
            let found = texts().filter(|text| is_code(&name, text)).filter_map(codes::parse);
            own.codes.extend(found.map(|code| (name.clone(), code)));
        }
        FieldKey::Message => {
            let words = texts().flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric()));
            let found =
                words.filter(|word| word.starts_with("0x") && word.len() > 4).filter_map(codes::parse);
            own.codes.extend(found.map(|code| ("text".to_owned(), code)));
        }
        _ => {}
    }
}

fn literal(matcher: &Matcher) -> Option<&str> {
    match matcher {
        Matcher::Equal(text, _)
        | Matcher::Contains(text)
        | Matcher::StartsWith(text)
        | Matcher::EndsWith(text) => Some(text),
        _ => None,
    }
}

/// Whether a value is a code: by its spelling, its size, or its field's name.
fn is_code(field: &str, text: &str) -> bool {
    let field = field.to_lowercase();
    let is_named = ["reason", "code", "status", "error", "result"].iter().any(|part| field.contains(part));
    text.starts_with("0x") || text.starts_with("%%") || text.starts_with('-') || is_named || text.len() >= 9
}
