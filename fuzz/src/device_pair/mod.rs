//! Two devices, a network that does anything to what they send, and a plain model of what must hold.
//!
//! - What is delivered was sent by the other side, comes from the peer with its key, and comes once.
//! - No receiver index and counter are sealed twice; no datagram that was changed is delivered.
//! - A side that is halted sends nothing.
//! - A packet goes to the peer that has the longest prefix of its destination.
//! - Every table is within its bounds, and a timer that was handled lies in the future.
//! - Once configurations match and the network is clean, both sides reach each other in time.

mod model;
mod pair;
mod side;

use core::time::Duration;

use crate::input::Input;
use pair::Pair;
use side::Setting;

/// The most things that one input does.
const ACTIONS_MAX: usize = 96;

/// How far the clock is moved at a time, in milliseconds: around the constants of the protocol.
const STEPS: [u64; 16] = [
    1, 19, 333, 1000, 4999, 5000, 5334, 10_000, 15_000, 15_334, 25_000, 90_000, 120_000, 165_000,
    180_000, 540_000,
];

/// Any order of traffic, faults and changes keeps the promises of a device.
pub fn device_pair(input: &[u8]) {
    let mut input = Input::new(input);
    let mut pair = Pair::new();
    if input.choice(2) == 0 {
        pair.connect();
    }
    for _ in 0..ACTIONS_MAX {
        if input.is_empty() {
            break;
        }
        act(&mut pair, &mut input);
        pair.check();
    }
    pair.heal();
}

fn act(pair: &mut Pair, input: &mut Input<'_>) {
    let [action, detail] = input.array();
    let side = usize::from(detail & 1);
    let number = usize::from(detail >> 1);
    match action % 20 {
        0..=2 => {
            pair.send(side, 1, number);
        }
        3 => {
            pair.send(side, number, 20);
        }
        4..=6 => pair.deliver(number, side == 1),
        7 => pair.settle(),
        8 => pair.lose(number),
        9 => pair.duplicate(number),
        10 => pair.reorder(number),
        11 => pair.corrupt(number, input),
        12 => pair.deliver_from_elsewhere(number, side == 1),
        13 | 14 => pair.advance(step(number)),
        15 => pair.sleep(step(number)),
        16 => pair.handle_timeout(side),
        17 => pair.process_handshakes(side, number),
        18 => configure(pair, side, number, input),
        _ => disturb(pair, side, number),
    }
}

fn step(number: usize) -> Duration {
    Duration::from_millis(STEPS[number % STEPS.len()])
}

/// Changes the configuration of a side, as whoever runs it might.
fn configure(pair: &mut Pair, side: usize, number: usize, input: &mut Input<'_>) {
    let choice = input.byte();
    let setting = match number % 12 {
        0 => Setting::Endpoint(choice % 4),
        1 => Setting::PresharedKey(choice % 2),
        2 => Setting::Keepalive(choice),
        3 => Setting::AllowedIps(choice % 4),
        4 => Setting::PrivateKey(choice % 3),
        5 => Setting::RemovePeer(choice % 2),
        6 => Setting::AddPeer(choice % 2),
        7 => Setting::Roaming(choice % 2),
        8 => Setting::CancelHandshake(choice % 2),
        9 => Setting::RemoveAllowedIp(choice % 3),
        10 => Setting::ReplacePeers(choice),
        _ => Setting::StartHandshake(choice % 2),
    };
    pair.configure(side, setting);
}

/// What happens to a machine rather than to its network.
fn disturb(pair: &mut Pair, side: usize, number: usize) {
    match number % 9 {
        0 => pair.restart(side),
        1 => pair.step_wall_clock(side, Duration::ZERO),
        2 => pair.step_wall_clock(side, Duration::from_secs(86_400)),
        3 => pair.step_wall_clock(side, Duration::from_secs(2 * 86_400)),
        4 => pair.move_house(side),
        5 => pair.suspend(side),
        6 => pair.halt(side),
        7 => pair.resume(side),
        _ => pair.forget_local_addresses(side),
    }
}
