//! The scan itself: probes out, answers in, passes over what is still silent.
//!
//! ```text
//! Probing pass 0 ── last probe ──▶ Waiting ── reply timeout ──▶ Probing pass 1 ── .. ──▶ Finished
//!       └──────────────────────────── all targets answered ───────────────────────────────▲
//! ```

use std::collections::VecDeque;

use rand_core::CryptoRng;
use wirecraft_ip_packets::{BuildError, IpVersion, ip};
use wirecraft_time::Instant;

use crate::answers::Answers;
use crate::cookie::{Cookie, CookieKey};
use crate::finding::{Answer, Evidence};
use crate::{Finding, Permutation, PortState, ScanConfig, Target, TokenBucket};

/// How many resets wait to be sent; of more, the oldest are left out.
const MAX_RESETS: usize = 1024;

/// A scan of all its targets.
///
/// Of a target that answered only its state is kept, in four bits; of one that did not, nothing:
/// a hash of the target under a key of the scan says what a valid answer must look like.
/// Packets to be sent come out of [`poll_probe`](Self::poll_probe), packets that arrived go into
/// [`receive`](Self::receive). Every open port is sent one reset for each of its answers, since
/// no TCP does that here.
#[derive(Debug)]
pub struct Scan {
    config: ScanConfig,
    cookies: CookieKey,
    order: Permutation,
    pace: TokenBucket,
    phase: Phase,
    answers: Answers,
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
    /// All targets were probed in this pass.
    Waiting {
        pass: u8,
        until: Instant,
    },
    Finished,
}

