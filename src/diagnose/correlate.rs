//! Sigma's correlations over a host's timeline: what other rules matched, counted or ordered in sliding windows.
//!
//! State is bounded by the timeline, which is bounded itself. A burst that keeps a condition true is one match, not
//! one for each of its records. Records of another host are never looked at.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::eval::value;
use super::timeline::Timeline;
use crate::evtx::Time;
use crate::rule::correlation::{Correlation, CorrelationKind};
use crate::rule::{Condition, RuleSet};
use crate::text::Texts;

/// Most matches that one correlation keeps; those after them are part of no correlation over it.
const MAX_MATCHES: usize = 10_000;
/// Most records that one match shows.
const MAX_RECORDS: usize = 256;

/// A match of a correlation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Correlated {
    /// Places of its records in the timeline, ascending; of very many the last ones.
    pub(crate) items: Vec<usize>,
    /// Values that its records have in common, by name.
    group: Vec<(Box<str>, Option<String>)>,
    /// When its condition came true.
    time: Time,
}

/// The matches of all correlations by number of their rule.
pub(crate) fn correlate(
    timeline: &Timeline,
    rules: &RuleSet,
    texts: &Texts,
) -> FxHashMap<usize, Vec<Correlated>> {
    let mut done: FxHashMap<usize, Vec<Correlated>> = FxHashMap::default();
    for number in rules.correlations() {
        let Some(correlation) = rules.rules.get(*number).and_then(|rule| rule.correlation.as_ref()) else {
            continue;
        };
        let scene = Scene { timeline, rules, texts, correlation, done: &done };
        let found = scene.matches(*number);
        done.insert(*number, found);
    }
    done
}

/// Something that a rule matched: a record, or a match of another correlation.
#[derive(Debug, Clone)]
struct Event {
    /// Which of the correlation's rules, by position.
    rule: usize,
    time: Time,
    weight: u64,
    items: Vec<usize>,
    /// The value that is counted or summed up.
    value: Option<String>,
}

type Groups = BTreeMap<Vec<Option<String>>, Vec<Event>>;

struct Scene<'a> {
    timeline: &'a Timeline,
    rules: &'a RuleSet,
    texts: &'a Texts,
    correlation: &'a Correlation,
    done: &'a FxHashMap<usize, Vec<Correlated>>,
}

