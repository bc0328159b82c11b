//! A bar over the bytes of all logs, on a terminal only, gone at the end.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::scan::Progress;

/// Shows how far a scan is.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// A bar for `bytes` in all; hidden when `is_quiet` or when stderr is no terminal.
    pub(super) fn new(bytes: u64, is_quiet: bool) -> Self {
        if is_quiet || !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr_with_hz(10));
        let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {wide_msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// Takes the bar off the screen.
    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Progress for Bar {
    fn log(&self, name: &str) {
        let shown: String = name.chars().filter(|character| !character.is_control()).collect();
        self.0.set_message(shown);
    }

    fn bytes(&self, count: u64) {
        self.0.inc(count);
    }
}
