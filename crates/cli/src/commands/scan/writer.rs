//! The thread that writes: files, disks and readers of pipes may be slow, and answers do not wait for them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};

use anyhow::anyhow;

use super::results::Results;
use super::resume::{self, Saved};
use crate::failure::Failure;

/// Text that waits to be written, in bytes, from which on the scan waits as well.
const BACKLOG_MAX: usize = 8 << 20;

/// Writes findings, and how far the scan has come, one after the other: a resume file never knows of a finding
/// that is not in the output.
pub(super) struct Writer {
    jobs: Sender<Job>,
    state: Arc<State>,
    thread: JoinHandle<Outcome>,
}

/// What is known of the thread from outside.
#[derive(Default)]
struct State {
    /// Bytes of text that wait.
    backlog: AtomicUsize,
    is_saving: AtomicBool,
    /// Whether something could not be written.
    has_failed: AtomicBool,
}

enum Job {
    Text(String),
    Flush(Option<SyncSender<()>>),
    Save(PathBuf, Saved),
}

/// How the writing ended.
pub(super) struct Outcome {
    /// Whether all findings are where they belong.
    pub(super) is_whole: bool,
    /// Whether some are nowhere.
    pub(super) is_lost: bool,
    /// Why not, or why a resume file was not written.
    pub(super) failure: Option<Failure>,
}

impl Writer {
    pub(super) fn start(results: Results) -> Self {
        let (jobs, received) = channel();
        let state = Arc::new(State::default());
        let known = Arc::clone(&state);
        let thread = thread::spawn(move || work(results, &received, &known));
        Self {
            jobs,
            state,
            thread,
        }
    }

    /// Hands text over.
    pub(super) fn push(&self, text: String) {
        self.state.backlog.fetch_add(text.len(), Ordering::Relaxed);
        self.hand_over(Job::Text(text));
    }

    /// Has all that was handed over written soon.
    pub(super) fn nudge(&self) {
        self.hand_over(Job::Flush(None));
    }

    /// Waits until all that was handed over is written.
    pub(super) fn flush(&self) {
        let (done, is_done) = sync_channel(1);
        self.hand_over(Job::Flush(Some(done)));
        // A thread that has ended drops the other end.
        let _ = is_done.recv();
    }

    /// Writes a resume file after all that was handed over; not while another one is written.
    pub(super) fn save(&self, path: PathBuf, saved: impl FnOnce() -> Saved) {
        if !self.state.is_saving.swap(true, Ordering::Relaxed) {
            self.hand_over(Job::Save(path, saved()));
        }
    }

    /// Whether so much waits that nothing new should be found.
    pub(super) fn is_behind(&self) -> bool {
        self.state.backlog.load(Ordering::Relaxed) > BACKLOG_MAX
    }

    /// Whether something could not be written.
    pub(super) fn has_failed(&self) -> bool {
        self.state.has_failed.load(Ordering::Relaxed)
    }

    /// Writes what is left.
    pub(super) fn finish(self) -> Outcome {
        drop(self.jobs);
        self.thread.join().unwrap_or_else(|_| Outcome {
            is_whole: false,
            is_lost: true,
            failure: Some(Failure::call(anyhow!("the findings could not be written"))),
        })
    }

    fn hand_over(&self, job: Job) {
        // The end tells why a thread has ended.
        let _ = self.jobs.send(job);
    }
}

fn work(mut results: Results, jobs: &Receiver<Job>, state: &State) -> Outcome {
    let mut failure = None;
    let written = jobs.iter().try_for_each(|job| {
        match job {
            Job::Text(text) => {
                results.push(&text)?;
                state.backlog.fetch_sub(text.len(), Ordering::Relaxed);
            }
            Job::Flush(done) => {
                results.flush()?;
                if let Some(done) = done {
                    // Whoever waits for it is still there.
                    let _ = done.send(());
                }
            }
            Job::Save(path, saved) => {
                results.flush()?;
                // What was found before is still to be written.
                let written = resume::write(&path, &saved);
                if failure.is_none() {
                    failure = written.err();
                }
                state.is_saving.store(false, Ordering::Relaxed);
            }
        }
        if results.has_failed || failure.is_some() {
            state.has_failed.store(true, Ordering::Relaxed);
        }
        Ok(())
    });
    let written = written.and_then(|()| results.flush());
    state
        .has_failed
        .fetch_or(written.is_err(), Ordering::Relaxed);
    Outcome {
        is_whole: written.is_ok() && !results.has_failed,
        is_lost: written.is_err(),
        failure: written.err().or(failure),
    }
}
