//! Every key of a rule file: its name, what may stand there, what it is for.
//!
//! One table for the reader, which refuses other keys, and for the JSON Schema, from which editors complete.

use super::cause::{FAMILIES, ROLES};

/// One key.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) about: &'static str,
    pub(crate) is_needed: bool,
}

/// What may stand at a key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// One value.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Flag,
    /// One of some words.
    Word(&'static [&'static str]),
    /// One or several of some words.
    Words(&'static [&'static str]),
    /// One value, or a list of them.
    Texts,
    /// A condition over the host's timeline.
    Expression,
    /// A map with the keys of a place.
    Map(&'static Place),
    /// A list of such maps.
    List(&'static Place),
    /// Selections and their condition.
    Detection,
    /// A map from any name to a value.
    Values,
    /// A map from any name to a list of values.
    Columns,
    /// Anything: the key is Sigma's and means nothing here.
    Any,
}

/// A map of a rule file.
#[derive(Debug)]
pub(crate) struct Place {
    /// How messages call it.
    pub(crate) name: &'static str,
    pub(crate) keys: &'static [Key],
}

impl Place {
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).collect()
    }
}

const fn key(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, shape, about, is_needed: false }
}

const fn needed(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, shape, about, is_needed: true }
}

/// Sigma's levels.
pub(crate) const LEVELS: &[&str] = &["critical", "high", "medium", "low", "informational"];
/// How sure.
pub(crate) const CONFIDENCES: &[&str] = &["high", "medium", "low"];
/// What a step does to the host.
pub(crate) const RISKS: &[&str] =
    &["safe", "restarts-service", "ends-sessions", "reboots", "weakens-security", "unsupported"];
/// Where a command is typed.
pub(crate) const SHELLS: &[&str] = &["powershell", "cmd", "gui"];
/// Kinds of correlations.
pub(crate) const CORRELATIONS: &[&str] = &[
    "event_count",
    "value_count",
    "temporal",
    "temporal_ordered",
    "value_sum",
    "value_avg",
    "value_percentile",
    "value_median",
];

/// A document.
pub(crate) static RULE: Place = Place {
    name: "a rule",
    keys: &[
        needed("title", Shape::Text, "Name of the cause, not of the event."),
        key("id", Shape::Text, "Sigma's identifier, a UUID; correlations may refer to it."),
        key("name", Shape::Text, "Name of a Sigma rule, for correlations. A cause is named like its file."),
        key("taxonomy", Shape::Text, "Sigma's; not used."),
        key("related", Shape::Any, "Sigma's; not used."),
        key(
            "status",
            Shape::Word(&["stable", "test", "experimental", "deprecated", "unsupported"]),
            "How far the rule has been tried.",
        ),
        key("description", Shape::Text, "How it breaks Remote Desktop and what users see."),
        key("license", Shape::Text, "Sigma's; not used."),
        key("author", Shape::Text, "Who wrote it."),
        key("references", Shape::Texts, "Addresses of the sources."),
        key("date", Shape::Text, "When it was written."),
        key("modified", Shape::Text, "When it was changed."),
        key("logsource", Shape::Map(&LOGSOURCE), "Which logs the rule is for; `product: windows` for all."),
        key("detection", Shape::Detection, "Selections, each a test of one record, and their condition."),
        key("correlation", Shape::Map(&CORRELATION), "Sigma's correlation over matches of other rules."),
        key("fields", Shape::Texts, "Sigma's list of fields worth showing; not used."),
        key("falsepositives", Shape::Texts, "Innocent reasons for the same records."),
        key(
            "level",
            Shape::Word(LEVELS),
            "How bad: critical when nobody can connect, informational when no fault.",
        ),
        key("tags", Shape::Texts, "Sigma's; not used."),
        key("scope", Shape::Texts, "Sigma's; not used."),
        key("cause", Shape::Map(&CAUSE), "What the rule says of a host: the cause of broken Remote Desktop."),
        key("tests", Shape::Map(&TESTS), "Cases: records in, finding or none out."),
        key("action", Shape::Text, "Of old Sigma; not used."),
        key("simulation", Shape::Any, "Of SigmaHQ; not used."),
        key("regression_tests_path", Shape::Text, "Of SigmaHQ; not used."),
    ],
};

