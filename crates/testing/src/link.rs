//! One direction of a path between two nodes, and what it does to datagrams.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use rand_core::Rng;

use crate::dice::Dice;

/// How good a path is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Quality {
    /// How datagrams get lost.
    pub loss: Loss,
    /// How long each is under way at least.
    pub delay: Duration,
    /// The most that is added to the delay, evenly distributed; it reorders datagrams by itself.
    pub jitter: Duration,
    /// The probability that a datagram arrives twice.
    pub duplicate: f64,
    /// How datagrams are held back.
    pub reorder: Reorder,
    /// The probability that bits of a datagram flip.
    pub corrupt: f64,
    /// Longer datagrams, IP and UDP headers included, vanish; in bytes.
    pub mtu: usize,
}

/// How datagrams get lost.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Loss {
    /// None does.
    None,
    /// Each with this probability.
    Uniform(f64),
    /// In bursts: a chain of two states, after Gilbert and Elliott.
    Bursts {
        /// The probability that a burst begins with a datagram.
        begin: f64,
        /// The probability that it ends with one.
        end: f64,
        /// The probability that a datagram of a burst is lost.
        loss: f64,
    },
}

/// How datagrams are held back until others have overtaken them.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reorder {
    /// The probability that a datagram is held back.
    pub probability: f64,
    /// How many datagrams overtake it at most.
    pub depth: usize,
}

impl Quality {
    /// A path that loses nothing.
    pub const CLEAN: Self = Self {
        loss: Loss::None,
        delay: Duration::from_millis(10),
        jitter: Duration::ZERO,
        duplicate: 0.0,
        reorder: Reorder {
            probability: 0.0,
            depth: 0,
        },
        corrupt: 0.0,
        mtu: 1500,
    };

    /// Whether every datagram that is no longer than the MTU arrives.
    #[must_use]
    pub fn is_lossless(&self) -> bool {
        self.loss == Loss::None && self.corrupt == 0.0 && self.mtu >= 1500
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |probability: f64| probability * 100.0;
        write!(f, "{:.0?}+{:.0?}", self.delay, self.jitter)?;
        match self.loss {
            Loss::None => {}
            Loss::Uniform(loss) => write!(f, ", {:.1} % lost", percent(loss))?,
            Loss::Bursts { begin, end, loss } => write!(
                f,
                ", bursts of {:.0} every {:.0} lose {:.0} %",
                1.0 / end,
                1.0 / begin,
                percent(loss)
            )?,
        }
        if self.duplicate > 0.0 {
            write!(f, ", {:.1} % twice", percent(self.duplicate))?;
        }
        let Reorder { probability, depth } = self.reorder;
        if probability > 0.0 {
            write!(f, ", {:.1} % up to {depth} late", percent(probability))?;
        }
        if self.corrupt > 0.0 {
            write!(f, ", {:.1} % corrupted", percent(self.corrupt))?;
        }
        if self.mtu < 1500 {
            write!(f, ", MTU {}", self.mtu)?;
        }
        Ok(())
    }
}

/// A datagram under way.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
    /// Whether bits of it flipped on the way.
    pub(crate) is_corrupt: bool,
}

impl Flight {
    /// The length with IP and UDP headers in bytes.
    fn outer_len(&self) -> usize {
        self.bytes.len() + if self.from.is_ipv4() { 28 } else { 48 }
    }
}

/// What a link does to a datagram that is put into it.
#[derive(Debug)]
pub(crate) enum Fate {
    Lost(&'static str),
    /// It arrives after these times: once or twice.
    Arrives(Duration, Option<Duration>),
    /// It waits in the link under this number.
    Held(HeldKey),
}

/// The number of an overtaking datagram that ends the wait, and one that makes it unique.
pub(crate) type HeldKey = (u64, u64);

/// One direction of a path.
#[derive(Default)]
pub(crate) struct Link {
    in_burst: bool,
    /// How many datagrams came through.
    passed: u64,
    held: BTreeMap<HeldKey, Flight>,
}

impl Link {
    /// Decides what becomes of a datagram, and changes it if it is to be corrupted.
    pub(crate) fn carry(
        &mut self,
        quality: &Quality,
        flight: &mut Flight,
        dice: &mut Dice,
    ) -> Fate {
        if flight.outer_len() > quality.mtu {
            return Fate::Lost("longer than the MTU");
        }
        if self.loses(quality.loss, dice) {
            return Fate::Lost("lost");
        }
        if dice.chance(quality.corrupt) {
            corrupt(&mut flight.bytes, dice);
            flight.is_corrupt = true;
        }
        self.passed += 1;
        if dice.chance(quality.reorder.probability) {
            let depth = u64::try_from(quality.reorder.depth).unwrap_or(u64::MAX);
            let overtaken_by = 1 + dice.rng().next_u64() % depth.max(1);
            let key = (self.passed + overtaken_by, self.passed);
            self.held.insert(key, flight.clone());
            return Fate::Held(key);
        }
        let mut delay = || quality.delay + dice.duration(Duration::ZERO, quality.jitter);
        let first = delay();
        let second = delay();
        let twice = dice.chance(quality.duplicate);
        Fate::Arrives(first, twice.then_some(second))
    }

