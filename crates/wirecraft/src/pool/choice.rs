//! Which exit is next.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// When another exit is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// For every connection, in turn.
    #[default]
    Connection,
    /// For every user, who then keeps it as long as it is alive.
    Sticky,
    /// Every so often, for everybody.
    Every(Duration),
}

/// Users whose exits are remembered; of more, those that were not seen for the longest are forgotten.
const USERS_MAX: usize = 1 << 16;

/// An exit that may be chosen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a> {
    pub(super) name: &'a str,
    /// Whether it takes a connection at this moment.
    pub(super) is_free: bool,
    /// Whether it does not because it has as many as it may have at once.
    pub(super) is_full: bool,
}

/// Who got which exit, and whose turn it is.
#[derive(Debug)]
pub(super) struct Choice {
    rotation: Rotation,
    /// The index of the exit whose turn it is.
    turn: usize,
    /// Since when it is its turn, if turns last a time.
    since: Option<Instant>,
    users: HashMap<String, Kept>,
    /// How many users each exit has.
    user_counts: HashMap<String, usize>,
    /// Counts choices: the age of what is kept.
    count: u64,
}

/// The exit of a user.
#[derive(Debug)]
struct Kept {
    exit: String,
    seen_at: u64,
}

impl Choice {
    pub(super) fn new(rotation: Rotation) -> Self {
        Self {
            rotation,
            turn: 0,
            since: None,
            users: HashMap::new(),
            user_counts: HashMap::new(),
            count: 0,
        }
    }