/// `logsource`.
pub(crate) static LOGSOURCE: Place = Place {
    name: "`logsource`",
    keys: &[
        key("product", Shape::Text, "`windows`; rules for other products are left out."),
        key("service", Shape::Text, "Sigma's word for a channel: `system`, `security`, …"),
        key("category", Shape::Text, "Sigma's word for a kind of Sysmon or PowerShell event."),
        key("definition", Shape::Text, "Sigma's remark on auditing; not used."),
    ],
};

/// `cause`.
pub(crate) static CAUSE: Place = Place {
    name: "`cause`",
    keys: &[
        key("family", Shape::Word(FAMILIES), "Family of the cause; the folder's name when absent."),
        key("severity", Shape::Word(LEVELS), "In place of `level`, where Sigma's meaning must differ."),
        key("confidence", Shape::Word(CONFIDENCES), "Where confidence starts; medium when absent."),
        needed("finding", Shape::Text, "One sentence about this host with `{Field}` values."),
        key(
            "when",
            Shape::Expression,
            "When the cause is found; any record that meets `condition` when absent.",
        ),
        key("raise", Shape::List(&WEIGHT), "What makes it surer by one step."),
        key("lower", Shape::List(&WEIGHT), "What makes it less sure by one step."),
        key("rules_out", Shape::List(&WEIGHT), "What speaks against it so clearly that it is no cause."),
        key("explains", Shape::Texts, "Rules whose causes are effects of this one, or `family:NAME`."),
        key("applies_to", Shape::Map(&APPLIES_TO), "Hosts that the cause can stand on; all when absent."),
        key("needs", Shape::Texts, "Channels whose logs would decide it."),
        key("client_errors", Shape::Texts, "Codes that clients show with this cause."),
        key("fixes", Shape::List(&FIX), "Steps, likeliest and safest first."),
        key("specific", Shape::Flag, "`false`: that it also happened on good days does not lower it."),
    ],
};

/// An entry of `raise`, `lower`, `rules_out`.
pub(crate) static WEIGHT: Place = Place {
    name: "a weight",
    keys: &[
        needed("if", Shape::Expression, "The condition."),
        needed("say", Shape::Text, "The sentence of the report."),
    ],
};

/// `applies_to`.
pub(crate) static APPLIES_TO: Place = Place {
    name: "`applies_to`",
    keys: &[
        key("builds", Shape::Text, "Builds of Windows: '14393..20348', '22000..' or '..9600'."),
        key("roles", Shape::Words(ROLES), "Any of the roles that rdpwhy reads from records."),
    ],
};

/// An entry of `fixes`.
pub(crate) static FIX: Place = Place {
    name: "a fix",
    keys: &[
        needed("do", Shape::Text, "An order in words."),
        key("run", Shape::Texts, "What to type, a command a line."),
        key("shell", Shape::Word(SHELLS), "Where to type it."),
        key("risk", Shape::Word(RISKS), "What the step does to the host; safe when absent."),
        key("undo", Shape::Text, "How to take it back; needed unless safe."),
        key("check", Shape::Text, "How to see that it worked; needed on the last step."),
    ],
};

/// `tests`.
pub(crate) static TESTS: Place = Place {
    name: "`tests`",
    keys: &[
        key("match", Shape::List(&CASE), "Cases that must find the cause."),
        key("ignore", Shape::List(&CASE), "Near misses that must not find it."),
    ],
};

