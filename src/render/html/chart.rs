//! The picture of a host's connections: good and failed ones over time, the outage shaded, changes marked.
//!
//! Its colours stand for roles; the style sheet replaces them, so that the picture follows light and dark.

use chrono::FixedOffset;
use plotters::prelude::*;

use super::super::clock::Clock;
use crate::evtx::{Span, TICKS_PER_SECOND, Time};
use crate::report::Host;

const SHADE: RGBColor = RGBColor(1, 1, 1);
const GOOD: RGBColor = RGBColor(2, 2, 2);
const FAILED: RGBColor = RGBColor(3, 3, 3);
const GRID: RGBColor = RGBColor(4, 4, 4);
const MARK: RGBColor = RGBColor(5, 5, 5);

/// Bars of a picture; more would be thinner than what a phone can show.
const BARS: i64 = 96;

/// Changes that are marked.
const MARKS: usize = 9;

/// Longer periods show only this much on both sides of the beginning of the outage.
const AROUND: Span = Span::days(7);

/// Distances between time labels, in seconds.
const STEPS: [i64; 13] =
    [60, 300, 900, 3600, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000, 7_776_000, 31_536_000];

/// What is drawn, in seconds since `start`.
struct Picture {
    start: Time,
    seconds: i64,
    /// Good and failed connections per bar.
    bars: Vec<(u64, u64)>,
    outage: Option<(i64, i64)>,
    changes: Vec<i64>,
}

/// Draws the picture as SVG; `None` when there is nothing to draw.
pub(super) fn draw(host: &Host, tz: FixedOffset) -> Option<String> {
    let picture = Picture::new(host)?;
    let mut svg = String::new();
    picture.draw_on(&mut svg, tz).ok()?;
    Some(svg)
}

impl Picture {
    fn new(host: &Host) -> Option<Self> {
        let (start, end) = window(host)?;
        let seconds = end.since(start).as_seconds().max(60);
        let place = |time: Time| time.since(start).as_seconds().clamp(0, seconds);
        let outage = host
            .outage
            .as_ref()
            .and_then(|outage| Some((place(outage.first_failure?), place(outage.end.unwrap_or(end)))));
        let is_inside = |time: Time| start <= time && time <= end;
        let changes = host.changes.iter().take(MARKS).map(|change| change.time);
        Some(Self {
            start,
            seconds,
            bars: bars(host, start, seconds),
            outage,
            changes: changes.map(|time| if is_inside(time) { place(time) } else { -1 }).collect(),
        })
    }

    fn draw_on(&self, svg: &mut String, tz: FixedOffset) -> Result<(), Box<dyn std::error::Error>> {
        let most =
            self.bars.iter().map(|(good, failed)| good.saturating_add(*failed)).max().unwrap_or(0).max(1);
        let top = i64::try_from(most)?.saturating_mul(11) / 10 + 1;
        let root = SVGBackend::with_string(svg, (960, 200)).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .margin(6)
            .x_label_area_size(24)
            .y_label_area_size(44)
            .build_cartesian_2d((0..self.seconds).with_key_points(self.ticks(tz)), 0..top)?;
        let clock = Clock::new(tz, Some(self.start.plus(Span::seconds(self.seconds))));
        if let Some((from, to)) = self.outage {
            chart.draw_series([Rectangle::new([(from, 0), (to, top)], SHADE.filled())])?;
        }
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(GRID)
            .y_labels(4)
            .label_style(("sans-serif", 12))
            .x_label_formatter(&|second| clock.minute(self.start.plus(Span::seconds(*second))))
            .draw()?;
        let edge = |bar: usize| i64::try_from(bar).unwrap_or(BARS).saturating_mul(self.seconds) / BARS;
        for (bar, &(good, failed)) in self.bars.iter().enumerate() {
            let (left, right) = (edge(bar), edge(bar + 1));
            let (good, all) = (i64::try_from(good)?, i64::try_from(good.saturating_add(failed))?);
            let parts = [(0, good, GOOD), (good, all, FAILED)];
            let drawn = parts.into_iter().filter(|(from, to, _)| from < to);
            chart.draw_series(
                drawn.map(|(from, to, color)| Rectangle::new([(left, from), (right, to)], color.filled())),
            )?;
        }
        for (second, label) in self.marks() {
            chart.draw_series([PathElement::new(vec![(second, 0), (second, top)], MARK)])?;
            let font = ("sans-serif", 12).into_font().color(&MARK);
            chart.draw_series([Text::new(label, (second, top), font)])?;
        }
        root.present()?;
        Ok(())
    }

