//! A cause on a host: its condition decided, its confidence weighed, its sentences filled.

use std::collections::{BTreeMap, BTreeSet};

use super::changes;
use super::eval::{Judge, Truth, bounds, value};
use super::evidence;
use super::facts::is_fact;
use super::identity::Identity;
use super::timeline::Timeline;
use super::{open, plain};
use crate::evtx::{Span, Time};
use crate::report::{Cause, Confidence, Fix, Note, RuledOut, Undecided};
use crate::rule::cause::{CauseSpec, Weight};
use crate::rule::field::FieldKey;
use crate::rule::placeholder::{self, Piece};
use crate::rule::when::When;
use crate::rule::{CONDITION, Kind, Rule, RuleSet};
use crate::text::Texts;

/// What one rule says of a host.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Finding {
    Nothing,
    Found(Box<Found>),
    RuledOut(RuledOut),
    Undecided(Undecided),
    /// Ordinary life of this host.
    Noise(Note),
}

/// A cause with what ranking needs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) cause: Cause,
    /// The records that show it.
    pub(crate) hits: BTreeSet<usize>,
    /// Causes that it explains, as the rule says.
    pub(crate) explains: Vec<String>,
}

/// What all rules look at.
pub(crate) struct Scene<'a> {
    pub(crate) timeline: &'a Timeline,
    pub(crate) rules: &'a RuleSet,
    pub(crate) texts: &'a Texts,
    pub(crate) identity: &'a Identity,
    /// Times of connections that reached a session.
    pub(crate) goods: &'a [Time],
    /// What changed on the machine, in order of time.
    pub(crate) changes: &'a [changes::Step],
    /// Codes that clients showed.
    pub(crate) client_errors: &'a [u32],
    pub(crate) host: &'a str,
}

/// Days with the same records and working connections that make a cause background.
const BACKGROUND_DAYS: usize = 3;
/// How the reason begins that says so.
const BACKGROUND: &str = "the same records stand";

/// Decides one rule.
pub(crate) fn decide(number: usize, rule: &Rule, scene: &Scene<'_>) -> Finding {
    if matches!(rule.kind, Kind::Sigma | Kind::Correlation) {
        return plain::decide(number, rule, scene);
    }
    let Some(cause) = &rule.cause else { return Finding::Nothing };
    let is_known = applies(cause, scene.identity);
    if rule.kind != Kind::Cause || is_known == Some(false) {
        return Finding::Nothing;
    }
    let judge = Judge { timeline: scene.timeline, rules: scene.rules, texts: scene.texts, rule: number };
    let plain = When::Term(crate::rule::when::Term::plain(CONDITION));
    let outcome = judge.decide(cause.when.as_ref().unwrap_or(&plain));
    match outcome.truth {
        Truth::False => Finding::Nothing,
        Truth::Unknown(needs) if !outcome.hits.is_empty() => {
            Finding::Undecided(undecided(rule, cause, &needs, scene))
        }
        Truth::Unknown(_) => Finding::Nothing,
        Truth::True if is_known.is_none() => {
            let missing = missing_channel(scene).map(str::to_owned).into_iter().collect();
            let mut open = undecided(rule, cause, &missing, scene);
            open.question.push_str(&format!(" It is one only on {}.", cause.applies_to));
            Finding::Undecided(open)
        }
        Truth::True => weigh(rule, cause, &judge, outcome.hits, scene),
    }
}

