//! Rules for people: a table by family, and one rule as prose.

use std::collections::BTreeMap;
use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};

use super::escape;
use crate::report::{Confidence, Risk, Severity};
use crate::rule::cause::{CauseSpec, FixSpec};
use crate::rule::{Kind, Rule, RuleSet};
use crate::text::yaml::{Node, Value};

/// Longer lines of prose are hard to read.
const MAX_PROSE: usize = 110;

/// Writes all causes by family, then other rules.
///
/// # Errors
///
/// Those of `out`.
pub fn rule_list(set: &RuleSet, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let mut families: BTreeMap<(bool, &str), Vec<&Rule>> = BTreeMap::new();
    for rule in set.rules() {
        families.entry((rule.kind != Kind::Cause, rule.family())).or_default().push(rule);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    for ((_, family), rules) in &families {
        table.add_row([format!("{family} ({})", rules.len())]);
        for rule in rules {
            let severity = rule.cause.as_ref().map_or("", |cause| severity(cause.severity));
            let name = format!("  {}", escape::line(&rule.name, escape::NAME));
            table.add_row([name, severity.to_owned(), escape::line(&rule.title, escape::NAME)]);
        }
    }
    let total = set.rules().count();
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    writeln!(out, "{total} rules in {} families", families.len())
}

/// Writes one rule as prose.
///
/// # Errors
///
/// Those of `out`.
pub fn rule(rule: &Rule, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page { out, width: width.min(MAX_PROSE) };
    page.text("", &rule.title)?;
    page.text("", &format!("{} · {}", rule.name, facts(rule)))?;
    page.blank()?;
    page.text("", &rule.description)?;
    if let Some(reason) = &rule.constraint.impossible {
        page.text("", &format!("It cannot run: {reason}."))?;
    }
    page.selections(rule)?;
    if let Some(cause) = &rule.cause {
        page.cause(rule, cause)?;
    }
    page.list("innocent reasons for the same records", &rule.falsepositives)?;
    page.list("sources", &rule.references)
}

fn facts(rule: &Rule) -> String {
    let Some(cause) = &rule.cause else { return rule.family().to_owned() };
    let confidence = match cause.confidence {
        Confidence::High => "high",
        Confidence::Medium => "medium",
        Confidence::Low => "low",
    };
    format!("{} · {} · starts at {confidence} confidence", cause.family, severity(cause.severity))
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
        Severity::Informational => "informational",
    }
}

const fn risk(risk: Risk) -> &'static str {
    match risk {
        Risk::Safe => "safe",
        Risk::RestartsService => "restarts a service",
        Risk::EndsSessions => "ends sessions",
        Risk::Reboots => "restarts the machine",
        Risk::WeakensSecurity => "weakens security",
        Risk::Unsupported => "not supported by Microsoft",
    }
}

struct Page<'a> {
    out: &'a mut dyn Write,
    width: usize,
}

impl Page<'_> {
    fn blank(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    fn text(&mut self, indent: &str, text: &str) -> io::Result<()> {
        let text = escape::line(text, escape::SENTENCE);
        let deeper = format!("{indent}  ");
        let later = if indent.is_empty() { indent } else { &deeper };
        let options = textwrap::Options::new(self.width).initial_indent(indent).subsequent_indent(later);
        textwrap::wrap(&text, options).iter().try_for_each(|line| writeln!(self.out, "{line}"))
    }

    fn head(&mut self, text: &str) -> io::Result<()> {
        self.blank()?;
        self.text("", text)
    }

    fn list(&mut self, head: &str, items: &[Box<str>]) -> io::Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        self.head(head)?;
        items.iter().try_for_each(|item| self.text("  ", item))
    }

    fn selections(&mut self, rule: &Rule) -> io::Result<()> {
        let Some(section) = rule.node().get("detection") else { return Ok(()) };
        self.head("looks for")?;
        for (key, value) in section.entries() {
            let name = key.text().unwrap_or_default();
            if name != "condition" {
                self.text("  ", &format!("{name}: {}", selection(value)))?;
            }
        }
        if rule.cause.as_ref().is_none_or(|cause| cause.when.is_none())
            && let Some(condition) = section.get("condition")
        {
            let texts: Vec<&str> = condition.items().iter().filter_map(Node::text).collect();
            self.head(&format!("found when a record meets: {}", texts.join("; or ")))?;
        }
        Ok(())
    }

    fn cause(&mut self, rule: &Rule, cause: &CauseSpec) -> io::Result<()> {
        let section = rule.node().get("cause");
        if let Some(when) = section.and_then(|section| section.get("when")).and_then(Node::text) {
            self.head(&format!("found when: {when}"))?;
        }
        self.text("", &format!("says: {}", cause.finding))?;
        for (key, head) in
            [("raise", "surer when"), ("lower", "less sure when"), ("rules_out", "not the cause when")]
        {
            let weights = section.and_then(|section| section.get(key)).map(Node::items).unwrap_or_default();
            if !weights.is_empty() {
                self.head(head)?;
            }
            for weight in weights {
                let text = |key: &str| weight.get(key).and_then(Node::text).unwrap_or_default();
                self.text("  ", &format!("{}: {}", text("if"), text("say")))?;
            }
        }
        self.list("explains", &cause.explains)?;
        let codes: Vec<Box<str>> =
            cause.client_errors.iter().map(|code| format!("0x{code:X}").into()).collect();
        self.list("codes of clients that fit", &codes)?;
        self.list("logs that would decide it", &cause.needs)?;
        if !cause.fixes.is_empty() {
            self.head("what to do")?;
        }
        let fixes = cause.fixes.iter().zip(1..);
        for (fix, number) in fixes {
            self.fix(number, fix)?;
        }
        Ok(())
    }

    fn fix(&mut self, number: u32, fix: &FixSpec) -> io::Result<()> {
        self.text("  ", &format!("{number} {} ({})", fix.order, risk(fix.risk)))?;
        for command in &fix.run {
            for line in escape::lines(command, escape::SENTENCE).lines() {
                writeln!(self.out, "      {line}")?;
            }
        }
        for (word, text) in [("undo", &fix.undo), ("check", &fix.check)] {
            if let Some(text) = text {
                self.text("    ", &format!("{word}: {text}"))?;
            }
        }
        Ok(())
    }
}

/// A selection as words: its provider and ids first, then fields.
fn selection(node: &Node) -> String {
    match &node.value {
        Value::Map(entries) => {
            let parts: Vec<String> =
                entries.iter().map(|(key, value)| field(key.text().unwrap_or_default(), value)).collect();
            parts.join(" and ")
        }
        Value::List(items) => {
            let parts: Vec<String> = items.iter().map(selection).collect();
            parts.join(", or ")
        }
        _ => format!("'{}' anywhere", node.text().unwrap_or_default()),
    }
}

fn field(name: &str, value: &Node) -> String {
    let values: Vec<&str> = value.items().iter().filter_map(Node::text).collect();
    let values = values.join(if name.contains("|all") { " and " } else { " or " });
    match name.split_once('|') {
        _ if name == "Provider_Name" => values,
        _ if name == "EventID" => format!("event {values}"),
        None if values.is_empty() => format!("{name} is empty"),
        None => format!("{name} is {values}"),
        Some((field, modifiers)) => format!("{field} {} {values}", modifiers.replace('|', " ")),
    }
}
