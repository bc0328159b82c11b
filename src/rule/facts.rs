//! The facts that diagnosis derives from several records, as rules see them: their names and fields.
//!
//! They are made in `diagnose`; here is only what rules may ask of them.

/// Provider of derived facts.
pub(crate) const PROVIDER: &str = "rdpwhy";

/// A derived fact: its name and its fields beside `Fact`.
pub(crate) const FACTS: &[(&str, &[&str])] = &[
    ("attempt", &["Stage", "Outcome", "Address", "User", "Session", "Seconds", "Code"]),
    ("service", &["Service", "State", "Code"]),
    ("service_at_end", &["Service", "State", "Code", "Seconds"]),
    ("listener_at_end", &["Service", "State", "Code", "Seconds"]),
    ("change", &["Kind", "Text", "Kb"]),
    ("boot", &[]),
    ("outage", &["State", "Failed"]),
    ("not_started", &["Seconds"]),
    ("silence", &["Seconds", "Lasted", "Days", "Busy", "Percent"]),
    ("drop_together", &["Sessions"]),
    ("stale_session", &["Session", "User", "Days"]),
];

/// The fields of a fact.
pub(crate) fn fields(fact: &str) -> Option<&'static [&'static str]> {
    FACTS.iter().find(|(name, _)| *name == fact).map(|(_, fields)| *fields)
}

/// The names of all facts.
pub(crate) fn names() -> Vec<&'static str> {
    FACTS.iter().map(|(name, _)| *name).collect()
}

/// The fields of all facts.
pub(crate) fn all_fields() -> Vec<String> {
    let mut all: Vec<String> =
        FACTS.iter().flat_map(|(_, fields)| *fields).map(|field| (*field).to_owned()).collect();
    all.push("Fact".to_owned());
    all.sort();
    all.dedup();
    all
}
