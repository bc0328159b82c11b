//! What logs that are missing could still say of a cause: weights that stay unknown, by what they could do.

use std::collections::BTreeMap;

use super::eval::{Judge, Truth};
use crate::report::{Confidence, Open};
use crate::rule::cause::CauseSpec;

/// What one log could do.
#[derive(Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Effect {
    raises: bool,
    lowers: bool,
    rules_out: bool,
}

/// The weights of a cause that are unknown and could change its confidence, one line for the logs that could do the same.
pub(super) fn of(spec: &CauseSpec, confidence: Confidence, judge: &Judge<'_>) -> Vec<Open> {
    let mut by_need: BTreeMap<String, Effect> = BTreeMap::new();
    let raises = spec.raises.iter().filter(|_| confidence < Confidence::High);
    let lowers = spec.lowers.iter().filter(|_| confidence > Confidence::Low);
    let weights = raises.map(|weight| (weight, Effect { raises: true, ..Effect::default() }));
    let weights = weights.chain(lowers.map(|weight| (weight, Effect { lowers: true, ..Effect::default() })));
    let others =
        spec.rules_out.iter().map(|weight| (weight, Effect { rules_out: true, ..Effect::default() }));
    for (weight, effect) in weights.chain(others) {
        let Truth::Unknown(needs) = judge.decide(&weight.condition).truth else { continue };
        for need in needs {
            let known = by_need.entry(need).or_default();
            known.raises |= effect.raises;
            known.lowers |= effect.lowers;
            known.rules_out |= effect.rules_out;
        }
    }
    let mut by_effect: BTreeMap<Effect, Vec<String>> = BTreeMap::new();
    for (need, effect) in by_need {
        by_effect.entry(effect).or_default().push(need);
    }
    let lines = by_effect.into_iter().map(|(effect, needs)| Open {
        needs,
        may_raise: effect.raises,
        may_lower: effect.lowers,
        may_rule_out: effect.rules_out,
    });
    lines.collect()
}