    fn loses(&mut self, loss: Loss, dice: &mut Dice) -> bool {
        match loss {
            Loss::None => false,
            Loss::Uniform(probability) => dice.chance(probability),
            Loss::Bursts { begin, end, loss } => {
                let changes = dice.chance(if self.in_burst { end } else { begin });
                self.in_burst ^= changes;
                self.in_burst && dice.chance(loss)
            }
        }
    }

    /// Takes out a datagram that enough others have overtaken.
    pub(crate) fn pop_overtaken(&mut self) -> Option<Flight> {
        let first = self.held.first_entry()?;
        (first.key().0 <= self.passed).then(|| first.remove())
    }

    /// Takes out a datagram that is held back, whether it was overtaken or not.
    pub(crate) fn pop_held(&mut self) -> Option<Flight> {
        self.held.pop_first().map(|(_, flight)| flight)
    }

    /// Takes out a datagram that was held back, if it still is.
    pub(crate) fn release(&mut self, key: HeldKey) -> Option<Flight> {
        self.held.remove(&key)
    }
}

/// Flips between one and eight bits.
fn corrupt(bytes: &mut [u8], dice: &mut Dice) {
    for _ in 0..dice.between(1, 8) {
        let position = dice.below(bytes.len());
        bytes[position] ^= 1 << dice.below(8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Purpose;

    fn flight(len: usize) -> Flight {
        Flight {
            from: "192.0.2.1:1".parse().unwrap(),
            to: "192.0.2.2:1".parse().unwrap(),
            bytes: vec![0; len],
            is_corrupt: false,
        }
    }

    fn lost_of_ten_thousand(loss: Loss) -> usize {
        let quality = Quality {
            loss,
            ..Quality::CLEAN
        };
        let mut dice = Dice::new(1, Purpose::Network);
        let mut link = Link::default();
        (0..10_000)
            .filter(|_| {
                let fate = link.carry(&quality, &mut flight(100), &mut dice);
                matches!(fate, Fate::Lost(_))
            })
            .count()
    }

    #[test]
    fn a_link_loses_as_many_as_it_says() {
        assert_eq!(lost_of_ten_thousand(Loss::None), 0);
        let uniform = lost_of_ten_thousand(Loss::Uniform(0.3));
        assert!((2800..3200).contains(&uniform), "{uniform}");
        let bursts = lost_of_ten_thousand(Loss::Bursts {
            begin: 0.01,
            end: 0.09,
            loss: 1.0,
        });
        assert!((600..1400).contains(&bursts), "{bursts}");
    }

    #[test]
    fn a_datagram_longer_than_the_mtu_vanishes() {
        let mut dice = Dice::new(1, Purpose::Network);
        let mut carry = |len| Link::default().carry(&Quality::CLEAN, &mut flight(len), &mut dice);
        assert!(matches!(carry(1472), Fate::Arrives(..)));
        assert!(matches!(carry(1473), Fate::Lost(_)));
    }

    /// Holds everything back.
    const HOLDING: Quality = Quality {
        reorder: Reorder {
            probability: 1.0,
            depth: 10_000,
        },
        ..Quality::CLEAN
    };

    #[test]
    fn a_datagram_held_back_leaves_once_enough_others_have_passed() {
        let mut dice = Dice::new(1, Purpose::Network);
        let mut link = Link::default();
        let Fate::Held((until, _)) = link.carry(&HOLDING, &mut flight(100), &mut dice) else {
            panic!("everything is held");
        };
        for _ in 1..until {
            assert!(link.pop_overtaken().is_none());
            link.carry(&Quality::CLEAN, &mut flight(100), &mut dice);
        }
        assert!(link.pop_overtaken().is_some());
        assert!(link.pop_overtaken().is_none());
    }

    #[test]
    fn a_path_can_let_go_of_all_that_it_holds_back() {
        let mut dice = Dice::new(1, Purpose::Network);
        let mut link = Link::default();
        for _ in 0..10 {
            link.carry(&HOLDING, &mut flight(100), &mut dice);
        }

        assert_eq!(std::iter::from_fn(|| link.pop_held()).count(), 10);
    }
}