/// Whether a cause can stand on the machine; `None` when its records do not say what the machine is.
fn applies(cause: &CauseSpec, identity: &Identity) -> Option<bool> {
    let fits_build = match cause.applies_to.builds {
        Some((low, high)) => identity.build.map(|own| (low..=high).contains(&own)),
        None => Some(true),
    };
    let roles = &cause.applies_to.roles;
    let known = roles.iter().map(|role| identity.has_role(role));
    let fits_role = known.max_by_key(|known| match known {
        Some(true) => 2,
        None => 1,
        Some(false) => 0,
    });
    match (fits_build, fits_role.unwrap_or(Some(true))) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

/// The log that says which Windows a machine runs and much of what it is for, when it is missing.
fn missing_channel(scene: &Scene<'_>) -> Option<&'static str> {
    scene.timeline.coverage.channel("System").is_none().then_some("System")
}

fn undecided(rule: &Rule, spec: &CauseSpec, needs: &BTreeSet<String>, scene: &Scene<'_>) -> Undecided {
    let list: Vec<&str> =
        needs.iter().map(String::as_str).chain(spec.needs.iter().map(|need| &**need)).collect();
    let channel = list.iter().copied().find(|need| !need.contains(" reaches back "));
    Undecided {
        rules: vec![rule.name.to_string()],
        question: format!("Is this the cause: {}?", rule.title),
        needs: list.join(", "),
        export: channel.map(|channel| export_command(channel, scene.host)).unwrap_or_default(),
    }
}

/// The command that exports a channel on the server.
pub(crate) fn export_command(channel: &str, host: &str) -> String {
    let short = host.split('.').next().unwrap_or(host);
    let name: String =
        channel.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    format!("wevtutil epl \"{channel}\" C:\\Temp\\{short}_{name}.evtx")
}

fn weigh(
    rule: &Rule,
    spec: &CauseSpec,
    judge: &Judge<'_>,
    mut hits: BTreeSet<usize>,
    scene: &Scene<'_>,
) -> Finding {
    for weight in &spec.rules_out {
        if judge.decide(&weight.condition).is_true() {
            return Finding::RuledOut(RuledOut {
                rule: rule.name.to_string(),
                title: rule.title.to_string(),
                reason: fill(&weight.say, judge, &hits, scene),
            });
        }
    }
    let mut steps = 0;
    let mut because = Vec::new();
    for (weights, change) in [(&spec.raises, 1), (&spec.lowers, -1)] {
        for weight in weights {
            if let Some(sentence) = apply(weight, change > 0, judge, &mut hits, scene) {
                steps += change;
                because.push(sentence);
            }
        }
    }
    if let Some(code) = scene.client_errors.iter().find(|code| spec.client_errors.contains(code)) {
        because.push(format!("the client's code 0x{code:X} fits this cause; it alone proves nothing"));
    }
    if spec.is_specific
        && let Some((change, sentence)) = background(&hits, scene)
    {
        let is_past = change == 0 && level(spec.confidence) + steps == 1 && is_forgotten(&hits, judge, scene);
        steps += if is_past { -1 } else { change };
        because.push(sentence);
    }
    if steps < 0 && level(spec.confidence) + steps < 0 && is_background(&because) {
        let finding = fill(&spec.finding, judge, &hits, scene);
        let text = format!("{}: {}; {}", rule.title, finding.trim_end_matches('.'), because.join("; "));
        return Finding::Noise(Note { kind: "noise".to_owned(), text });
    }
    let confidence = moved(spec.confidence, steps);
    Finding::Found(Box::new(build(rule, spec, judge, (hits, because, confidence), scene)))
}

/// The sentence of a weight whose condition holds; its records join the evidence when they speak for the cause.
fn apply(
    weight: &Weight,
    is_raise: bool,
    judge: &Judge<'_>,
    hits: &mut BTreeSet<usize>,
    scene: &Scene<'_>,
) -> Option<String> {
    let outcome = judge.decide(&weight.condition);
    if !outcome.is_true() {
        return None;
    }
    let sentence = fill_at(&weight.say, judge, hits, &outcome.hits, scene);
    if is_raise {
        hits.extend(outcome.hits);
    }
    Some(sentence)
}

/// Whether the last reason is that the records stand on good days too.
fn is_background(because: &[String]) -> bool {
    because.last().is_some_and(|last| last.starts_with(BACKGROUND))
}

const fn level(confidence: Confidence) -> i32 {
    match confidence {
        Confidence::Low => 0,
        Confidence::Medium => 1,
        Confidence::High => 2,
    }
}

fn moved(base: Confidence, steps: i32) -> Confidence {
    match level(base) + steps {
        ..=0 => Confidence::Low,
        1 => Confidence::Medium,
        _ => Confidence::High,
    }
}

/// What also happened on days when connections worked explains little: lowers when every kind of the records did.
fn background(hits: &BTreeSet<usize>, scene: &Scene<'_>) -> Option<(i32, String)> {
    let day = |time: Time| time.0.div_euclid(Span::days(1).0);
    let last_good = *scene.goods.last()?;
    let good_days: BTreeSet<i64> = scene.goods.iter().map(|good| day(*good)).collect();
    let mut kinds: BTreeMap<(String, u32, String), BTreeSet<i64>> = BTreeMap::new();
    for at in hits {
        let Some(item) = scene.timeline.item(*at) else { continue };
        let record = &item.record;
        let fact =
            record.field("Fact").unwrap_or_default().to_owned() + record.field("Outcome").unwrap_or_default();
        let days = kinds.entry((record.provider.to_string(), record.event_id, fact)).or_default();
        if record.time < last_good {
            days.insert(day(record.time));
        }
    }
    let shared = kinds.values().map(|days| days.intersection(&good_days).count()).min()?;
    if shared >= BACKGROUND_DAYS {
        return Some((-2, format!("{BACKGROUND} on {shared} days on which connections worked")));
    }
    let is_over = hits.iter().all(|at| scene.timeline.time(*at) < last_good);
    let worked = || {
        format!("connections worked again after the last of these records (last good {})", moment(last_good))
    };
    is_over.then(|| (0, worked()))
}

/// Whether nobody failed to connect around the records and people connected on several days after them: then the
/// records were of no consequence, as far as they alone tell. What was sure before stays so.
fn is_forgotten(hits: &BTreeSet<usize>, judge: &Judge<'_>, scene: &Scene<'_>) -> bool {
    let times = || hits.iter().map(|at| scene.timeline.time(*at));
    let (Some(first), Some(last)) = (times().min(), times().max()) else { return false };
    let day = Span::days(1).0;
    let later: BTreeSet<i64> =
        scene.goods.iter().filter(|good| **good > last).map(|good| good.0.div_euclid(day)).collect();
    let around = first.0.saturating_sub(day)..=last.0.saturating_add(day);
    let failed =
        |signal: &str| judge.hits(signal).iter().any(|at| around.contains(&scene.timeline.time(*at).0));
    later.len() >= BACKGROUND_DAYS && !failed("logon_failed") && !failed("outage")
}

type Weighed = (BTreeSet<usize>, Vec<String>, Confidence);

fn build(rule: &Rule, spec: &CauseSpec, judge: &Judge<'_>, weighed: Weighed, scene: &Scene<'_>) -> Found {
    let (hits, because, confidence) = weighed;
    let text = |template: &str| fill(template, judge, &hits, scene);
    let optional = |template: &Option<Box<str>>| template.as_deref().map(&text);
    let fixes = spec.fixes.iter().map(|step| Fix {
        order: text(&step.order),
        run: step.run.iter().map(|line| text(line)).collect(),
        shell: step.shell.to_string(),
        risk: step.risk,
        undo: optional(&step.undo),
        check: optional(&step.check),
    });
    let span = bounds(scene.timeline, &hits);
    let cause = Cause {
        rule: rule.name.to_string(),
        title: rule.title.to_string(),
        family: spec.family.to_string(),
        severity: spec.severity,
        confidence,
        summary: text(&spec.finding),
        description: rule.description.to_string(),
        because,
        open: open::of(spec, confidence, judge),
        evidence: evidence::lines(scene, &hits),
        fixes: fixes.collect(),
        explains: Vec::new(),
        explained_by: None,
        references: rule.references.iter().map(ToString::to_string).collect(),
        since: span.map(|(first, _)| first),
        until: span.map(|(_, last)| last),
    };
    let explains = spec.explains.iter().map(ToString::to_string).collect();
    Found { cause, hits, explains }
}

fn fill(template: &str, judge: &Judge<'_>, hits: &BTreeSet<usize>, scene: &Scene<'_>) -> String {
    fill_at(template, judge, hits, hits, scene)
}

/// Replaces `{Field}`, `{selection.Field}`, `{host}`, `{count}`; `{Field|words}` gives words when nothing is known.
fn fill_at(
    template: &str,
    judge: &Judge<'_>,
    all: &BTreeSet<usize>,
    near: &BTreeSet<usize>,
    scene: &Scene<'_>,
) -> String {
    let mut out = String::with_capacity(template.len());
    let mut is_one = false;
    for piece in placeholder::pieces(template) {
        match piece {
            Piece::Text(text) => {
                let behind = text.strip_prefix(" times").filter(|_| is_one);
                if behind.is_some() {
                    out.pop();
                    out.push_str("once");
                }
                out.push_str(behind.unwrap_or(text));
                is_one = false;
            }
            Piece::Name(name, words) => {
                let found = value_of(name, judge, (all, near), scene);
                let value = found.as_deref().or(words).unwrap_or("?");
                out.push_str(value);
                is_one = value == "1";
            }
        }
    }
    out
}

/// A time in a sentence: `2026-01-14 03:12:41 UTC`.
pub(super) fn moment(time: Time) -> String {
    let text: String = time.rfc3339().chars().take(19).collect();
    format!("{} UTC", text.replace('T', " "))
}

/// What is shown of a value: Windows ends its own messages with a line break, and writes a dash where it has nothing.
fn trimmed(value: &str) -> Option<String> {
    let value = value.trim();
    (!value.is_empty() && value != "-").then(|| value.to_owned())
}

/// The value of a field of a record; of a fact its own fields, and everything else from the records that it was made of.
fn shown_value(scene: &Scene<'_>, at: usize, field: &str) -> Option<String> {
    if FieldKey::parse(field) == FieldKey::Time {
        return scene.timeline.item(at).map(|item| moment(item.record.time));
    }
    // RdpCoreTS 140 has the address under another name than the security log.
    let names = [field, if field == "IpAddress" { "IPString" } else { field }];
    let of = |at: usize| {
        let item = scene.timeline.item(at)?;
        names.iter().find_map(|name| value(&item.record, name, scene.texts).and_then(|value| trimmed(&value)))
    };
    let own = scene.timeline.item(at).filter(|item| is_fact(&item.record));
    match own {
        Some(item) if item.record.field(field).is_none() => {
            scene.timeline.sources(at).iter().copied().find_map(of)
        }
        _ => of(at),
    }
}

fn value_of(
    name: &str,
    judge: &Judge<'_>,
    (all, near): (&BTreeSet<usize>, &BTreeSet<usize>),
    scene: &Scene<'_>,
) -> Option<String> {
    let timeline = scene.timeline;
    match name {
        "host" => return Some(scene.host.to_owned()),
        "count" => return Some(near.iter().map(|at| timeline.weight(*at)).sum::<u64>().to_string()),
        "first_time" => return near.first().map(|at| moment(timeline.time(*at))),
        "last_time" => return near.last().map(|at| moment(timeline.time(*at))),
        _ => {}
    }
    let of = |at: &usize, field: &str| shown_value(scene, *at, field);
    if let (Some(signal), field) = placeholder::split(name) {
        let hits = judge.hits(signal);
        if field == "count" {
            return Some(hits.iter().map(|at| timeline.weight(*at)).sum::<u64>().to_string());
        }
        return hits.iter().rev().find_map(|at| of(at, field));
    }
    near.iter().chain(all).find_map(|at| of(at, name))
}
