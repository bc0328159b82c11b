//! Names and free words: an exact name first, then whatever shares most of the words, then what is spelled alike.

use super::{Kind, Library, Near, Topic, cause, code, update};
use crate::rule::Rule;
use crate::text::codes;

/// Things that are offered.
const MAX_NEAR: usize = 8;
/// Words that say nothing about the thing.
const EMPTY: &[&str] = &[
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "can", "cannot", "desktop", "do", "does",
    "error", "for", "from", "has", "i", "in", "is", "it", "my", "no", "not", "of", "on", "or", "over", "rdp",
    "remote", "s", "the", "to", "was", "what", "when", "why", "with",
];

/// The topic of a name: of a cause, of its title, of a code, of a phrase that people use.
pub(super) fn exact(asked: &str, library: &Library<'_>) -> Vec<Topic> {
    let lower = asked.to_lowercase();
    let name = lower.replace([' ', '_'], "-");
    let is_rule = |rule: &&Rule| *rule.name == *name || rule.title.to_lowercase() == lower;
    if let Some(rule) = library.rules.rules().find(is_rule) {
        return vec![cause::topic(rule, library)];
    }
    let named: Vec<Topic> = codes::all()
        .filter(|code| !code.name.is_empty() && code.name.eq_ignore_ascii_case(asked))
        .map(|code| code::topic(&code, library))
        .collect();
    if !named.is_empty() {
        return named;
    }
    let phrase = |word: &String| word.to_lowercase() == lower;
    let notes = library.notes.iter().filter(|note| note.words.iter().any(phrase));
    let mut topics: Vec<Topic> = notes
        .map(|note| {
            let mut topic = Topic::new(Kind::Phrase, asked, &*note.title);
            note.add_to(&mut topic, library);
            topic
        })
        .collect();
    if topics.is_empty() {
        topics.extend(cause::without_rule(&name, library));
    }
    topics
}

/// The best fit for free words in full, when one is clearly the best, and others that are near.
pub(super) fn search(asked: &str, library: &Library<'_>) -> (Vec<Topic>, Vec<Near>) {
    let words = words(asked);
    let mut found = scored(&words, library);
    found.sort_by(|left, right| {
        right.score.cmp(&left.score).then_with(|| left.near.name.cmp(&right.near.name))
    });
    let best = found.first().map_or(0, |first| first.score);
    found.retain(|item| item.score * 2 >= best);
    let topic = found.first().filter(|first| first.has_all && !words.is_empty()).and_then(|first| {
        let rule = library.rule(&first.near.name)?;
        Some(cause::topic(rule, library))
    });
    let mut near: Vec<Near> =
        found.into_iter().skip(usize::from(topic.is_some())).map(|item| item.near).collect();
    for (kb, title) in update::with_words(&words, library).into_iter().filter(|_| !words.is_empty()) {
        near.push(Near { name: kb, title });
    }
    if near.is_empty() && topic.is_none() {
        near = alike(asked, library);
    }
    near.truncate(MAX_NEAR);
    (topic.into_iter().collect(), near)
}

struct Scored {
    score: usize,
    /// Whether it has all the words.
    has_all: bool,
    near: Near,
}

fn scored(words: &[String], library: &Library<'_>) -> Vec<Scored> {
    let mut found = Vec::new();
    for rule in library.rules.rules() {
        let weights = [
            (format!("{} {}", rule.name.replace('-', " "), rule.title), 4),
            (rule.description.to_string(), 1),
        ];
        add(words, &weights, (&rule.name, &rule.title), &mut found);
    }
    for note in &library.notes {
        let name =
            note.words.first().cloned().or_else(|| note.codes.first().map(|code| format!("0x{code:X}")));
        let Some(name) = name else { continue };
        let weights = [(format!("{} {}", note.words.join(" "), note.title), 4), (note.what.clone(), 1)];
        add(words, &weights, (&name, &note.title), &mut found);
    }
    found
}

fn add(words: &[String], weights: &[(String, usize)], thing: (&str, &str), found: &mut Vec<Scored>) {
    let texts: Vec<(Vec<String>, usize)> =
        weights.iter().map(|(text, weight)| (self::words(text), *weight)).collect();
    let of = |word: &String| {
        let fits = |own: &String| own == word || word.len() >= 5 && own.starts_with(word.as_str());
        texts.iter().filter(|(own, _)| own.iter().any(fits)).map(|(_, weight)| *weight).max().unwrap_or(0)
    };
    let scores: Vec<usize> = words.iter().map(of).collect();
    let hits = scores.iter().filter(|score| **score > 0).count();
    if hits > 0 && hits * 2 >= words.len() {
        found.push(Scored {
            score: scores.iter().sum::<usize>() * hits,
            has_all: hits == words.len(),
            near: Near { name: thing.0.to_owned(), title: thing.1.to_owned() },
        });
    }
}

/// Things whose names are spelled alike, or begin so without hyphens, and the code of digits that lack their `0x`.
fn alike(asked: &str, library: &Library<'_>) -> Vec<Near> {
    let lower = asked.to_lowercase().replace([' ', '_'], "-");
    let names: Vec<&str> = library.rules.rules().map(|rule| &*rule.name).collect();
    let nearest = crate::rule::nearest(&lower, &names).and_then(|name| library.rule(name));
    let plain = lower.replace('-', "");
    let begins = |rule: &&Rule| plain.len() >= 4 && rule.name.replace('-', "").starts_with(&plain);
    let mut rules: Vec<&Rule> = nearest.into_iter().chain(library.rules.rules().filter(begins)).collect();
    rules.dedup_by(|later, earlier| later.name == earlier.name);
    let rule = |rule: &Rule| Near { name: rule.name.to_string(), title: rule.title.to_string() };
    let mut near: Vec<Near> = without_prefix(asked).into_iter().chain(rules.into_iter().map(rule)).collect();
    let upper = asked.to_uppercase();
    let is_near = |code: &codes::Code| upper.len() >= 6 && code.name.contains(&upper);
    near.extend(codes::all().filter(is_near).take(MAX_NEAR).map(|code| Near {
        title: if code.text.is_empty() { code.meaning.clone() } else { code.text.clone() },
        name: code.name,
    }));
    near
}

/// The code that clients show as `0x904`, which people write down as 904.
fn without_prefix(asked: &str) -> Option<Near> {
    let value = u32::from_str_radix(asked.trim(), 16).ok()?;
    let code = codes::lookup_in("rdp-client", value)?;
    Some(Near { name: format!("0x{value:X}"), title: code.label().to_owned() })
}

/// The telling words of a text, in lower case and without a plural's ending.
fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let parts = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut words: Vec<String> = parts
        .filter(|word| !EMPTY.contains(word))
        .map(|word| word.strip_suffix('s').filter(|stem| stem.len() > 3).unwrap_or(word).to_owned())
        .collect();
    words.sort_unstable();
    words.dedup();
    words
}
