//! What happened in runs, in numbers.

use core::fmt;
use core::time::Duration;

/// Counts of one run, or of many together.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Simulated time.
    pub simulated: Duration,
    /// Runs.
    pub runs: u64,
    /// Datagrams that nodes sent.
    pub datagrams_sent: u64,
    /// Datagrams that did not arrive: lost, cut off, too long, to an address that is gone, or to a node
    /// that was not there.
    pub datagrams_lost: u64,
    /// Packets that were given to devices.
    pub packets_offered: u64,
    /// Packets that came out.
    pub packets_delivered: u64,
    /// Sessions that one end has seen begin.
    pub handshakes: u64,
    /// Times that a node was started afresh.
    pub restarts: u64,
    /// Times that a node slept.
    pub suspends: u64,
    /// Times that a node's peers were removed and added again.
    pub readded: u64,
    /// Jumps of wall clocks.
    pub clock_steps: u64,
    /// Changes of address.
    pub rebinds: u64,
    /// Partitions.
    pub partitions: u64,
    /// Datagrams that an attacker repeated.
    pub replays: u64,
    /// Handshake messages among them that came from the attacker's own address.
    pub replayed_handshakes: u64,
    /// Cookie replies.
    pub cookie_replies: u64,
    /// Flows after trouble, in calms of all sorts.
    pub reconnections: Reconnections,
    /// Those of them in calms that lose 30 %.
    pub at_30_percent: Reconnections,
    /// Flows whose sender is shut out, as its wall clock was set back and it forgot.
    pub shut_out: u64,
    /// The longest that a flow took on a clean path.
    pub slowest_on_clean_path: Duration,
    /// The most counters by which a datagram was overtaken by others of its keypair.
    pub deepest_overtaking: u64,
}

/// How flows came back after trouble.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reconnections {
    /// Flows that delivered a packet within 60 s of the first one that was offered in the calm.
    pub in_time: u64,
    /// Flows that did not.
    pub late: u64,
}

impl Reconnections {
    /// Counts a flow.
    pub fn count(&mut self, in_time: bool) {
        self.in_time += u64::from(in_time);
        self.late += u64::from(!in_time);
    }

    /// How many flows were counted.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.in_time + self.late
    }

    /// The share of flows that were in time; one if there were none.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.total() == 0 {
            return 1.0;
        }
        float(self.in_time) / float(self.total())
    }
}

impl fmt::Display for Reconnections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.share() * 100.0;
        let (in_time, total) = (self.in_time, self.total());
        write!(f, "{percent:>11.2} % within 60 s: {in_time} of {total}")
    }
}

impl Tally {
    /// Adds the counts of other runs.
    pub fn add(&mut self, other: &Self) {
        self.simulated += other.simulated;
        self.slowest_on_clean_path = self.slowest_on_clean_path.max(other.slowest_on_clean_path);
        self.deepest_overtaking = self.deepest_overtaking.max(other.deepest_overtaking);
        for (count, more) in self
            .counts_mut()
            .into_iter()
            .zip(other.clone().counts_mut())
        {
            *count += *more;
        }
    }

    fn counts_mut(&mut self) -> [&mut u64; 20] {
        [
            &mut self.runs,
            &mut self.datagrams_sent,
            &mut self.datagrams_lost,
            &mut self.packets_offered,
            &mut self.packets_delivered,
            &mut self.handshakes,
            &mut self.restarts,
            &mut self.suspends,
            &mut self.readded,
            &mut self.clock_steps,
            &mut self.rebinds,
            &mut self.partitions,
            &mut self.replays,
            &mut self.replayed_handshakes,
            &mut self.cookie_replies,
            &mut self.reconnections.in_time,
            &mut self.reconnections.late,
            &mut self.at_30_percent.in_time,
            &mut self.at_30_percent.late,
            &mut self.shut_out,
        ]
    }

    /// The simulated hours.
    #[must_use]
    pub fn hours(&self) -> f64 {
        self.simulated.as_secs_f64() / 3600.0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "simulated        {:>12.1} h in {} runs",
            self.hours(),
            self.runs
        )?;
        writeln!(
            f,
            "datagrams        {:>12} sent, {} lost",
            self.datagrams_sent, self.datagrams_lost
        )?;
        writeln!(
            f,
            "packets          {:>12} offered, {} delivered",
            self.packets_offered, self.packets_delivered
        )?;
        for (name, count) in [
            ("handshakes", self.handshakes),
            ("cookie replies", self.cookie_replies),
            ("restarts", self.restarts),
            ("suspends", self.suspends),
            ("peers readded", self.readded),
            ("clock steps", self.clock_steps),
            ("rebinds", self.rebinds),
            ("partitions", self.partitions),
            ("replays", self.replays),
            ("of handshakes", self.replayed_handshakes),
            ("overtaken by", self.deepest_overtaking),
        ] {
            writeln!(f, "{name:<16} {count:>12}")?;
        }
        writeln!(
            f,
            "reconnected      {}, and {} shut out by their clock",
            self.reconnections, self.shut_out
        )?;
        writeln!(f, "at 30 % loss     {}", self.at_30_percent)?;
        write!(
            f,
            "on a clean path  {:>11.1} s at most",
            self.slowest_on_clean_path.as_secs_f64()
        )
    }
}

fn float(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
