//! What is kept from template to template of a chunk: the meanings of names, and plans that were made.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use super::super::binxml::{self, Step};
use super::{ITEMS, Plan, Source};

/// Most names of a chunk whose words are kept.
const MAX_NAMES: usize = 8192;

/// Most plans of a chunk that others are made from.
const MAX_MADE: usize = 8;

/// What the names of a chunk mean, each looked up once, and plans that were made.
#[derive(Default)]
pub(in super::super) struct Words {
    known: FxHashMap<usize, &'static str>,
    made: Vec<Made>,
}

/// A plan with the steps of its `System`.
struct Made {
    steps: Vec<Step>,
    plan: Plan,
    /// Fields that are literals, with the step that each is.
    literals: Vec<(usize, usize)>,
}

impl Made {
    fn new(steps: &[Step], plan: &Plan) -> Self {
        let place = |source: &Source| {
            let Source::Literal { start: wanted, .. } = source else { return None };
            steps.iter().position(|step| matches!(step, Step::Literal { start, .. } if start == wanted))
        };
        let literals = plan.sources.iter().enumerate();
        let literals = literals.filter_map(|(item, source)| Some((item, place(source)?))).collect();
        Self { steps: steps.to_vec(), plan: plan.clone(), literals }
    }

    /// The plan of a `System` that begins at the step `first`, when it differs in nothing but literals: so do most
    /// templates of a chunk.
    fn alike(&self, steps: &[Step], first: usize) -> Option<Plan> {
        let by = |next: usize, first: usize| next.wrapping_sub(first);
        let is_same = |(own, other): (&Step, &Step)| match (*own, *other) {
            (
                Step::Open { name, dependency, next, .. },
                Step::Open { name: of, dependency: on, next: to, .. },
            ) => (name, dependency, by(next, self.plan.first)) == (of, on, by(to, first)),
            (Step::Attribute { name, values }, Step::Attribute { name: of, values: count }) => {
                (name, values) == (of, count)
            }
            (Step::Slot { id }, Step::Slot { id: of }) => id == of,
            (Step::Literal { kind, .. }, Step::Literal { kind: of, .. }) => kind == of,
            (Step::Close, Step::Close) => true,
            _ => false,
        };
        if self.steps.len() != steps.len() || !self.steps.iter().zip(steps).all(is_same) {
            return None;
        }
        let mut plan = Plan { first, behind: first + steps.len(), ..self.plan.clone() };
        for (item, step) in &self.literals {
            let Step::Literal { start, len, .. } = *steps.get(*step)? else { return None };
            *plan.sources.get_mut(*item)? = Source::Literal { start, len };
        }
        Some(plan)
    }
}

/// `Event`, `System` and the names in [`ITEMS`].
static WORDS: LazyLock<FxHashMap<&'static [u8], &'static str>> = LazyLock::new(|| {
    let items = ITEMS.iter().flat_map(|(element, attribute, _)| [*element, *attribute]);
    ["Event", "System"].into_iter().chain(items).map(|word| (word.as_bytes(), word)).collect()
});

/// A name in ASCII; `None` for one that is none or too long for it.
fn ascii<'l>(chunk: &[u8], name: usize, letters: &'l mut [u8; 32]) -> Option<&'l [u8]> {
    let units = binxml::name_bytes(chunk, name)?.as_chunks::<2>().0;
    let letters = letters.get_mut(..units.len())?;
    for (letter, unit) in letters.iter_mut().zip(units) {
        *letter = if unit[1] == 0 { unit[0] } else { return None };
    }
    Some(letters)
}

impl Words {
    /// The plan of a `System` with these steps, the first of which is `first`, when one was made that is alike.
    pub(super) fn alike(&self, steps: &[Step], first: usize) -> Option<Plan> {
        self.made.iter().find_map(|made| made.alike(steps, first))
    }

    /// Keeps the plan that was made of a `System` with these steps.
    pub(super) fn keep(&mut self, steps: &[Step], plan: &Plan) {
        if self.made.len() < MAX_MADE {
            self.made.push(Made::new(steps, plan));
        }
    }

    /// One of [`WORDS`]; empty for other names.
    pub(super) fn of(&mut self, chunk: &[u8], name: usize) -> &'static str {
        if let Some(known) = self.known.get(&name) {
            return known;
        }
        let mut letters = [0; 32];
        let own = ascii(chunk, name, &mut letters).unwrap_or_default();
        let word = WORDS.get(own).copied().unwrap_or_default();
        if self.known.len() < MAX_NAMES {
            self.known.insert(name, word);
        }
        word
    }
}
