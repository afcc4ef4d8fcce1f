//! What an arena says of the room it has is true.

use wirecraft_tunnel::{Arena, Deadline, DeadlineReason};

use crate::world::{ALICE, BOB, MTU, World};

#[test]
fn a_packet_of_the_remaining_length_fits_and_one_a_block_longer_does_not() {
    for capacity_len in [47, 48, 100, 1000, 1500, 1501, 3000] {
        for packets in 0..3 {
            let mut arena = Arena::new(capacity_len, MTU);
            for _ in 0..packets {
                // In a small arena they do not fit, which is as good.
                let _ = arena.push(&[1; 20]);
            }
            let remaining_len = arena.remaining_len();
            let mut longer = arena_like(&arena, capacity_len);
            if remaining_len > 0 {
                arena.push(&vec![2; remaining_len]).unwrap();
            }
            assert!(longer.push(&vec![2; remaining_len + 16]).is_err());
        }
    }
}

/// An arena with as many packets of 20 bytes.
fn arena_like(other: &Arena, capacity_len: usize) -> Arena {
    let mut arena = Arena::new(capacity_len, MTU);
    for _ in 0..other.len() {
        arena.push(&[1; 20]).expect("it fitted before");
    }
    arena
}

#[test]
fn an_arena_is_empty_until_it_holds_a_packet_and_when_it_was_cleared() {
    let mut arena = Arena::new(1000, 1300);
    assert!(arena.is_empty());
    assert_eq!(arena.mtu(), 1300);
    arena.push(&[1; 20]).unwrap();
    assert!(!arena.is_empty());
    arena.clear();
    assert!(arena.is_empty());
}

#[test]
fn a_handshake_message_that_waits_is_to_be_processed_at_once() {
    let mut world = World::pair();
    world.start_handshake(ALICE, BOB);
    let initiation = world.intercept_one();
    world.deliver(&initiation).unwrap();

    let now = wirecraft_time::Instant::ORIGIN;
    let expected = Deadline {
        at: now,
        reason: DeadlineReason::Handshakes,
    };
    assert_eq!(world.device(BOB).poll_timeout(), Some(expected));
}