/// A case.
pub(crate) static CASE: Place = Place {
    name: "a case",
    keys: &[
        needed("name", Shape::Text, "What is special in it."),
        key("confidence", Shape::Word(CONFIDENCES), "The confidence that must come out."),
        key("client_error", Shape::Text, "A code that the client showed."),
        key(
            "each",
            Shape::Columns,
            "Makes a case of each row: `{name}` in the records stands for its values.",
        ),
        key("signal", Shape::Text, "In a file of signals: the one that must match, or must not."),
        needed("records", Shape::List(&RECORD), "The records that the host's logs hold."),
    ],
};

/// A record of a case.
pub(crate) static RECORD: Place = Place {
    name: "a record",
    keys: &[
        needed("at", Shape::Text, "Time: '2026-01-14 03:12:41', or '03:12:41' on that day."),
        needed("provider", Shape::Text, "`Provider/@Name`."),
        key("source", Shape::Text, "`Provider/@EventSourceName`."),
        needed("event_id", Shape::Number, "The event's id."),
        key("qualifiers", Shape::Number, "`EventID/@Qualifiers` of classic events."),
        key("version", Shape::Number, "Version of the event; 0 when absent."),
        key("level", Shape::Number, "1 critical, 2 error, 3 warning, 4 information; 4 when absent."),
        key("channel", Shape::Text, "Channel; guessed from the provider when absent."),
        key("computer", Shape::Text, "Computer name."),
        key("data", Shape::Values, "Named values."),
        key("values", Shape::Texts, "Unnamed values, `%1` first."),
        key("binary", Shape::Text, "Binary data in hexadecimal digits."),
        key("binary_text", Shape::Text, "Binary data given as the text that it holds in UTF-16."),
        key("message", Shape::Text, "The sentence, as forwarded events carry it."),
        key("culture", Shape::Text, "Language of `message`; en-US when absent."),
        key("repeat", Shape::Number, "How many of them, at most 10000."),
        key("every", Shape::Text, "How far apart repeated records are; 1s when absent."),
        key("activity_id", Shape::Text, "Id that joins the records of one connection."),
        key("user_sid", Shape::Text, "SID of the account that wrote the record."),
        key("process_id", Shape::Number, "Process that wrote the record."),
    ],
};

/// `correlation`.
pub(crate) static CORRELATION: Place = Place {
    name: "`correlation`",
    keys: &[
        needed("type", Shape::Word(CORRELATIONS), "What is counted or ordered."),
        needed("rules", Shape::Texts, "Names or ids of rules or other correlations."),
        key("group-by", Shape::Texts, "Fields that must be equal in all matches counted together."),
        needed("timespan", Shape::Text, "Length of the window: 30s, 10m, 6h, 7d."),
        key(
            "condition",
            Shape::Map(&CORRELATION_CONDITION),
            "`gte`, `gt`, `lte`, `lt`, `eq`, `neq` a number; `field` for the value types.",
        ),
        key("aliases", Shape::Any, "One name for fields that the rules call differently."),
        key("generate", Shape::Flag, "Whether the rules it refers to are reported by themselves too."),
    ],
};

/// Keys of a correlation's condition.
pub(crate) static CORRELATION_CONDITION: Place = Place {
    name: "the condition of a correlation",
    keys: &[
        key("gt", Shape::Number, "More than."),
        key("gte", Shape::Number, "At least."),
        key("lt", Shape::Number, "Less than."),
        key("lte", Shape::Number, "At most."),
        key("eq", Shape::Number, "Exactly."),
        key("neq", Shape::Number, "Not exactly."),
        key("field", Shape::Texts, "The field whose values are counted."),
        key("percentile", Shape::Number, "For `value_percentile`: which one, 1 to 100."),
    ],
};

