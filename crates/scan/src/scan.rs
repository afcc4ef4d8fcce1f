//! The scan itself: probes out, answers in, passes over what is still silent.
//!
//! ```text
//! Probing pass 0 ── last probe ──▶ Waiting ── reply timeout ──▶ Probing pass 1 ── .. ──▶ Finished
//!       └──────────────────────────── all targets answered ───────────────────────────────▲
//! ```

use std::collections::VecDeque;

use core::hash::Hasher as _;

use rand_core::CryptoRng;
use siphasher::sip::SipHasher24;
use wirecraft_ip_packets::{BuildError, IpVersion};
use wirecraft_time::Instant;

use crate::answer::{Answer, Evidence};
use crate::answers::Answers;
use crate::cookie::{Cookie, CookieKey};
use crate::probe::Probes;
use crate::sent_times::SentTimes;
use crate::under_way::{Mark, UnderWay};
use crate::{
    Checkpoint, Finding, PROBE_MAX_LEN, Permutation, PortState, ScanConfig, Target, TokenBucket,
};

/// How many resets wait to be sent; of more, the oldest are left out.
const MAX_RESETS: usize = 1024;

/// Targets that are passed over at once because they answered before: some tenths of a millisecond.
const SKIPS_MAX: u32 = 1024;

/// A scan of all its targets.
///
/// Of a target that answered only its state is kept, in eight bytes at most; of one that did not, nothing:
/// a hash of the target under a key of the scan says what a valid answer must look like.
/// Packets to be sent come out of [`poll_probe`](Self::poll_probe), packets that arrived go into
/// [`receive`](Self::receive). Every open port is sent one reset for each of its answers, since
/// no TCP does that here.
#[derive(Debug)]
pub struct Scan {
    config: ScanConfig,
    probes: Probes,
    cookies: CookieKey,
    seed: u64,
    order: Permutation,
    pace: TokenBucket,
    phase: Phase,
    /// How many targets are in the shard.
    len: u128,
    answers: Answers,
    sent_times: SentTimes,
    under_way: UnderWay,
    last_sent_at: Instant,
    resets: VecDeque<Reset>,
    counts: Counts,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// The next probe is for the target at `next` in the order.
    Probing {
        pass: u8,
        next: u128,
    },
    /// All targets were probed in this pass, or up to `next` and no more are to be.
    Waiting {
        pass: u8,
        next: u128,
        until: Instant,
        is_stopped: bool,
    },
    Finished {
        pass: u8,
        next: u128,
    },
}

/// The end of a connection that a probe opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Reset {
    target: Target,
    cookie: Cookie,
}

/// Why a scan cannot start.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ScanError {
    /// There are targets of a version for which there is no source address.
    #[error("there are {version:?} targets but no {version:?} source address")]
    NoSource {
        /// The version.
        version: IpVersion,
    },
    /// The shard has no targets: there are fewer of them than shards.
    #[error("this shard has no targets")]
    EmptyShard,
    /// The checkpoint is of a scan of other targets, ports, method, shard or seed.
    #[error(
        "the resume file is of another scan: targets (a name may have other addresses by now), ports, \
         method, shard or seed differ"
    )]
    OtherScan,
    /// The checkpoint tells of targets that the scan does not have.
    #[error("the resume file is broken: it tells of targets that the scan does not have")]
    BrokenCheckpoint,
    /// A probe cannot be built.
    #[error("no probe can be built: {0}")]
    Probe(BuildError),
}

/// What a scan wants next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Polled {
    /// A probe was written.
    Probe {
        /// What it probes.
        target: Target,
        /// Its length, in bytes.
        len: usize,
    },
    /// The reset of a connection that a probe opened was written.
    Reset {
        /// Whom it is for.
        target: Target,
        /// Its length, in bytes.
        len: usize,
    },
    /// Nothing is to be sent before [`Scan::poll_timeout`].
    Wait,
    /// All is done.
    Finished,
}