impl Scene<'_> {
    fn matches(&self, number: usize) -> Vec<Correlated> {
        let mut groups = Groups::new();
        for (position, (name, rule)) in
            self.correlation.rules.iter().zip(self.rules.references(number)).enumerate()
        {
            match self.done.get(rule) {
                Some(inner) => self.take_correlated(position, name, inner, &mut groups),
                None => self.take_records(position, name, *rule, &mut groups),
            }
        }
        let mut out = Vec::new();
        for (key, mut events) in groups {
            events.sort_by(|left, right| {
                (left.time, &left.items, left.rule).cmp(&(right.time, &right.items, right.rule))
            });
            let group: Vec<_> = self.correlation.group_by.iter().cloned().zip(key).collect();
            let found = match self.correlation.kind {
                CorrelationKind::TemporalOrdered => self.ordered(&events),
                _ => self.windows(&events),
            };
            out.extend(found.into_iter().map(|(items, time)| Correlated {
                items,
                group: group.clone(),
                time,
            }));
        }
        out.sort_by(|left: &Correlated, right| (left.time, &left.items).cmp(&(right.time, &right.items)));
        out.truncate(MAX_MATCHES);
        out
    }

    fn take_records(&self, position: usize, name: &str, rule: usize, groups: &mut Groups) {
        let Some(atom) = self.rules.condition_of(rule) else { return };
        for at in self.timeline.hits(atom) {
            let of = |field: &str| {
                let item = self.timeline.item(*at)?;
                value(&item.record, self.correlation.field(field, name), self.texts)
            };
            let key = self.correlation.group_by.iter().map(|field| of(field)).collect();
            let event = Event {
                rule: position,
                time: self.timeline.time(*at),
                weight: self.timeline.weight(*at),
                items: vec![*at],
                value: self.value(&of),
            };
            groups.entry(key).or_default().push(event);
        }
    }

    fn take_correlated(&self, position: usize, name: &str, inner: &[Correlated], groups: &mut Groups) {
        for one in inner {
            let of = |field: &str| {
                let field = self.correlation.field(field, name);
                one.group.iter().find(|(own, _)| **own == *field).and_then(|(_, value)| value.clone())
            };
            let key = self.correlation.group_by.iter().map(|field| of(field)).collect();
            let event = Event {
                rule: position,
                time: one.time,
                weight: 1,
                items: one.items.clone(),
                value: self.value(&of),
            };
            groups.entry(key).or_default().push(event);
        }
    }

    /// Several fields count as one value.
    fn value(&self, of: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        let values: Option<Vec<String>> = self.correlation.fields.iter().map(|field| of(field)).collect();
        values.filter(|values| !values.is_empty()).map(|values| values.join("\u{1f}"))
    }

    /// The windows that end at an event and make the condition true; those that overlap are one.
    fn windows(&self, events: &[Event]) -> Vec<(Vec<usize>, Time)> {
        let mut window = Window::default();
        let mut found: Vec<(Vec<usize>, Time)> = Vec::new();
        let mut start = 0;
        let mut last_end: Option<usize> = None;
        for (end, event) in events.iter().enumerate() {
            window.add(event, self.correlation.kind);
            while let Some(old) = events.get(start)
                && event.time.since(old.time) >= self.correlation.timespan
                && start < end
            {
                window.remove(old, self.correlation.kind);
                start += 1;
            }
            if !self.holds(&window) {
                continue;
            }
            let joins = last_end.is_some_and(|last| last >= start);
            let from = last_end.filter(|_| joins).map_or(start, |last| last + 1);
            let items = events.get(from..=end).unwrap_or_default().iter().flat_map(|event| &event.items);
            match found.last_mut().filter(|_| joins) {
                Some((own, _)) => own.extend(items),
                None => found.push((items.copied().collect(), event.time)),
            }
            last_end = Some(end);
            if let Some((own, _)) = found.last_mut() {
                bound(own);
            }
        }
        found
    }

    fn holds(&self, window: &Window) -> bool {
        let correlation = self.correlation;
        if correlation.kind == CorrelationKind::Temporal {
            let has = |position: usize| window.rules.contains_key(&position);
            return match &correlation.expression {
                Some(expression) => decide(expression, &has),
                // Of several rules, so many different ones.
                None if !correlation.thresholds.is_empty() => {
                    let count = u32::try_from(window.rules.len()).map_or(f64::MAX, f64::from);
                    correlation.thresholds.iter().all(|(comparison, number)| comparison.holds(count, *number))
                }
                None => (0..correlation.rules.len()).all(has),
            };
        }
        let Some(amount) = window.amount(correlation) else { return false };
        correlation.thresholds.iter().all(|(comparison, number)| comparison.holds(amount, *number))
    }

    /// Chains of one event of each rule in their order, within the window.
    fn ordered(&self, events: &[Event]) -> Vec<(Vec<usize>, Time)> {
        let length = self.correlation.rules.len();
        let mut chains: Vec<Option<(Time, Vec<usize>)>> = vec![None; length];
        let mut found: Vec<(Vec<usize>, Time)> = Vec::new();
        let mut last_time: Option<Time> = None;
        for event in events {
            let before = match event.rule.checked_sub(1) {
                None => Some((event.time, Vec::new())),
                Some(previous) => chains.get(previous).cloned().flatten(),
            };
            let Some((start, mut items)) = before else { continue };
            if event.time.since(start) >= self.correlation.timespan {
                continue;
            }
            items.extend(&event.items);
            bound(&mut items);
            if let Some(chain) = chains.get_mut(event.rule) {
                *chain = Some((start, items.clone()));
            }
            if event.rule + 1 == length {
                let joins = last_time.is_some_and(|last| start <= last);
                match found.last_mut().filter(|_| joins) {
                    Some((own, _)) => {
                        own.extend(items);
                        bound(own);
                    }
                    None => found.push((items, event.time)),
                }
                last_time = Some(event.time);
            }
        }
        found
    }
}

