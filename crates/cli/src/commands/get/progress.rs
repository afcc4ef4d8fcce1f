//! The progress bar of a download, on a terminal only.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows how far a download is, or nothing.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

/// What the bar shows.
const TEMPLATE: &str = "{bytes:>10} of {total_bytes:10} {wide_bar} {bytes_per_sec} {eta}";

impl Progress {
    /// Starts at `start` of `total` bytes, if that is known. Where results go to the terminal no bar disturbs them.
    pub(super) fn new(start: u64, total: Option<u64>, is_wanted: bool) -> Self {
        let is_shown = is_wanted && std::io::stderr().is_terminal();
        let target = if is_shown {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = match total {
            Some(total) => {
                ProgressBar::with_draw_target(Some(total), target).with_style(bar_style())
            }
            None => ProgressBar::with_draw_target(None, target),
        };
        bar.set_position(start);
        bar.reset_eta();
        Self(bar)
    }

    /// Counts `len` more bytes.
    pub(super) fn advance(&self, len: u64) {
        self.0.inc(len);
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

fn bar_style() -> ProgressStyle {
    ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar())
}