    /// Chooses an exit for `user`; `None` if none that may be is free.
    pub(super) fn choose(
        &mut self,
        now: Instant,
        user: Option<&str>,
        exits: &[Candidate<'_>],
    ) -> Option<usize> {
        let Some(user) = user else {
            return self.next(now, exits);
        };
        if let Some(pinned) = exits.iter().position(|exit| exit.name == user) {
            return exits[pinned].is_free.then_some(pinned);
        }
        self.count += 1;
        if let Some(kept) = self.users.get_mut(user) {
            let same =
                |exit: &Candidate<'_>| (exit.is_free || exit.is_full) && exit.name == kept.exit;
            if let Some(index) = exits.iter().position(same) {
                kept.seen_at = self.count;
                // A full exit is waited for: the user is not to be seen elsewhere.
                return exits[index].is_free.then_some(index);
            }
        }
        let index = self.least_used(exits)?;
        self.keep(user, exits[index].name);
        Some(index)
    }

    /// The exit whose turn it is.
    fn next(&mut self, now: Instant, exits: &[Candidate<'_>]) -> Option<usize> {
        let stays = match (self.rotation, self.since) {
            (Rotation::Every(period), Some(since)) => now.duration_since(since) < period,
            _ => false,
        };
        let first = self.turn % exits.len().max(1);
        let order = (0..exits.len()).map(|step| (first + step) % exits.len());
        let index = if stays {
            order.into_iter().find(|index| exits[*index].is_free)
        } else {
            // The one that had its turn comes last.
            let mut order: Vec<usize> = order.collect();
            if self.since.is_some() && !order.is_empty() {
                order.rotate_left(1);
            }
            order.into_iter().find(|index| exits[*index].is_free)
        }?;
        if !stays || index != first {
            self.since = Some(now);
        }
        self.turn = index;
        Some(index)
    }

    /// The free exit that the fewest users have.
    fn least_used(&self, exits: &[Candidate<'_>]) -> Option<usize> {
        let free = exits.iter().enumerate().filter(|(_, exit)| exit.is_free);
        let count = |exit: &Candidate<'_>| self.user_counts.get(exit.name).copied().unwrap_or(0);
        free.min_by_key(|(_, exit)| count(exit))
            .map(|(index, _)| index)
    }

    fn keep(&mut self, user: &str, exit: &str) {
        if self.users.len() >= USERS_MAX {
            let half = self.count.saturating_sub(USERS_MAX as u64 / 2);
            self.users.retain(|_, kept| kept.seen_at > half);
            self.count_users();
        }
        let kept = Kept {
            exit: exit.to_owned(),
            seen_at: self.count,
        };
        *self.user_counts.entry(exit.to_owned()).or_default() += 1;
        if let Some(before) = self.users.insert(user.to_owned(), kept)
            && let Some(count) = self.user_counts.get_mut(&before.exit)
        {
            *count = count.saturating_sub(1);
        }
    }

    fn count_users(&mut self) {
        self.user_counts.clear();
        for kept in self.users.values() {
            *self.user_counts.entry(kept.exit.clone()).or_default() += 1;
        }
    }

    /// Forgets who had an exit that is gone.
    pub(super) fn forget_exit(&mut self, name: &str) {
        self.users.retain(|_, kept| kept.exit != name);
        self.user_counts.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

    fn exits(free: [bool; 5]) -> Vec<Candidate<'static>> {
        NAMES
            .into_iter()
            .zip(free)
            .map(|(name, is_free)| Candidate {
                name,
                is_free,
                is_full: false,
            })
            .collect()
    }

    fn all() -> Vec<Candidate<'static>> {
        exits([true; 5])
    }

    #[tokio::test(start_paused = true)]
    async fn each_connection_gets_the_next_exit() {
        let (mut choice, now) = (Choice::new(Rotation::Connection), Instant::now());
        let chosen: Vec<_> = (0..7)
            .map(|_| choice.choose(now, None, &all()).unwrap())
            .collect();
        assert_eq!(chosen, [0, 1, 2, 3, 4, 0, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn dead_exits_are_passed_over_and_come_back() {
        let (mut choice, now) = (Choice::new(Rotation::Connection), Instant::now());
        let without_b = exits([true, false, true, true, true]);
        let chosen: Vec<_> = (0..5)
            .map(|_| choice.choose(now, None, &without_b).unwrap())
            .collect();
        assert_eq!(chosen, [0, 2, 3, 4, 0]);
        assert_eq!(choice.choose(now, None, &all()), Some(1));
        assert_eq!(choice.choose(now, None, &exits([false; 5])), None);
        assert_eq!(choice.choose(now, None, &[]), None);
    }

    #[tokio::test(start_paused = true)]
    async fn turns_last_their_time() {
        let period = Duration::from_secs(60);
        let (mut choice, start) = (Choice::new(Rotation::Every(period)), Instant::now());
        let mut at = |seconds| choice.choose(start + Duration::from_secs(seconds), None, &all());
        assert_eq!(
            [at(0), at(59), at(60), at(119), at(125)],
            [0, 0, 1, 1, 2].map(Some)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn turn_ends_early_when_its_exit_dies() {
        let period = Duration::from_secs(60);
        let (mut choice, now) = (Choice::new(Rotation::Every(period)), Instant::now());
        assert_eq!(choice.choose(now, None, &all()), Some(0));
        let without_a = exits([false, true, true, true, true]);
        assert_eq!(choice.choose(now, None, &without_a), Some(1));
        assert_eq!(
            choice.choose(now, None, &all()),
            Some(1),
            "b's turn has begun"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn users_are_spread_and_keep_their_exits() {
        let (mut choice, now) = (Choice::new(Rotation::Sticky), Instant::now());
        let users: Vec<String> = (0..50).map(|user| format!("user {user}")).collect();
        let mut at = |exits: &[Candidate<'_>]| -> Vec<usize> {
            let chosen = users
                .iter()
                .map(|user| choice.choose(now, Some(user), exits));
            chosen.map(Option::unwrap).collect()
        };
        let first = at(&all());
        for exit in 0..5 {
            assert_eq!(first.iter().filter(|index| **index == exit).count(), 10);
        }
        let during = at(&exits([true, false, true, true, true]));
        for (before, meanwhile) in first.iter().zip(&during) {
            assert_ne!(*meanwhile, 1);
            assert!(before == meanwhile || *before == 1, "only b's users move");
        }
        assert_eq!(at(&all()), during, "nobody moves because b is back");
    }

    #[tokio::test(start_paused = true)]
    async fn a_user_whose_exit_is_full_waits_for_it() {
        let (mut choice, now) = (Choice::new(Rotation::Sticky), Instant::now());
        assert_eq!(choice.choose(now, Some("anna"), &all()), Some(0));
        let mut a_is_full = exits([false, true, true, true, true]);
        a_is_full[0].is_full = true;
        assert_eq!(choice.choose(now, Some("anna"), &a_is_full), None);
        assert_eq!(choice.choose(now, Some("bert"), &a_is_full), Some(1));
        assert_eq!(choice.choose(now, Some("anna"), &all()), Some(0));
    }

    #[tokio::test(start_paused = true)]
    async fn name_of_an_exit_pins_it_even_while_it_is_dead() {
        let (mut choice, now) = (Choice::new(Rotation::Connection), Instant::now());
        assert_eq!(choice.choose(now, Some("d"), &all()), Some(3));
        let without_d = exits([true, true, true, false, true]);
        assert_eq!(choice.choose(now, Some("d"), &without_d), None);
    }

    #[tokio::test(start_paused = true)]
    async fn users_that_are_remembered_stay_bounded() {
        let (mut choice, now) = (Choice::new(Rotation::Sticky), Instant::now());
        choice.users.reserve(USERS_MAX);
        for user in 0..USERS_MAX {
            choice.count += 1;
            choice.keep(&user.to_string(), "a");
        }
        choice.choose(now, Some("one more"), &all());
        assert!(choice.users.len() <= USERS_MAX / 2 + 1);
        assert!(choice.users.contains_key(&(USERS_MAX - 1).to_string()));
    }
}
