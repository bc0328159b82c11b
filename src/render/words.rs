//! The words for the report's closed lists, as people read them and as machines do.

use crate::report::{Confidence, EntryKind, Fix, Open, Risk, Severity, Status, Undecided, UpdateState};

/// `broken`.
pub(crate) const fn status(status: Status) -> &'static str {
    match status {
        Status::Broken => "broken",
        Status::Degraded => "degraded",
        Status::Unknown => "unknown",
        Status::Healthy => "healthy",
    }
}

/// A sign for a status that needs no colour.
pub(crate) const fn sign(status: Status) -> &'static str {
    match status {
        Status::Broken => "✖",
        Status::Degraded => "▲",
        Status::Unknown => "?",
        Status::Healthy => "✔",
    }
}

/// `high`.
pub(crate) const fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Low => "low",
        Confidence::Medium => "medium",
        Confidence::High => "high",
    }
}

/// `critical`.
pub(crate) const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
        Severity::Informational => "informational",
    }
}

/// `restarts-service`.
pub(crate) const fn risk_id(risk: Risk) -> &'static str {
    match risk {
        Risk::Safe => "safe",
        Risk::RestartsService => "restarts-service",
        Risk::EndsSessions => "ends-sessions",
        Risk::Reboots => "reboots",
        Risk::WeakensSecurity => "weakens-security",
        Risk::Unsupported => "unsupported",
    }
}

/// What a step does to the host, in words.
pub(crate) const fn risk(risk: Risk) -> &'static str {
    match risk {
        Risk::Safe => "safe",
        Risk::RestartsService => "restarts a service",
        Risk::EndsSessions => "ends sessions",
        Risk::Reboots => "restarts the machine",
        Risk::WeakensSecurity => "weakens security",
        Risk::Unsupported => "not supported by Microsoft",
    }
}

/// `rolled_back`.
pub(crate) const fn update_state(state: UpdateState) -> &'static str {
    match state {
        UpdateState::Installed => "installed",
        UpdateState::Pending => "pending",
        UpdateState::Failed => "failed",
        UpdateState::RolledBack => "rolled_back",
        UpdateState::Uninstalled => "uninstalled",
        UpdateState::FromBuild => "from_build",
    }
}

/// `connections`.
pub(crate) const fn entry_kind(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Change => "change",
        EntryKind::Service => "service",
        EntryKind::Connections => "connections",
        EntryKind::Match => "match",
        EntryKind::Outage => "outage",
    }
}

/// What pastes into where, for the shells that fixes know.
pub(crate) fn shell(shell: &str) -> &str {
    match shell {
        "powershell" => "PowerShell",
        "cmd" => "command prompt",
        "gui" => "by hand",
        other => other,
    }
}

/// `61 204`.
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// `1 log`, `4 logs`.
pub(crate) fn count(value: u64, noun: &str) -> String {
    let plural = if value == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", number(value))
}

/// `count` for lengths of lists.
pub(crate) fn count_of<T>(list: &[T], noun: &str) -> String {
    count(u64::try_from(list.len()).unwrap_or(u64::MAX), noun)
}

/// A sentence begins with a capital.
pub(crate) fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(characters).collect()
}

/// What logs that are missing could do to a cause: `needs Security: could raise this confidence`.
pub(crate) fn open(open: &Open) -> String {
    let effect = match (open.may_raise, open.may_lower) {
        (true, true) => "raise or lower this confidence",
        (true, false) => "raise this confidence",
        (false, true) => "lower this confidence",
        (false, false) => "",
    };
    let out = if open.may_rule_out { "rule this cause out" } else { "" };
    let joint = if effect.is_empty() || out.is_empty() { "" } else { ", or " };
    format!("needs {}: could {effect}{joint}{out}", open.needs.join(", "))
}

/// What is open, and what would decide it.
pub(crate) fn question(open: &Undecided) -> String {
    if open.needs.is_empty() {
        sentence(&open.question)
    } else {
        format!("{} → {}", sentence(&open.question), open.needs)
    }
}

/// Whether a remark of a step is to be pasted: rules end a sentence with a full stop, a command they do not.
pub(crate) fn is_command(fix: &Fix, text: &str) -> bool {
    !matches!(fix.shell.as_str(), "" | "gui") && !text.trim_end().ends_with('.')
}

/// A channel without the words that all channels share.
pub(crate) fn channel(channel: &str) -> &str {
    let short = channel.strip_prefix("Microsoft-Windows-").unwrap_or(channel);
    short.strip_suffix("/Operational").or_else(|| short.strip_suffix("/Admin")).unwrap_or(short)
}

#[cfg(test)]
mod tests {
    use super::{channel, count, number};

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(number(7), "7");
        assert_eq!(number(61_204), "61 204");
        assert_eq!(number(1_000_000), "1 000 000");
        assert_eq!(count(1, "log"), "1 log");
    }

    #[test]
    fn channels_lose_what_they_share() {
        assert_eq!(
            channel("Microsoft-Windows-TerminalServices-LocalSessionManager/Operational"),
            "TerminalServices-LocalSessionManager"
        );
        assert_eq!(channel("System"), "System");
    }
}
