//! What the programs of one case printed, in order, for the reader of a failure.

use crate::stopwatch::Stopwatch;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Lines that a journal keeps; the oldest go first.
const MAX_LINES: usize = 2000;

/// A bounded log that the readers of several programs share.
#[derive(Clone)]
pub(super) struct Journal {
    start: Stopwatch,
    lines: Arc<Mutex<VecDeque<String>>>,
}

impl Journal {
    pub(super) fn new() -> Self {
        Self {
            start: Stopwatch::start(),
            lines: Arc::default(),
        }
    }

    pub(super) fn add(&self, author: &str, line: &str) {
        let seconds = self.start.elapsed().as_secs_f64();
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == MAX_LINES {
            lines.pop_front();
        }
        lines.push_back(format!("{seconds:8.3} {author}: {line}"));
    }

    /// The newest `count` lines, oldest first.
    pub(super) fn last(&self, count: usize) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines
            .iter()
            .skip(lines.len().saturating_sub(count))
            .cloned()
            .collect()
    }
}
