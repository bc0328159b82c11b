//! Causes with their evidence and fixes.

use serde::Serialize;

use super::super::super::words;
use super::time;
use crate::report;

/// Why Remote Desktop failed on the host.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Cause<'a> {
    rule: &'a str,
    title: &'a str,
    family: &'a str,
    #[cfg_attr(test, schemars(extend("enum" = ["critical", "high", "medium", "low", "informational"])))]
    severity: &'static str,
    #[cfg_attr(test, schemars(extend("enum" = ["high", "medium", "low"])))]
    confidence: &'static str,
    summary: &'a str,
    description: &'a str,
    because: &'a [String],
    open: Vec<Open<'a>>,
    evidence: Vec<Evidence<'a>>,
    fixes: Vec<Fix<'a>>,
    explains: &'a [String],
    explained_by: Option<&'a str>,
    references: &'a [String],
    since: Option<String>,
    until: Option<String>,
}

impl<'a> Cause<'a> {
    pub(super) fn new(cause: &'a report::Cause) -> Self {
        Self {
            rule: &cause.rule,
            title: &cause.title,
            family: &cause.family,
            severity: words::severity(cause.severity),
            confidence: words::confidence(cause.confidence),
            summary: &cause.summary,
            description: &cause.description,
            because: &cause.because,
            open: cause.open.iter().map(Open::new).collect(),
            evidence: cause.evidence.iter().map(Evidence::new).collect(),
            fixes: cause.fixes.iter().map(Fix::new).collect(),
            explains: &cause.explains,
            explained_by: cause.explained_by.as_deref(),
            references: &cause.references,
            since: time(cause.since),
            until: time(cause.until),
        }
    }
}

/// What logs that are missing could change.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Open<'a> {
    needs: &'a [String],
    #[cfg_attr(test, schemars(extend("items" = {"type": "string", "enum": ["raise", "lower", "rule_out"]})))]
    could: Vec<&'static str>,
}

impl<'a> Open<'a> {
    fn new(open: &'a report::Open) -> Self {
        let effects = [(open.may_raise, "raise"), (open.may_lower, "lower"), (open.may_rule_out, "rule_out")];
        let could = effects.into_iter().filter_map(|(may, name)| may.then_some(name));
        Self { needs: &open.needs, could: could.collect() }
    }
}

/// Records of one kind that show it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Evidence<'a> {
    time: String,
    last_time: String,
    log: &'a str,
    channel: &'a str,
    provider: &'a str,
    event_id: u32,
    record_id: u64,
    text: &'a str,
    text_source: &'a str,
    count: u64,
}

impl<'a> Evidence<'a> {
    pub(super) fn new(line: &'a report::Evidence) -> Self {
        Self {
            time: line.time.rfc3339(),
            last_time: line.last_time.rfc3339(),
            log: &line.log,
            channel: &line.channel,
            provider: &line.provider,
            event_id: line.event_id,
            record_id: line.record_id,
            text: &line.text,
            text_source: &line.text_source,
            count: line.count,
        }
    }
}

/// A step, likeliest and safest first.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Fix<'a> {
    #[serde(rename = "do")]
    order: &'a str,
    run: &'a [String],
    shell: &'a str,
    #[cfg_attr(test, schemars(extend("enum" = ["safe", "restarts-service", "ends-sessions", "reboots", "weakens-security", "unsupported"])))]
    risk: &'static str,
    undo: Option<&'a str>,
    check: Option<&'a str>,
}

impl<'a> Fix<'a> {
    pub(super) fn new(fix: &'a report::Fix) -> Self {
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
