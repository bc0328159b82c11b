//! Changes of configuration that came into force with the same start as an update, and may be to blame as well.
//!
//! What the machine does at other times too (policy at every start, a certificate every half year) is no suspect.

use super::changes::Step;
use super::finding::{Scene, moment};
use crate::evtx::{Span, Time};

/// Kinds of changes that break Remote Desktop by themselves.
const KINDS: [&str; 4] = ["policy", "start_type", "firewall", "certificate"];
/// How long before the start a change can lie that waited for it.
const WAITS: Span = Span::days(7);
/// How long after the start a change belongs to it.
const AFTER: Span = Span::hours(6);
/// Most changes that are named.
const MAX: usize = 3;

/// The changes that came with a start and before the first failure, as one sentence; `None` when there are none.
pub(super) fn sentence(scene: &Scene<'_>, start: Time, first: Time) -> Option<String> {
    let previous =
        scene.identity.boots.iter().copied().filter(|boot| *boot < start.minus(Span::minutes(10))).max();
    let from = previous.unwrap_or(Time(i64::MIN)).max(start.minus(WAITS));
    let to = first.min(start.plus(AFTER));
    let is_inside = |step: &&Step| (from..=to).contains(&step.time);
    let is_suspect = |step: &&Step| KINDS.contains(&step.kind) && step.distance <= 2;
    let is_usual = |step: &Step| {
        scene
            .changes
            .iter()
            .any(|other| (other.kind, &other.text) == (step.kind, &step.text) && other.time < from)
    };
    let mut names: Vec<String> = Vec::new();
    for step in scene.changes.iter().filter(is_inside).filter(is_suspect).filter(|step| !is_usual(step)) {
        let name = format!("{} ({})", step.text, moment(step.time));
        if names.len() < MAX && !names.contains(&name) {
            names.push(name);
        }
    }
    let list = names.join(", ");
    (!names.is_empty()).then(|| {
        format!("a change of configuration came into force with the same start and may be to blame instead: {list}")
    })
}
