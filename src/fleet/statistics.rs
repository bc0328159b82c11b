//! The arithmetic of two-by-two tables: risk ratio with its interval, Fisher's exact test, Holm's correction.
//!
//! Written here because the crates at hand do not serve: one computes the upper tail as `1 - cdf`, which leaves
//! nothing of the small probabilities that a bad update gives, the other is years without a release and counts in
//! 32 bits. What a number means for a fleet is left to `associate`.

/// The quantile of the normal distribution that leaves 2.5 % on either side.
const NORMAL_97_5: f64 = 1.959_963_984_540_054;

/// How much two probabilities may differ and still be called equal, for rounding; R's `fisher.test` uses the same.
const SAME_PROBABILITY: f64 = 1.0 + 1e-7;

/// How many hosts are broken and working, with a property and without it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Table {
    /// Broken hosts that have it.
    pub(super) broken_with: u64,
    /// Working hosts that have it.
    pub(super) working_with: u64,
    /// Broken hosts that do not.
    pub(super) broken_without: u64,
    /// Working hosts that do not.
    pub(super) working_without: u64,
}

impl Table {
    /// Counts one host more.
    pub(super) const fn count(&mut self, is_broken: bool, has: bool) {
        match (is_broken, has) {
            (true, true) => self.broken_with += 1,
            (false, true) => self.working_with += 1,
            (true, false) => self.broken_without += 1,
            (false, false) => self.working_without += 1,
        }
    }

    /// Hosts that have the property.
    pub(super) const fn with(&self) -> u64 {
        self.broken_with + self.working_with
    }

    /// Hosts that do not.
    pub(super) const fn without(&self) -> u64 {
        self.broken_without + self.working_without
    }

    /// Whether a larger share of the hosts with the property is broken than of those without it.
    pub(super) fn raises_risk(&self) -> bool {
        let with = u128::from(self.broken_with) * u128::from(self.without());
        let without = u128::from(self.broken_without) * u128::from(self.with());
        with > without
    }

    /// How many times likelier hosts with the property are to be broken; `None` without a broken host to compare
    /// with, or when either side has no hosts.
    pub(super) fn risk_ratio(&self) -> Option<f64> {
        if self.broken_without == 0 || self.with() == 0 {
            return None;
        }
        Some(self.cells_ratio(0.0))
    }

    /// The ratio's 95 % interval after Katz: normal in the logarithm. When no host of one side is broken, half a host
    /// is added to every cell first (Haldane and Anscombe), for the logarithm of zero has no interval.
    pub(super) fn interval(&self) -> Option<(f64, f64)> {
        if self.with() == 0 || self.without() == 0 {
            return None;
        }
        let added = if self.broken_with == 0 || self.broken_without == 0 { 0.5 } else { 0.0 };
        let broken_with = float(self.broken_with) + added;
        let broken_without = float(self.broken_without) + added;
        let variance = 1.0 / broken_with - 1.0 / (float(self.with()) + 2.0 * added) + 1.0 / broken_without
            - 1.0 / (float(self.without()) + 2.0 * added);
        let middle = self.cells_ratio(added).ln();
        let half = NORMAL_97_5 * variance.max(0.0).sqrt();
        Some(((middle - half).exp(), (middle + half).exp()))
    }

    fn cells_ratio(&self, added: f64) -> f64 {
        let with = (float(self.broken_with) + added) / (float(self.with()) + 2.0 * added);
        let without = (float(self.broken_without) + added) / (float(self.without()) + 2.0 * added);
        with / without
    }

    /// Fisher's exact test, two-sided: the probability of a table at most as likely as this one, with its margins.
    ///
    /// Weights relative to the likeliest table are built by the recurrence of the hypergeometric distribution, so that
    /// nothing is subtracted from one and only `+ * /` are used, whose results are the same on every machine.
    pub(super) fn fisher(&self) -> f64 {
        let (low, high) = self.range();
        let mode = self.mode().clamp(low, high);
        let (mut seen, mut total) = (Tail::new(self.broken_with), 1.0_f64);
        seen.add(mode, 1.0);
        let mut weight = 1.0;
        for count in mode + 1..=high {
            weight *= self.step(count);
            total += weight;
            seen.add(count, weight);
        }
        weight = 1.0;
        for count in (low..mode).rev() {
            weight /= self.step(count + 1);
            total += weight;
            seen.add(count, weight);
        }
        (seen.sum() / total).clamp(f64::MIN_POSITIVE, 1.0)
    }

    /// The counts of broken hosts with the property that the margins allow.
    fn range(&self) -> (u64, u64) {
        let broken = self.broken_with + self.broken_without;
        (broken.saturating_sub(self.without()), broken.min(self.with()))
    }

    /// The likeliest count.
    fn mode(&self) -> u64 {
        let broken = u128::from(self.broken_with + self.broken_without);
        let with = u128::from(self.with());
        let all = with + u128::from(self.without());
        u64::try_from((broken + 1) * (with + 1) / (all + 2)).unwrap_or(u64::MAX)
    }

    /// By how much `count` is likelier than `count - 1`.
    fn step(&self, count: u64) -> f64 {
        let broken = self.broken_with + self.broken_without;
        let left = float(self.with() - count + 1) * float(broken - count + 1);
        left / (float(count) * float(self.without() + count - broken))
    }
}

/// Sums the weights that are at most as large as that of the table seen, which is only known after it was reached.
struct Tail {
    count: u64,
    weight: f64,
    weights: Vec<f64>,
}