/// The end of a connection that a probe opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Reset {
    target: Target,
    source_port: u16,
    seq: u32,
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
    /// Starts a scan with keys of its own; the order of targets and the cookies come from them.
    ///
    /// # Errors
    /// [`ScanError`] if a source address is missing.
    pub fn new(config: ScanConfig, rng: &mut impl CryptoRng) -> Result<Self, ScanError> {
        for version in [IpVersion::V4, IpVersion::V6] {
            if config.targets.has_version(version) && config.source(version).is_none() {
                return Err(ScanError::NoSource { version });
            }
        }
        Ok(Self {
            cookies: CookieKey::new(config.source_ports, rng),
            order: Permutation::new(config.targets.len(), rng),
            pace: TokenBucket::new(config.rate, config.burst),
            phase: Phase::Probing { pass: 0, next: 0 },
            answers: Answers::default(),
            resets: VecDeque::new(),
            counts: Counts::default(),
            config,
        })
    }

    /// Writes the next packet to be sent to the start of `buf`, if it is time for one.
    ///
    /// [`PROBE_MAX_LEN`] bytes are enough. Resets do not count towards the rate.
    ///
    /// # Errors
    /// [`BuildError::BufferTooSmall`]; the packet is then written by a later call.
    pub fn poll_probe(&mut self, now: Instant, buf: &mut [u8]) -> Result<Polled, BuildError> {
        if let Some(reset) = self.resets.front().copied() {
            let len = self.write_reset(reset, buf)?;
            self.resets.pop_front();
            self.counts.resets += 1;
            return Ok(Polled::Reset {
                target: reset.target,
                len,
            });
        }
        self.advance(now);
        let Phase::Probing { pass, next } = self.phase else {
            let is_finished = self.phase == Phase::Finished;
            return Ok(if is_finished {
                Polled::Finished
            } else {
                Polled::Wait
            });
        };
        let Some(target) = self.config.targets.get(self.order.get(next)) else {
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
        let len = self.write_probe(target, pass, buf)?;
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
        let Some((index, answer)) = self.validate(now, packet) else {
            self.counts.ignored += 1;
            return None;
        };
        if let Evidence::SynAck { ack } = answer.evidence {
            let (target, source_port) = (answer.finding.target, answer.source_port);
            self.queue_reset(Reset {
                target,
                source_port,
                seq: ack,
            });
        }
        if !self.answers.insert(index, answer.finding.state) {
            self.counts.repeated += 1;
            return None;
        }
        self.counts.answered = self.answers.len();
        Some(answer.finding)
    }

    /// Returns when [`poll_probe`](Self::poll_probe) has something to do; the origin means at
    /// once, `None` that all is done.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            _ if !self.resets.is_empty() => Some(Instant::ORIGIN),
            Phase::Finished => None,
            _ if self.all_answered() => Some(Instant::ORIGIN),
            Phase::Probing { .. } => Some(self.pace.ready_at()),
            Phase::Waiting { until, .. } => Some(until),
        }
    }

    /// Says whether all targets answered, or were probed and waited for as often as they should.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.phase == Phase::Finished && self.resets.is_empty()
    }

    /// Returns every target with its state, `None` while it is silent, in the order of targets.
    pub fn findings(&self) -> impl Iterator<Item = (Target, Option<PortState>)> + '_ {
        (0..self.config.targets.len()).filter_map(|index| {
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
    fn advance(&mut self, now: Instant) {
        if self.all_answered() {
            self.phase = Phase::Finished;
        }
        if let Phase::Waiting { pass, until } = self.phase
            && until <= now
        {
            self.phase = match pass < self.config.retries {
                true => Phase::Probing {
                    pass: pass + 1,
                    next: 0,
                },
                false => Phase::Finished,
            };
        }
        let Phase::Probing { pass, mut next } = self.phase else {
            return;
        };
        while next < self.order.len() && self.answers.get(self.order.get(next)).is_some() {
            next += 1;
        }
        self.phase = if next < self.order.len() {
            Phase::Probing { pass, next }
        } else {
            Phase::Waiting {
                pass,
                until: now + self.config.reply_timeout,
            }
        };
    }

    fn all_answered(&self) -> bool {
        self.answers.len() == self.config.targets.len()
    }

    /// Returns the latest pass of which probes were sent.
    fn latest_pass(&self) -> u8 {
        match self.phase {
            Phase::Probing { pass, .. } | Phase::Waiting { pass, .. } => pass,
            Phase::Finished => self.config.retries,
        }
    }

    /// Finds the target of an answer, if the answer shows that its sender saw the probe.
    fn validate(&self, now: Instant, packet: &[u8]) -> Option<(u128, Answer)> {
        let answer = Answer::read(now, packet)?;
        let target = answer.finding.target;
        if self.source_for(target) != Some(answer.probed_from)
            || !self.config.source_ports.contains(answer.source_port)
        {
            return None;
        }
        let index = self.config.targets.index_of(target)?;
        let is_meant = |cookie: Cookie| {
            cookie.source_port == answer.source_port && answer.evidence.matches(cookie.seq)
        };
        self.cookies.find(target, self.latest_pass(), is_meant)?;
        Some((index, answer))
    }

    fn source_for(&self, target: Target) -> Option<core::net::IpAddr> {
        match target.address {
            core::net::IpAddr::V4(_) => self.config.source(IpVersion::V4),
            core::net::IpAddr::V6(_) => self.config.source(IpVersion::V6),
        }
    }

    fn queue_reset(&mut self, reset: Reset) {
        if self.resets.len() == MAX_RESETS {
            self.resets.pop_front();
            self.counts.resets_dropped += 1;
        }
        self.resets.push_back(reset);
    }

    fn write_probe(&self, target: Target, pass: u8, buf: &mut [u8]) -> Result<usize, BuildError> {
        let Cookie { source_port, seq } = self.cookies.cookie(target, pass);
        let source = self.source_for(target).ok_or(BuildError::MixedVersions)?;
        let probe = ip(source, target.address)?
            .hop_limit(self.config.hop_limit)
            .tcp(source_port, target.port)
            .seq(seq)
            .syn();
        match self.config.mss {
            Some(mss) => probe.mss(mss).write(buf),
            None => probe.write(buf),
        }
    }

    fn write_reset(&self, reset: Reset, buf: &mut [u8]) -> Result<usize, BuildError> {
        let Reset {
            target,
            source_port,
            seq,
        } = reset;
        let source = self.source_for(target).ok_or(BuildError::MixedVersions)?;
        ip(source, target.address)?
            .hop_limit(self.config.hop_limit)
            .tcp(source_port, target.port)
            .seq(seq)
            .rst()
            .window(0)
            .write(buf)
    }
}

/// The length of the longest packet that a scan writes, in bytes: IPv6, TCP, one option.
pub const PROBE_MAX_LEN: usize = 40 + 20 + 4;
