//! Windows updates that are known to have broken Remote Desktop, from `rules/updates`.
//!
//! Only reads them and says whether one record is a sign of one; whether a host suffers from one is for `diagnose`.

use rustc_hash::FxHashMap;

use super::file::File;
use super::tree::Tree;
use crate::evtx::{Head, Record};
use crate::report::Confidence;
use crate::text::yaml::Node;

/// The folder of known updates, in `rules/` and in a folder that the user gives.
pub(super) const FOLDER: &str = "updates";

/// All known cases of a run.
#[derive(Debug, Default)]
pub(crate) struct Updates {
    /// In order of their names.
    pub(crate) all: Vec<KnownUpdate>,
    /// As they are written, in the same order.
    pub(crate) documents: Vec<Tree>,
    /// Providers, lower case, with the events that are signs of a known update.
    wanted: FxHashMap<String, Vec<u32>>,
}

impl Updates {
    /// Reads files whose form was checked, or that are compiled in.
    pub(super) fn new(files: Vec<File>) -> Self {
        let mut pairs: Vec<(KnownUpdate, Tree)> = Vec::new();
        for mut file in files {
            for (number, node) in file.take().into_iter().enumerate() {
                pairs.push((read(&node), Tree::new(node, file.packed, number)));
            }
        }
        pairs.sort_by(|left, right| left.0.id.cmp(&right.0.id));
        let (all, documents): (Vec<KnownUpdate>, Vec<Tree>) = pairs.into_iter().unzip();
        let mut updates = Self { all, documents, wanted: FxHashMap::default() };
        let mut wanted: FxHashMap<String, Vec<u32>> = FxHashMap::default();
        for sign in updates.proofs() {
            wanted.entry(sign.provider.to_ascii_lowercase()).or_default().extend(&sign.event_ids);
        }
        updates.wanted = wanted;
        updates
    }

    /// Whether the event is a sign of a known case.
    pub(crate) fn wants(&self, head: &Head<'_>) -> bool {
        let is_wanted = |name: &str| {
            let event_ids = self.wanted.get(&name.to_ascii_lowercase());
            event_ids.is_some_and(|event_ids| event_ids.contains(&head.event_id))
        };
        is_wanted(head.provider) || (!head.event_source.is_empty() && is_wanted(head.event_source))
    }

    /// Whether the record itself is a sign of a known case.
    pub(crate) fn is_sign(&self, record: &Record) -> bool {
        self.wants(&record.head()) && self.proofs().any(|sign| sign.is(record))
    }

    fn proofs(&self) -> impl Iterator<Item = &Sign> {
        self.all.iter().flat_map(|known| &known.signs).filter(|sign| sign.how != How::Context)
    }
}

/// Files of known updates that are compiled into the binary.
pub(super) fn embedded() -> Vec<File> {
    let files: Vec<(String, &[u8])> =
        postcard::from_bytes(include_bytes!(concat!(env!("OUT_DIR"), "/updates.bin")))
            .expect("the build script wrote these bytes with the same types");
    files.into_iter().map(|(path, packed)| File::packed(path, packed)).collect()
}

/// Whether a file describes a known update: its folder says so.
pub(super) fn is_update_file(path: &str) -> bool {
    path.rsplit('/').nth(1) == Some(FOLDER)
}

/// One known case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KnownUpdate {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) kind: String,
    /// Machines whose fault it is: `target`, `client`, `domain-controller`, `gateway`, `third-party`.
    pub(crate) sides: Vec<String>,
    pub(crate) released: String,
    pub(crate) confidence: Option<Confidence>,
    /// The updates that brought it.
    pub(crate) breaking: Vec<String>,
    pub(crate) windows: Vec<Window>,
    /// Machines below a window's beginning are the broken side.
    pub(crate) is_reversed: bool,
    /// Windows and the first update with the repair.
    pub(crate) fixed_by: Vec<(String, String)>,
    pub(crate) symptom: String,
    pub(crate) cause: String,
    pub(crate) signs: Vec<Sign>,
    /// Why the logs of the target cannot prove it.
    pub(crate) cannot_show: Option<String>,
    pub(crate) workaround: Option<String>,
    pub(crate) workaround_risk: Option<String>,
    pub(crate) rollback: Option<String>,
    /// Rules of causes through which it breaks Remote Desktop.
    pub(crate) root_causes: Vec<String>,
    pub(crate) sources: Vec<String>,
}

/// Builds of one Windows that are affected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) os: String,
    pub(crate) build: u32,
    pub(crate) from: u32,
    pub(crate) fixed_at: FixedAt,
}

/// The first revision that is not affected any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FixedAt {
    Revision(u32),
    /// It stays.
    Never,
    /// No fix is known, so that the build alone decides nothing.
    Unknown,
}

/// Records that go with a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sign {
    /// The machine whose log has them.
    pub(crate) on: String,
    pub(crate) provider: String,
    pub(crate) event_ids: Vec<u32>,
    fields: Vec<(String, String)>,
    contains: Vec<String>,
    pub(crate) how: How,
    /// How many must come within two seconds.
    pub(crate) together: usize,
    /// Whether it is only thought to be a sign.
    pub(crate) is_low: bool,
}