/// How much happened.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Probes written.
    pub probes: u64,
    /// Resets written.
    pub resets: u64,
    /// Resets left out because too many waited.
    pub resets_dropped: u64,
    /// Targets that answered, each once.
    pub answered: u128,
    /// Valid answers of targets that had answered before.
    pub repeated: u64,
    /// Packets that are no answer to a probe of this scan.
    pub ignored: u64,
}

impl Scan {
    /// Starts a scan with keys of its own; the order of targets comes from the seed alone.
    ///
    /// # Errors
    /// [`ScanError`] if a source address is missing, or the shard is empty.
    pub fn new(config: ScanConfig, rng: &mut impl CryptoRng) -> Result<Self, ScanError> {
        for version in [IpVersion::V4, IpVersion::V6] {
            if config.targets.has_version(version) && config.source(version).is_none() {
                return Err(ScanError::NoSource { version });
            }
        }
        let len = config.shard.len_of(config.targets.len());
        if len == 0 {
            return Err(ScanError::EmptyShard);
        }
        let seed = config.seed.unwrap_or_else(|| rng.next_u64());
        Ok(Self {
            probes: Probes::new(&config).map_err(ScanError::Probe)?,
            cookies: CookieKey::new(config.source_ports, rng),
            seed,
            order: Permutation::with_key(config.targets.len(), &order_key(seed)),
            pace: TokenBucket::new(config.rate, config.burst),
            phase: Phase::Probing { pass: 0, next: 0 },
            len,
            answers: Answers::default(),
            sent_times: SentTimes::new(),
            under_way: UnderWay::default(),
            last_sent_at: Instant::ORIGIN,
            resets: VecDeque::new(),
            counts: Counts::default(),
            config,
        })
    }