/// A known update.
pub(crate) static UPDATE: Place = Place {
    name: "a known update",
    keys: &[
        needed("id", Shape::Text, "The name of the file."),
        needed("title", Shape::Text, "What it breaks."),
        needed("kind", Shape::Text, "Regression, hardening, change of behaviour."),
        needed("side", Shape::Texts, "Whose fault it is, and so whose logs show it."),
        key("where", Shape::Text, "The same in words."),
        needed("released", Shape::Text, "Day of the release."),
        key("fixed", Shape::Text, "Day of the repair."),
        key("standing", Shape::Text, "That it stays."),
        needed("confidence", Shape::Text, "How sure the case itself is; `low` is never a verdict."),
        key("breaking", Shape::Texts, "The updates that brought it."),
        key("breaking_by_os", Shape::Any, "The same by Windows."),
        key("os", Shape::Texts, "Windows that it concerns."),
        key("window", Shape::Any, "Builds that are affected."),
        key("fixed_by", Shape::Any, "The first update with the repair, by Windows."),
        needed("symptom", Shape::Text, "What users see."),
        key("client_error", Shape::Any, "What the client says."),
        key("cause", Shape::Text, "Why."),
        key("tell", Shape::Text, "How logs show it."),
        key("rules_out", Shape::Any, "What speaks against it."),
        key("signals", Shape::Any, "Records that go with it."),
        key("hints", Shape::Any, "What else shows it, where no record can be named."),
        key("cannot_show", Shape::Text, "Why the logs of the target cannot prove it."),
        key("workaround", Shape::Text, "Until the repair."),
        key("workaround_risk", Shape::Text, "What it costs."),
        key("rollback", Shape::Text, "How to take it back."),
        key("root_causes", Shape::Texts, "Causes through which it breaks Remote Desktop."),
        key("notes", Shape::Any, "Remarks."),
        needed("sources", Shape::Any, "Title and address of each source."),
    ],
};

/// `window` of a known update.
pub(crate) static UPDATE_WINDOW: Place = Place {
    name: "`window`",
    keys: &[
        key("applies_to", Shape::Texts, "The machine whose build counts."),
        key("builds", Shape::Any, "Ranges of revisions."),
        key("is_reversed", Shape::Any, "Machines below `from` are the broken side."),
        key("meaning", Shape::Text, "Remarks."),
    ],
};

/// An item of `builds`.
pub(crate) static UPDATE_RANGE: Place = Place {
    name: "an item of `builds`",
    keys: &[
        key("os", Shape::Text, "Which Windows; client and server of one build have revisions of their own."),
        needed("build", Shape::Number, "The build."),
        needed("from", Shape::Number, "The first revision that is affected."),
        needed("fixed_at", Shape::Text, "The first that is not, `never` or `unknown`."),
        key("fixed_at_is", Shape::Text, "How the end was found."),
    ],
};

/// An item of `fixed_by`.
pub(crate) static UPDATE_FIX: Place = Place {
    name: "an item of `fixed_by`",
    keys: &[
        key("os", Shape::Text, "Which Windows."),
        key("kb", Shape::Text, "The update."),
        key("note", Shape::Text, "Remarks."),
    ],
};

/// An item of `sources`.
pub(crate) static UPDATE_SOURCE: Place = Place {
    name: "an item of `sources`",
    keys: &[key("title", Shape::Text, "What it is."), key("url", Shape::Text, "Its address.")],
};

/// An item of `signals`.
pub(crate) static UPDATE_SIGN: Place = Place {
    name: "an item of `signals`",
    keys: &[
        needed("on", Shape::Text, "The machine whose log has it."),
        key("channel", Shape::Text, "The log."),
        needed("provider", Shape::Text, "The provider."),
        needed("event_ids", Shape::Texts, "Any of these."),
        key("fields", Shape::Values, "Values that fields have."),
        key("contains", Shape::Texts, "Words, each in some value."),
        key("how", Shape::Text, "`new`, `more` or `context`."),
        key("together", Shape::Number, "How many within two seconds."),
        key("confidence", Shape::Text, "`low` when it is only thought to be a sign."),
        key("symptom", Shape::Text, "Which of the symptoms it shows."),
        key("note", Shape::Text, "What it says."),
    ],
};
