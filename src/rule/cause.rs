//! The `cause` section: what a rule says beyond Sigma.

use std::fmt;

use super::error::Flaws;
use super::keys;
use super::placeholder;
use super::when::{self, Term, When};
use crate::report::{Confidence, Risk, Severity};
use crate::text::yaml::Node;

/// What a rule says of a cause.
#[derive(Debug, Clone)]
pub(crate) struct CauseSpec {
    pub(crate) family: Box<str>,
    pub(crate) severity: Severity,
    pub(crate) confidence: Confidence,
    /// One sentence about the host, with `{Field}` values.
    pub(crate) finding: Box<str>,
    pub(crate) when: Option<When>,
    pub(crate) raises: Vec<Weight>,
    pub(crate) lowers: Vec<Weight>,
    pub(crate) rules_out: Vec<Weight>,
    pub(crate) explains: Vec<Box<str>>,
    pub(crate) applies_to: AppliesTo,
    /// Logs or exports that would decide it.
    pub(crate) needs: Vec<Box<str>>,
    /// Codes of the client that go with it.
    pub(crate) client_errors: Vec<u32>,
    pub(crate) fixes: Vec<FixSpec>,
    /// Whether records of it on days when connections worked speak against it.
    pub(crate) is_specific: bool,
}

/// A condition that changes the confidence, with the sentence to print.
#[derive(Debug, Clone)]
pub(crate) struct Weight {
    pub(crate) condition: When,
    pub(crate) say: Box<str>,
}

/// Hosts that a cause can stand on.
#[derive(Debug, Clone, Default)]
pub(crate) struct AppliesTo {
    /// Lowest and highest build.
    pub(crate) builds: Option<(u32, u32)>,
    /// Any of these roles.
    pub(crate) roles: Vec<Box<str>>,
}

impl fmt::Display for AppliesTo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.roles.join(", "))?;
        let Some((low, high)) = self.builds else { return Ok(()) };
        let joint = if self.roles.is_empty() { "" } else { " of " };
        write!(formatter, "{joint}Windows")?;
        match (low, high) {
            (0, high) => write!(formatter, " build {high} or older"),
            (low, u32::MAX) => write!(formatter, " build {low} or newer"),
            (low, high) => write!(formatter, " builds {low} to {high}"),
        }
    }
}

/// One step of a fix.
#[derive(Debug, Clone)]
pub(crate) struct FixSpec {
    pub(crate) order: Box<str>,
    pub(crate) run: Vec<Box<str>>,
    pub(crate) shell: Box<str>,
    pub(crate) risk: Risk,
    pub(crate) undo: Option<Box<str>>,
    pub(crate) check: Option<Box<str>>,
}

impl FixSpec {
    fn texts(&self) -> impl Iterator<Item = &Box<str>> {
        [&self.order].into_iter().chain(&self.run).chain(&self.undo).chain(&self.check)
    }
}

impl CauseSpec {
    /// All terms of all its conditions.
    pub(crate) fn terms(&self) -> Vec<&Term> {
        let weights = self.raises.iter().chain(&self.lowers).chain(&self.rules_out);
        let mut terms = Vec::new();
        self.when
            .iter()
            .chain(weights.map(|weight| &weight.condition))
            .for_each(|when| when.terms(&mut terms));
        terms
    }

    /// Whether a condition names a signal.
    pub(crate) fn names(&self, signal: &str) -> bool {
        let is_named =
            |term: &&Term| &*term.signal == signal || term.bounds.iter().any(|bound| &*bound.other == signal);
        self.terms().iter().any(is_named)
    }

    /// Whether a sentence or a command shows values of a signal.
    pub(crate) fn shows(&self, signal: &str) -> bool {
        let weights = self.raises.iter().chain(&self.lowers).chain(&self.rules_out);
        let mut texts = [&self.finding]
            .into_iter()
            .chain(weights.map(|weight| &weight.say))
            .chain(&self.needs)
            .chain(self.fixes.iter().flat_map(FixSpec::texts));
        texts.any(|text| {
            text.contains('{')
                && placeholder::names(text).iter().any(|name| placeholder::split(name).0 == Some(signal))
        })
    }
}