    /// Goes on with a scan where a checkpoint of it was made: what answered is not probed again.
    ///
    /// # Errors
    /// [`ScanError::OtherScan`] if the settings are not those of the checkpoint;
    /// [`ScanError::BrokenCheckpoint`]; as [`new`](Self::new).
    pub fn resume(
        mut config: ScanConfig,
        checkpoint: &Checkpoint,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, ScanError> {
        if config.seed.is_some_and(|seed| seed != checkpoint.seed) {
            return Err(ScanError::OtherScan);
        }
        config.seed = Some(checkpoint.seed);
        let mut scan = Self::new(config, rng)?;
        let Checkpoint { pass, next, .. } = *checkpoint;
        if checkpoint.options != scan.options_hash() {
            return Err(ScanError::OtherScan);
        }
        let answers = checkpoint.answers.clone();
        let is_possible = answers.are_below(scan.config.targets.len()) && answers.len() <= scan.len;
        if next > scan.len || !is_possible {
            return Err(ScanError::BrokenCheckpoint);
        }
        scan.answers = answers;
        scan.counts.answered = scan.answers.len();
        scan.phase = Phase::Probing { pass, next };
        Ok(scan)
    }

    /// Returns how far the scan has come; probes that may still be answered do not count as sent.
    #[must_use]
    pub fn checkpoint(&self, now: Instant) -> Checkpoint {
        let (mut pass, mut next) = self.position();
        if !matches!(self.phase, Phase::Finished { .. })
            && let Some(mark) = self.sent_since(now - self.config.reply_timeout)
            && mark.pass == pass
        {
            (pass, next) = (mark.pass, mark.next);
        }
        Checkpoint {
            seed: self.seed,
            options: self.options_hash(),
            pass,
            next,
            answers: self.answers.clone(),
        }
    }

    /// Goes back to where the scan was at `since`, at most half a minute ago: what was probed after that did
    /// not arrive. Nothing changes in a scan that was stopped or has ended.
    pub fn go_back(&mut self, since: Instant) {
        let is_over = match self.phase {
            Phase::Probing { .. } => false,
            Phase::Waiting { is_stopped, .. } => is_stopped,
            Phase::Finished { .. } => true,
        };
        if !is_over && let Some(mark) = self.sent_since(since) {
            self.under_way.forget_after(mark);
            let Mark { pass, next, .. } = mark;
            self.phase = Phase::Probing { pass, next };
        }
    }

    /// The position from which on probes were sent after `since`, or shortly before.
    fn sent_since(&self, since: Instant) -> Option<Mark> {
        self.under_way.since(since, self.last_sent_at)
    }

    /// Sends no more probes; answers to those under way are waited for as at the end of a pass.
    pub fn stop(&mut self, now: Instant) {
        if let Phase::Probing { pass, next } | Phase::Waiting { pass, next, .. } = self.phase {
            self.phase = Phase::Waiting {
                pass,
                next,
                until: now + self.config.reply_timeout,
                is_stopped: true,
            };
        }
    }

    /// Returns the seed of the order.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns the settings.
    #[must_use]
    pub const fn config(&self) -> &ScanConfig {
        &self.config
    }

    /// Returns how many targets this scan, or its shard, has.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "there is always at least one target"
    )]
    pub const fn len(&self) -> u128 {
        self.len
    }

    /// Returns the pass, from 0, and how many targets it has dealt with.
    #[must_use]
    pub const fn position(&self) -> (u8, u128) {
        match self.phase {
            Phase::Probing { pass, next }
            | Phase::Waiting { pass, next, .. }
            | Phase::Finished { pass, next } => (pass, next),
        }
    }

    /// Hashes what makes one scan the same as another, the seed aside.
    fn options_hash(&self) -> u64 {
        let mut hasher = SipHasher24::new();
        self.config.targets.hash(&mut hasher);
        hasher.write(format!("{:?} {:?}", self.config.method, self.config.shard).as_bytes());
        hasher.finish()
    }

    /// Writes the next packet to be sent to the start of `buf`, if it is time for one.
    ///
    /// [`PROBE_MAX_LEN`] bytes are enough. Resets do not count towards the rate.
    ///
    /// # Errors
    /// [`BuildError::BufferTooSmall`]; the packet is then written by a later call.
    pub fn poll_probe(&mut self, now: Instant, buf: &mut [u8]) -> Result<Polled, BuildError> {
        if let Some(reset) = self.resets.front().copied() {
            let len = self.probes.write_reset(reset.target, reset.cookie, buf)?;
            self.resets.pop_front();
            self.counts.resets += 1;
            return Ok(Polled::Reset {
                target: reset.target,
                len,
            });
        }
        let Some((pass, next, index)) = self.advance(now) else {
            return Ok(match self.phase {
                Phase::Finished { .. } => Polled::Finished,
                _ => Polled::Wait,
            });
        };
        let Some(target) = self.config.targets.get(index) else {
            return Ok(Polled::Wait);
        };
        if buf.len() < PROBE_MAX_LEN {
            return Err(BuildError::BufferTooSmall {
                needed: PROBE_MAX_LEN,
                available: buf.len(),
            });
        }
        if !self.pace.take(now) {
            return Ok(Polled::Wait);
        }
        let cookie = self.cookies.cookie(target, pass);
        let len = self.probes.write(target, cookie, buf)?;
        self.sent_times.note(cookie.seq, now);
        self.under_way.note(Mark {
            at: now,
            pass,
            next,
        });
        self.last_sent_at = now;
        self.phase = Phase::Probing {
            pass,
            next: next + 1,
        };
        self.counts.probes += 1;
        Ok(Polled::Probe { target, len })
    }

    /// Takes a packet that arrived, and returns what it says if that is new.
    ///
    /// Packets of others are ignored, so are forgeries by anyone who did not see the probe.
    pub fn receive(&mut self, now: Instant, packet: &[u8]) -> Option<Finding> {
        let Some((index, answer, cookie)) = self.validate(packet) else {
            self.counts.ignored += 1;
            return None;
        };
        let target = answer.target;
        if let Evidence::SynAck { port, ack } = answer.evidence {
            let cookie = Cookie {
                source_port: port,
                seq: ack,
            };
            self.queue_reset(Reset { target, cookie });
        }
        let state = answer.reason.state(self.config.method);
        if !self.answers.insert(index, state) {
            self.counts.repeated += 1;
            return None;
        }
        self.counts.answered = self.answers.len();
        Some(Finding {
            target,
            state,
            reason: answer.reason,
            from: answer.from,
            hop_limit: answer.hop_limit,
            at: now,
            round_trip: self.sent_times.age(cookie.seq, now),
        })
    }

    /// Returns when [`poll_probe`](Self::poll_probe) has something to do; the origin means at
    /// once, `None` that all is done.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            _ if !self.resets.is_empty() => Some(Instant::ORIGIN),
            Phase::Finished { .. } => None,
            _ if self.all_answered() => Some(Instant::ORIGIN),
            Phase::Probing { .. } => Some(self.pace.ready_at()),
            Phase::Waiting { until, .. } => Some(until),
        }
    }

    /// Says whether all targets answered, or were probed and waited for as often as they should.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Finished { .. }) && self.resets.is_empty()
    }

    /// Returns every target with its state, `None` while it is silent, in the order of targets.
    pub fn findings(&self) -> impl Iterator<Item = (Target, Option<PortState>)> + '_ {
        let is_mine = |index: &u128| self.config.shard.contains(&self.order, *index);
        (0..self.config.targets.len())
            .filter(is_mine)
            .filter_map(|index| {
                let target = self.config.targets.get(index)?;
                Some((target, self.answers.get(index)))
            })
    }

    /// Returns how much happened so far.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Goes on to the next target that is silent, the next pass, or the end.
    ///
    /// Returns the pass, the position in it and the target's number.
    fn advance(&mut self, now: Instant) -> Option<(u8, u128, u128)> {
        let (pass, next) = self.position();
        if self.all_answered() {
            self.phase = Phase::Finished { pass, next };
        }
        if let Phase::Waiting {
            until, is_stopped, ..
        } = self.phase
            && until <= now
        {
            self.phase = if pass < self.config.retries && !is_stopped {
                Phase::Probing {
                    pass: pass + 1,
                    next: 0,
                }
            } else {
                Phase::Finished { pass, next }
            };
        }
        let Phase::Probing { pass, mut next } = self.phase else {
            return None;
        };
        for _ in 0..SKIPS_MAX {
            if next == self.len {
                break;
            }
            let index = self.config.shard.target(&self.order, next);
            if self.answers.get(index).is_none() {
                self.phase = Phase::Probing { pass, next };
                return Some((pass, next, index));
            }
            next += 1;
        }
        if next < self.len {
            // More of them answered than are to be passed over at once.
            self.phase = Phase::Probing { pass, next };
            return None;
        }
        self.phase = Phase::Waiting {
            pass,
            next,
            until: now + self.config.reply_timeout,
            is_stopped: false,
        };
        None
    }

    fn all_answered(&self) -> bool {
        self.answers.len() == self.len
    }

    /// Finds the target of an answer, if the answer shows that its sender saw the probe.
    fn validate(&self, packet: &[u8]) -> Option<(u128, Answer, Cookie)> {
        let answer = Answer::read(self.config.method, packet)?;
        let target = answer.target;
        if self.probes.source_for(target) != Some(answer.probed_from) {
            return None;
        }
        let index = self.config.targets.index_of(target)?;
        if !self.config.shard.contains(&self.order, index) {
            return None;
        }
        let (latest_pass, _) = self.position();
        let is_meant = |cookie: Cookie| answer.evidence.matches(cookie);
        let cookie = self.cookies.find(target, latest_pass, is_meant)?;
        Some((index, answer, cookie))
    }

    fn queue_reset(&mut self, reset: Reset) {
        if self.resets.len() == MAX_RESETS {
            self.resets.pop_front();
            self.counts.resets_dropped += 1;
        }
        self.resets.push_back(reset);
    }
}

/// The key of the order: whoever knows the seed may know the order.
fn order_key(seed: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key
}