impl Tail {
    const fn new(count: u64) -> Self {
        Self { count, weight: 0.0, weights: Vec::new() }
    }

    fn add(&mut self, count: u64, weight: f64) {
        if count == self.count {
            self.weight = weight;
        }
        self.weights.push(weight);
    }

    fn sum(&self) -> f64 {
        let limit = self.weight * SAME_PROBABILITY;
        let mut small: Vec<f64> = self.weights.iter().copied().filter(|weight| *weight <= limit).collect();
        small.sort_by(f64::total_cmp);
        small.iter().sum()
    }
}

/// Holm's correction, in the order given: the probability of even one false claim among all stays below the level,
/// whatever the properties have to do with each other.
pub(super) fn holm(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<(usize, f64)> = values.iter().copied().enumerate().collect();
    order.sort_by(|left, right| left.1.total_cmp(&right.1).then(left.0.cmp(&right.0)));
    let mut corrected = vec![1.0; values.len()];
    let mut highest = 0.0_f64;
    for (rank, (index, value)) in order.into_iter().enumerate() {
        let tried = u64::try_from(values.len() - rank).unwrap_or(u64::MAX);
        highest = highest.max((value * float(tried)).min(1.0));
        if let Some(place) = corrected.get_mut(index) {
            *place = highest;
        }
    }
    corrected
}

/// Four significant digits: no more are meant, and the last bits of `ln` and `exp` differ between machines.
pub(super) fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// A count of hosts as a float; exact below 2^53, far above any fleet.
#[allow(clippy::cast_precision_loss)] // see above
const fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn table(cells: [u64; 4]) -> Table {
        let [broken_with, working_with, broken_without, working_without] = cells;
        Table { broken_with, working_with, broken_without, working_without }
    }

    fn assert_close(found: f64, expected: f64, what: &str) {
        assert!((found / expected - 1.0).abs() < 1e-6, "{what}: {found:e} instead of {expected:e}");
    }

    #[test]
    fn fisher_agrees_with_known_tables() {
        // Fisher's tea taster; R's documentation (Job, convictions of twins); scipy's values for larger tables.
        let known = [
            ([3, 1, 1, 3], 0.485_714_285_714_285_7),
            ([4, 0, 0, 4], 0.028_571_428_571_428_57),
            ([2, 10, 15, 3], 0.000_536_724_119_143_435_6),
            ([3, 5, 4, 50], 0.039_707_492_465_292_76),
            ([127, 38, 112, 43], 0.368_786_284_265_017_9),
            ([116, 20, 92, 186], 8.164_831_402_188_242e-25),
            ([9, 101, 135, 7], 3.333_621_353_384_777_6e-50),
            ([10, 10, 10, 10], 1.0),
        ];
        for (cells, expected) in known {
            assert_close(table(cells).fisher(), expected, &format!("{cells:?}"));
        }
    }

    #[test]
    fn fisher_is_one_where_nothing_can_be_compared() {
        for cells in [[0, 0, 0, 0], [5, 0, 7, 0], [0, 5, 0, 7], [5, 7, 0, 0], [0, 0, 5, 7], [1, 0, 0, 0]] {
            assert_close(table(cells).fisher(), 1.0, &format!("{cells:?}"));
        }
    }

    #[test]
    fn fisher_is_the_same_for_swapped_rows_and_columns() {
        let base = table([35, 5, 2, 158]).fisher();
        assert_close(table([5, 35, 158, 2]).fisher(), base, "columns swapped");
        assert_close(table([2, 158, 35, 5]).fisher(), base, "rows swapped");
        assert!(base < 1e-25);
    }

    #[test]
    fn fisher_of_a_huge_fleet_stays_above_zero() {
        let value = table([5_000, 0, 0, 45_000]).fisher();
        assert!(value > 0.0 && value < 1e-300);
    }

    #[test]
    fn interval_agrees_with_a_worked_example() {
        // 15 of 100 against 5 of 100: ratio 3, standard error of the logarithm sqrt(1/15 - 1/100 + 1/5 - 1/100).
        let example = table([15, 85, 5, 95]);
        let (low, high) = example.interval().unwrap();
        assert_close(example.risk_ratio().unwrap(), 3.0, "ratio");
        assert_close(low, 1.133_358_596_189_788_7, "low");
        assert_close(high, 7.940_999_459_709_300_5, "high");
    }

    #[test]
    fn ratio_without_broken_hosts_to_compare_is_none_but_has_an_interval() {
        let example = table([35, 5, 0, 160]);
        assert_eq!(example.risk_ratio(), None);
        let (low, high) = example.interval().unwrap();
        assert!(low > 10.0 && high > low && high.is_finite());
        assert_eq!(table([3, 4, 0, 0]).interval(), None);
    }

    #[test]
    fn interval_of_a_whole_side_broken_is_finite() {
        let (low, high) = table([40, 0, 40, 0]).interval().unwrap();
        assert_close(low, 1.0, "low");
        assert_close(high, 1.0, "high");
    }

    #[test]
    fn holm_agrees_with_a_known_example() {
        let found = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (value, expected) in found.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert_close(*value, expected, "holm");
        }
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn rounding_keeps_four_digits() {
        assert_close(rounded(69.999_99), 70.0, "ratio");
        assert_close(rounded(3.333_621_353e-50), 3.334e-50, "tiny");
    }
}