/// What records of a sign say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// None of them came before the update.
    New,
    /// They come much more often than before.
    More,
    /// They are ordinary and only go with it.
    Context,
}

impl Sign {
    /// Values that a record of it has: field names, and made-up ones for parts of values.
    #[cfg(test)]
    pub(crate) fn example(&self) -> impl Iterator<Item = (String, &str)> {
        let parts = self.contains.iter().enumerate().map(|(at, part)| (format!("Part{at}"), part.as_str()));
        self.fields.iter().map(|(name, value)| (name.clone(), value.as_str())).chain(parts)
    }

    /// Whether a record is one of these.
    pub(crate) fn is(&self, record: &Record) -> bool {
        let is_named = |name: &str| self.provider.eq_ignore_ascii_case(name);
        let is_provider = is_named(&record.provider) || record.event_source.as_deref().is_some_and(is_named);
        if !is_provider || !self.event_ids.contains(&record.event_id) {
            return false;
        }
        let is_equal = |(name, value): &(String, String)| {
            record.field(name).is_some_and(|own| own.trim().eq_ignore_ascii_case(value))
        };
        let binary = record.binary_text().unwrap_or_default().to_lowercase();
        let is_inside = |part: &String| {
            let part = part.to_lowercase();
            let mut values = record.fields.iter();
            values.any(|field| field.value.to_lowercase().contains(&part)) || binary.contains(&part)
        };
        self.fields.iter().all(is_equal) && self.contains.iter().all(is_inside)
    }
}

fn read(node: &Node) -> KnownUpdate {
    let optional = |key: &str| node.get(key).and_then(Node::text).map(|text| text.trim().to_owned());
    let text = |key: &str| optional(key).unwrap_or_default();
    let window = node.get("window");
    let pairs = |key: &str| node.get(key).map(Node::items).unwrap_or_default().iter();
    KnownUpdate {
        id: text("id"),
        title: text("title"),
        kind: text("kind"),
        sides: texts(node.get("side")),
        released: text("released"),
        confidence: confidence(node),
        breaking: texts(node.get("breaking")),
        windows: window
            .and_then(|window| window.get("builds"))
            .map(Node::items)
            .unwrap_or_default()
            .iter()
            .filter_map(affected)
            .collect(),
        is_reversed: window.and_then(|window| window.get("is_reversed")).is_some(),
        fixed_by: pairs("fixed_by").map(|item| (word(item, "os"), word(item, "kb"))).collect(),
        symptom: text("symptom"),
        cause: text("cause"),
        signs: pairs("signals").map(sign).collect(),
        cannot_show: optional("cannot_show"),
        workaround: optional("workaround"),
        workaround_risk: optional("workaround_risk"),
        rollback: optional("rollback"),
        root_causes: texts(node.get("root_causes")),
        sources: pairs("sources").map(|item| word(item, "url")).filter(|url| !url.is_empty()).collect(),
    }
}

fn texts(node: Option<&Node>) -> Vec<String> {
    node.map(Node::items).unwrap_or_default().iter().filter_map(Node::text).map(str::to_owned).collect()
}

fn word(node: &Node, key: &str) -> String {
    node.get(key).and_then(Node::text).unwrap_or_default().trim().to_owned()
}

fn number(node: &Node, key: &str) -> Option<u32> {
    word(node, key).parse().ok()
}

fn confidence(node: &Node) -> Option<Confidence> {
    match word(node, "confidence").as_str() {
        "high" => Some(Confidence::High),
        "medium" => Some(Confidence::Medium),
        "low" => Some(Confidence::Low),
        _ => None,
    }
}

fn affected(node: &Node) -> Option<Window> {
    let fixed_at = match word(node, "fixed_at").as_str() {
        "never" => FixedAt::Never,
        text => text.parse().map_or(FixedAt::Unknown, FixedAt::Revision),
    };
    let (build, from) = number(node, "build").zip(number(node, "from"))?;
    Some(Window { os: word(node, "os"), build, from, fixed_at })
}

fn sign(node: &Node) -> Sign {
    let event_ids = texts(node.get("event_ids"));
    let fields = node.get("fields").map(Node::entries).unwrap_or_default().iter();
    Sign {
        on: word(node, "on"),
        provider: word(node, "provider"),
        event_ids: event_ids.iter().filter_map(|text| text.parse().ok()).collect(),
        fields: fields
            .filter_map(|(name, value)| Some((name.text()?.to_owned(), value.text()?.to_owned())))
            .collect(),
        contains: texts(node.get("contains")),
        how: match word(node, "how").as_str() {
            "more" => How::More,
            "context" => How::Context,
            _ => How::New,
        },
        together: node.get("together").and_then(Node::text).and_then(|text| text.parse().ok()).unwrap_or(1),
        is_low: confidence(node) == Some(Confidence::Low),
    }
}