/// Roles that `applies_to` knows.
pub(crate) const ROLES: &[&str] = &[
    "server",
    "client",
    "session-host",
    "domain-member",
    "domain-controller",
    "gateway",
    "broker",
    "license-server",
];
/// Families of causes; folders of `rules/causes`.
pub(crate) const FAMILIES: &[&str] = &[
    "service-not-running",
    "service-crash",
    "service-dependency",
    "listener-or-port",
    "firewall-or-network",
    "rdp-disabled-by-config",
    "policy",
    "nla-credssp",
    "tls-certificate",
    "tls-protocol-hardening",
    "licensing",
    "session-limit",
    "stale-session",
    "windows-update-regression",
    "logon-or-credentials",
    "account-lockout-or-bruteforce",
    "domain-trust-or-time",
    "resource-exhaustion",
    "graphics-or-display",
    "profile",
    "third-party-software",
    "broker-or-gateway",
    "client-side",
    "network-quality",
    "expected-or-benign",
    "other",
];

/// Reads the section; `folder` is the family by default, `level` Sigma's level.
pub(super) fn read(node: &Node, folder: &str, level: Option<&Node>, flaws: &mut Flaws) -> CauseSpec {
    flaws.unknown_keys(node, &keys::CAUSE);
    let family = node.get("family").and_then(Node::text).unwrap_or(folder);
    if !FAMILIES.contains(&family) {
        let help = super::error::nearest(family, FAMILIES).map_or_else(
            || format!("families: {}", FAMILIES.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        flaws.error(node.mark, format!("`{family}` is no family"), help);
    }
    let severity_node = node.get("severity").or(level);
    let when = node.get("when").and_then(|when| condition(when, flaws));
    CauseSpec {
        family: family.into(),
        severity: severity_node.map_or(Severity::Medium, |value| choice(value, SEVERITIES, flaws)),
        confidence: node
            .get("confidence")
            .map_or(Confidence::Medium, |value| choice(value, CONFIDENCES, flaws)),
        finding: text(node, "finding", flaws),
        when,
        raises: weights(node.get("raise"), flaws),
        lowers: weights(node.get("lower"), flaws),
        rules_out: weights(node.get("rules_out"), flaws),
        explains: strings(node.get("explains")),
        applies_to: node.get("applies_to").map(|value| applies_to(value, flaws)).unwrap_or_default(),
        needs: strings(node.get("needs")),
        client_errors: codes(node.get("client_errors"), flaws),
        fixes: node
            .get("fixes")
            .map(Node::items)
            .unwrap_or_default()
            .iter()
            .map(|fix| step(fix, flaws))
            .collect(),
        is_specific: node.get("specific").and_then(Node::text) != Some("false"),
    }
}

const SEVERITIES: &[(&str, Severity)] = &[
    ("critical", Severity::Critical),
    ("high", Severity::High),
    ("medium", Severity::Medium),
    ("low", Severity::Low),
    ("informational", Severity::Informational),
];
const CONFIDENCES: &[(&str, Confidence)] =
    &[("high", Confidence::High), ("medium", Confidence::Medium), ("low", Confidence::Low)];
const RISKS: &[(&str, Risk)] = &[
    ("safe", Risk::Safe),
    ("restarts-service", Risk::RestartsService),
    ("ends-sessions", Risk::EndsSessions),
    ("reboots", Risk::Reboots),
    ("weakens-security", Risk::WeakensSecurity),
    ("unsupported", Risk::Unsupported),
];
const SHELLS: &[(&str, &str)] = &[("powershell", "powershell"), ("cmd", "cmd"), ("gui", "gui"), ("", "")];

fn choice<T: Copy>(node: &Node, choices: &[(&str, T)], flaws: &mut Flaws) -> T {
    let word = node.text().unwrap_or_default();
    let found = choices.iter().find(|(name, _)| *name == word);
    if found.is_none() {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        flaws.error(
            node.mark,
            format!("`{word}` is not known here"),
            format!("write one of: {}", names.join(", ")),
        );
    }
    found.or(choices.first()).expect("every table of choices has an entry").1
}

fn text(node: &Node, key: &str, flaws: &mut Flaws) -> Box<str> {
    match node.get(key).and_then(Node::text) {
        Some(text) => text.trim().into(),
        None => {
            flaws.error(node.mark, format!("`{key}` is missing"), format!("add `{key}: '…'`"));
            "".into()
        }
    }
}

pub(super) fn strings(node: Option<&Node>) -> Vec<Box<str>> {
    node.map(Node::items).unwrap_or_default().iter().filter_map(Node::text).map(Into::into).collect()
}

fn codes(node: Option<&Node>, flaws: &mut Flaws) -> Vec<u32> {
    let mut out = Vec::new();
    for item in node.map(Node::items).unwrap_or_default() {
        match super::matcher::number_of(item.text().unwrap_or_default()) {
            Some(code) => out.push(code),
            None => flaws.error(item.mark, "this is no code", "write 0x904 or 2308"),
        }
    }
    out
}

fn condition(node: &Node, flaws: &mut Flaws) -> Option<When> {
    match when::parse(node.text().unwrap_or_default()) {
        Ok(when) => Some(when),
        Err(problem) => {
            flaws.error(flaws.word(node, problem.word), problem.message, problem.help);
            None
        }
    }
}

fn weights(node: Option<&Node>, flaws: &mut Flaws) -> Vec<Weight> {
    let items = node.map(Node::items).unwrap_or_default();
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        flaws.unknown_keys(item, &keys::WEIGHT);
        let Some(if_node) = item.get("if") else {
            flaws.error(item.mark, "`if` is missing", "write `- if: SIGNAL` and `  say: '…'`");
            continue;
        };
        if let Some(condition) = condition(if_node, flaws) {
            out.push(Weight { condition, say: text(item, "say", flaws) });
        }
    }
    out
}

fn applies_to(node: &Node, flaws: &mut Flaws) -> AppliesTo {
    flaws.unknown_keys(node, &keys::APPLIES_TO);
    let builds = node.get("builds").and_then(|value| {
        let range = value.text().and_then(|text| {
            let (low, high) = text.split_once("..").unwrap_or((text, text));
            let low = if low.trim().is_empty() { Some(0) } else { low.trim().parse().ok() };
            let high = if high.trim().is_empty() { Some(u32::MAX) } else { high.trim().parse().ok() };
            low.zip(high)
        });
        if range.is_none() {
            flaws.error(
                value.mark,
                "this is no range of builds",
                "write '14393..20348', '22000..' or '..9600'",
            );
        }
        range
    });
    let roles = strings(node.get("roles"));
    for role in &roles {
        if !ROLES.contains(&&**role) {
            flaws.error(node.mark, format!("`{role}` is no role"), format!("roles: {}", ROLES.join(", ")));
        }
    }
    AppliesTo { builds, roles }
}

fn step(node: &Node, flaws: &mut Flaws) -> FixSpec {
    flaws.unknown_keys(node, &keys::FIX);
    let optional = |key: &str| node.get(key).and_then(Node::text).map(|text| text.trim().into());
    FixSpec {
        order: text(node, "do", flaws),
        run: strings(node.get("run")).iter().map(|line| line.trim_end().into()).collect(),
        shell: node.get("shell").map_or("", |value| choice(value, SHELLS, flaws)).into(),
        risk: node.get("risk").map_or(Risk::Safe, |value| choice(value, RISKS, flaws)),
        undo: optional("undo"),
        check: optional("check"),
    }
}