fn bound(items: &mut Vec<usize>) {
    items.sort_unstable();
    items.dedup();
    let surplus = items.len().saturating_sub(MAX_RECORDS);
    items.drain(..surplus);
}

fn decide(condition: &Condition, has: &dyn Fn(usize) -> bool) -> bool {
    match condition {
        Condition::Selection(index) => has(*index),
        Condition::Not(inner) => !decide(inner, has),
        Condition::All(parts) => parts.iter().all(|part| decide(part, has)),
        Condition::Any(parts) => parts.iter().any(|part| decide(part, has)),
    }
}

/// What a sliding window holds, kept up as events enter and leave.
#[derive(Debug, Default)]
struct Window {
    weight: u64,
    rules: BTreeMap<usize, u64>,
    values: FxHashMap<String, u64>,
    /// Numbers in ascending order.
    numbers: Vec<f64>,
}

impl Window {
    fn add(&mut self, event: &Event, kind: CorrelationKind) {
        self.weight = self.weight.saturating_add(event.weight);
        *self.rules.entry(event.rule).or_default() += 1;
        let Some(value) = &event.value else { return };
        if kind == CorrelationKind::ValueCount {
            *self.values.entry(value.clone()).or_default() += 1;
        } else if let Some(number) = number(value) {
            let at = self.numbers.partition_point(|own| *own < number);
            self.numbers.insert(at, number);
        }
    }

    fn remove(&mut self, event: &Event, kind: CorrelationKind) {
        self.weight = self.weight.saturating_sub(event.weight);
        leave(&mut self.rules, &event.rule);
        let Some(value) = &event.value else { return };
        if kind == CorrelationKind::ValueCount {
            if let Some(count) = self.values.get_mut(value) {
                *count -= 1;
                if *count == 0 {
                    self.values.remove(value);
                }
            }
        } else if let Some(number) = number(value) {
            let at = self.numbers.partition_point(|own| *own < number);
            if at < self.numbers.len() {
                self.numbers.remove(at);
            }
        }
    }

    fn amount(&self, correlation: &Correlation) -> Option<f64> {
        let whole = |count: u64| u32::try_from(count).map_or(f64::MAX, f64::from);
        let length = u64::try_from(self.numbers.len()).unwrap_or(u64::MAX);
        let is_measured = !self.numbers.is_empty();
        match correlation.kind {
            CorrelationKind::EventCount => Some(whole(self.weight)),
            CorrelationKind::ValueCount => Some(whole(u64::try_from(self.values.len()).unwrap_or(u64::MAX))),
            CorrelationKind::ValueSum => is_measured.then(|| self.numbers.iter().sum()),
            CorrelationKind::ValueAverage => {
                is_measured.then(|| self.numbers.iter().sum::<f64>() / whole(length))
            }
            CorrelationKind::ValuePercentile => percentile(&self.numbers, correlation.percentile),
            CorrelationKind::ValueMedian => percentile(&self.numbers, 50.0),
            CorrelationKind::Temporal | CorrelationKind::TemporalOrdered => None,
        }
    }
}

fn leave(counts: &mut BTreeMap<usize, u64>, key: &usize) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

fn number(text: &str) -> Option<f64> {
    crate::rule::matcher::number(text).filter(|number| number.is_finite())
}

/// A percentile of ascending numbers, between two of them in proportion.
fn percentile(numbers: &[f64], percentile: f64) -> Option<f64> {
    let last = u32::try_from(numbers.len().checked_sub(1)?).ok()?;
    let rank = percentile.clamp(0.0, 100.0) / 100.0 * f64::from(last);
    let step = (0..=last).take_while(|step| f64::from(*step) <= rank).last()?;
    let lower = numbers.get(usize::try_from(step).ok()?)?;
    let upper = numbers.get(usize::try_from(step).ok()? + 1).unwrap_or(lower);
    Some(lower + (rank - f64::from(step)) * (upper - lower))
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn percentiles_lie_between_numbers() {
        assert_eq!(percentile(&[1.0, 2.0, 3.0, 4.0, 5.0], 50.0), Some(3.0));
        assert_eq!(percentile(&[1.0, 2.0], 75.0), Some(1.75));
        assert_eq!(percentile(&[], 50.0), None);
    }
}