    /// Places of the changes with their numbers; those too close to be told apart share a line.
    fn marks(&self) -> Vec<(i64, String)> {
        let mut places: Vec<_> = self.changes.iter().enumerate().filter(|(_, place)| **place >= 0).collect();
        places.sort_by_key(|(number, place)| (**place, *number));
        let mut marks: Vec<(i64, String)> = Vec::new();
        for (number, &place) in places {
            match marks.last_mut() {
                Some((last, label)) if place - *last < self.seconds / 40 => {
                    label.push_str(&format!(", {}", number + 1));
                }
                _ => marks.push((place, format!(" {}", number + 1))),
            }
        }
        marks
    }

    /// Places of the time labels: round times of the zone.
    fn ticks(&self, tz: FixedOffset) -> Vec<i64> {
        let step = STEPS.into_iter().find(|step| self.seconds / step <= 8).unwrap_or(self.seconds.max(1));
        let local = self.start.0.div_euclid(TICKS_PER_SECOND).saturating_add(i64::from(tz.local_minus_utc()));
        let first = (step - local.rem_euclid(step)) % step;
        (0..9).map(|tick| first + tick * step).filter(|second| *second < self.seconds).collect()
    }
}

/// The period that is drawn.
fn window(host: &Host) -> Option<(Time, Time)> {
    let last = host.intervals.last()?;
    let first_start = host.intervals.first()?.start;
    let last_end = last.start.plus(Span::seconds(last.seconds.max(1)));
    let outage = host.outage.as_ref();
    let end = host.last_record.map_or(last_end, |time| time.max(last_end));
    let start =
        outage.and_then(|outage| outage.first_failure).map_or(first_start, |time| time.min(first_start));
    let Some(failure) = outage.and_then(|outage| outage.first_failure) else { return Some((start, end)) };
    Some((start.max(failure.minus(AROUND)), end.min(failure.plus(AROUND))))
}

/// Sums the host's intervals into bars.
fn bars(host: &Host, start: Time, seconds: i64) -> Vec<(u64, u64)> {
    let mut bars = vec![(0_u64, 0_u64); usize::try_from(BARS).unwrap_or_default()];
    for interval in &host.intervals {
        let middle = interval.start.plus(Span::seconds(interval.seconds / 2)).since(start).as_seconds();
        let Ok(place) = usize::try_from(middle.saturating_mul(BARS).div_euclid(seconds)) else { continue };
        if let Some((good, failed)) = bars.get_mut(place) {
            *good = good.saturating_add(interval.counts.good);
            *failed = failed.saturating_add(interval.counts.failed);
        }
    }
    bars
}

#[cfg(test)]
mod tests {
    use chrono::{FixedOffset, Offset as _, Utc};

    use super::super::super::test_report::{at, single};
    use super::draw;
    use crate::evtx::{Span, Time};
    use crate::report::{ConnectionCounts, Host, Interval};

    fn host() -> Host {
        single().hosts.remove(0)
    }

    #[test]
    fn the_picture_has_bars_shade_and_marks() {
        let svg = draw(&host(), Utc.fix()).expect("there are connections to draw");
        let count = |color: &str| svg.matches(color).count();
        assert_eq!(count("fill=\"#020202\""), 5, "good");
        assert_eq!(count("fill=\"#030303\""), 4, "failed");
        assert_eq!(count("fill=\"#010101\""), 1, "outage");
        assert_eq!(count("stroke=\"#050505\""), 1, "two changes of the same minutes share a line");
    }

    #[test]
    fn labels_stand_at_round_times_of_the_zone() {
        let zone = FixedOffset::east_opt(19_800).expect("a valid zone");
        assert!(draw(&host(), zone).expect("there are connections to draw").contains("13 Jan 18:00"));
    }

    #[test]
    fn no_connections_are_no_picture() {
        let host = Host { intervals: Vec::new(), ..host() };
        assert_eq!(draw(&host, Utc.fix()), None);
    }

    #[test]
    fn absurd_numbers_neither_panic_nor_hang() {
        let extremes = [i64::MIN, -1, 0, 1, i64::MAX];
        for start in extremes {
            for seconds in extremes {
                for count in [0, 1, u64::MAX / 2, u64::MAX] {
                    let counts =
                        ConnectionCounts { attempts: count, good: count, failed: count, noise: count };
                    let interval = Interval { start: Time(start), seconds, counts };
                    let far = Interval { start: at("2026-01-14T00:00:00Z"), ..interval };
                    let mut host = Host { intervals: vec![interval, far], ..host() };
                    draw(&host, Utc.fix());
                    host.outage = None;
                    draw(&host, Utc.fix());
                }
            }
        }
    }

    #[test]
    fn a_long_history_shows_the_days_around_the_outage() {
        let mut host = host();
        let first = host.intervals[0];
        host.intervals.insert(0, Interval { start: first.start.minus(Span::days(700)), ..first });
        let svg = draw(&host, Utc.fix()).expect("there are connections to draw");
        assert!(svg.contains("8 Jan 00:00") && !svg.contains("2024"), "{svg}");
    }
}
