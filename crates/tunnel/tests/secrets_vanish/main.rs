//! Keys that are no longer needed are nowhere in the memory of the process: not in the heap, not in
//! a stack frame that a function left behind.
//!
//! Each situation is played twice. The test plays it to see the messages, and computes from them and
//! from the private keys every secret of the handshakes ([`needles`]). Then it starts itself again: the
//! second process plays the same scene with the same random numbers and looks for these secrets in
//! its own memory ([`memory`]), where it may find those that are in use and no others. What it looks
//! for it knows only in a disguise, so that it does not find its own list.
#![cfg(target_os = "linux")]

mod memory;
mod needles;
mod scene;

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use memory::Needle;
use needles::Group;
use scene::{MTU, Observer, Scene};
use wirecraft_noise_handshake::wipe_stack_after;
use wirecraft_tunnel::AeadPath;

/// Set in the process that looks for secrets.
const IS_SEARCHER: &str = "WIRECRAFT_TEST_SEARCHES_ITS_MEMORY";

const MINUTE: Duration = Duration::from_secs(60);

/// When the keys of a session are to be gone: three times `REJECT_AFTER_TIME`.
const EXPIRY: Duration = Duration::from_secs(540);

/// Plays `situation`, which is to be named like the test, in this process and in one that searches.
fn play(test: &str, situation: fn(&mut Scene)) {
    if std::env::var_os(IS_SEARCHER).is_some() {
        let mut list = String::new();
        std::io::stdin()
            .read_to_string(&mut list)
            .expect("the list is text");
        let needles = list.lines().map(Needle::parse).collect();
        situation(&mut Scene::new(Observer::Searcher(needles)));
        return;
    }
    let mut scene = Scene::new(Observer::Recorder(Vec::new()));
    situation(&mut scene);
    let Observer::Recorder(messages) = scene.into_observer() else {
        unreachable!("the observer is the one that was put in");
    };
    search_in_another_process(test, &needles::of(&messages));
}

fn search_in_another_process(test: &str, needles: &[Needle]) {
    let list: String = needles.iter().map(|needle| format!("{needle}\n")).collect();
    let mut searcher = Command::new(std::env::current_exe().expect("the test is a program"))
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(IS_SEARCHER, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs twice");
    searcher
        .stdin
        .take()
        .expect("the pipe was asked for")
        .write_all(list.as_bytes())
        .expect("the searcher reads its list");
    let output = searcher.wait_with_output().expect("the searcher ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("1 passed"),
        "{said}"
    );
}

#[test]
fn the_search_finds_what_lies_on_the_stack_and_in_the_heap() {
    let pattern = |byte: usize| u8::try_from(byte * 7 + 100).unwrap();
    let masked: Vec<u8> = (0..16).map(|byte| pattern(byte) ^ memory::MASK).collect();
    let needle = Needle::new(Group::Psk, "pattern", masked.try_into().unwrap());
    assert_eq!(memory::search(std::slice::from_ref(&needle)), []);

    let mut heap: Vec<u8> = (0..16).map(pattern).collect();
    let in_heap = memory::search(std::slice::from_ref(&needle));
    assert_eq!(in_heap.len(), 1, "{in_heap:?}");

    // The array is copied on its way here, so that it may lie in several places.
    let mut stack: [u8; 16] = std::array::from_fn(pattern);
    let in_both = memory::search(std::slice::from_ref(&needle));
    assert!(in_both.len() > in_heap.len(), "{in_both:?}");

    let others = in_both.len();
    std::hint::black_box(heap.as_mut_slice()).fill(0);
    std::hint::black_box(&mut stack).fill(0);
    assert!(memory::search(std::slice::from_ref(&needle)).len() <= others - 2);
}

#[test]
fn what_a_handshake_needed_is_gone_when_it_is_done() {
    play("what_a_handshake_needed_is_gone_when_it_is_done", |scene| {
        scene.check(
            "configured",
            &[Group::Statics, Group::Psk, Group::StaticStatic],
        );
        scene.start_handshake();
        scene.check(
            "initiation made",
            &[
                Group::Statics,
                Group::Psk,
                Group::StaticStatic,
                Group::Attempt(0),
            ],
        );
        scene.exchange();
        scene.check(
            "session made",
            &[
                Group::Statics,
                Group::Psk,
                Group::StaticStatic,
                Group::Session(0),
            ],
        );
    });
}

#[test]
fn session_keys_are_gone_after_540_seconds() {
    play("session_keys_are_gone_after_540_seconds", |scene| {
        scene.start_handshake();
        scene.exchange();
        scene.send_data();
        scene.advance(EXPIRY - Duration::from_secs(1));
        scene.check(
            "not expired yet",
            &[
                Group::Statics,
                Group::Psk,
                Group::StaticStatic,
                Group::Session(0),
            ],
        );
        scene.advance(Duration::from_secs(1));
        scene.check(
            "expired",
            &[Group::Statics, Group::Psk, Group::StaticStatic],
        );
    });
}

/// Makes a session whose batches `path` works on, and sends one of packets of `len` bytes.
fn send_batch(scene: &mut Scene, path: AeadPath, len: usize) {
    scene.work_by(path);
    scene.start_handshake();
    scene.exchange();
    scene.send_batch_with_a_forgery(len);
}

/// What is in use while there is a session.
const SESSION: [Group; 4] = [
    Group::Statics,
    Group::Psk,
    Group::StaticStatic,
    Group::Session(0),
];

#[test]
fn what_a_batch_needed_is_gone_when_avx512_has_done_it() {
    let test = "what_a_batch_needed_is_gone_when_avx512_has_done_it";
    play(test, |scene| {
        send_batch(scene, AeadPath::Avx512, MTU);
        if AeadPath::Avx512.is_available() {
            scene.check("batch done", &SESSION);
        }
    });
}

#[test]
fn what_a_batch_needed_is_gone_when_avx2_has_done_it() {
    let test = "what_a_batch_needed_is_gone_when_avx2_has_done_it";
    play(test, |scene| {
        // Longer packets are the library's. There are 32 halves of one-time keys, and as many blocks.
        const SPILLED: usize = 4;
        send_batch(scene, AeadPath::Avx2, 64);
        if AeadPath::Avx2.is_available() {
            scene.check_but_spilled("batch done", &SESSION, SPILLED);
        }
        scene.advance(EXPIRY);
        scene.check("expired", &SESSION[..3]);
    });
}

/// The library leaves the end of a one-time key and a block of key stream on the stack.
#[test]
fn what_a_batch_needed_by_the_library_is_gone_with_its_session() {
    let test = "what_a_batch_needed_by_the_library_is_gone_with_its_session";
    play(test, |scene| {
        send_batch(scene, AeadPath::Single, MTU);
        scene.advance(EXPIRY);
        scene.check("expired", &SESSION[..3]);
    });
}

#[test]
fn session_keys_are_gone_when_two_younger_sessions_were_made() {
    play(
        "session_keys_are_gone_when_two_younger_sessions_were_made",
        |scene| {
            let configured = [Group::Statics, Group::Psk, Group::StaticStatic];
            scene.start_handshake();
            scene.exchange();
            scene.advance(MINUTE);
            scene.start_handshake();
            scene.exchange();
            let sessions = [Group::Session(0), Group::Session(1)];
            scene.check("one renewal", &[&configured[..], &sessions].concat());
            scene.advance(MINUTE);
            scene.start_handshake();
            scene.exchange();
            let sessions = [Group::Session(1), Group::Session(2)];
            scene.check("two renewals", &[&configured[..], &sessions].concat());
        },
    );
}

#[test]
fn attempts_are_gone_when_they_are_repeated_and_given_up() {
    play(
        "attempts_are_gone_when_they_are_repeated_and_given_up",
        |scene| {
            let configured = [Group::Statics, Group::Psk, Group::StaticStatic];
            scene.cut_the_network();
            scene.start_handshake();
            scene.check("attempt", &[&configured[..], &[Group::Attempt(0)]].concat());
            scene.advance(Duration::from_secs(6));
            scene.check(
                "repeated",
                &[&configured[..], &[Group::Attempt(1)]].concat(),
            );
            scene.advance(2 * MINUTE);
            scene.check("given up", &configured);
        },
    );
}

#[test]
fn everything_of_a_peer_is_gone_when_it_is_removed() {
    play("everything_of_a_peer_is_gone_when_it_is_removed", |scene| {
        scene.start_handshake();
        scene.exchange();
        scene.advance(MINUTE);
        scene.start_handshake();
        scene.check(
            "session and attempt",
            &[
                Group::Statics,
                Group::Psk,
                Group::StaticStatic,
                Group::Session(0),
                Group::Attempt(1),
            ],
        );
        scene.remove_peers();
        scene.check("removed", &[Group::Statics]);
    });
}

#[test]
fn a_replaced_preshared_key_is_gone() {
    play("a_replaced_preshared_key_is_gone", |scene| {
        scene.check("set", &[Group::Statics, Group::Psk, Group::StaticStatic]);
        scene.replace_preshared_key();
        scene.check("replaced", &[Group::Statics, Group::StaticStatic]);
    });
}

#[test]
fn a_replaced_private_key_is_gone_and_its_sessions_when_they_expire() {
    play(
        "a_replaced_private_key_is_gone_and_its_sessions_when_they_expire",
        |scene| {
            scene.start_handshake();
            scene.exchange();
            scene.advance(MINUTE);
            scene.start_handshake();
            scene.replace_private_keys();
            scene.check(
                "replaced",
                &[Group::Psk, Group::Session(0), Group::NewStatics],
            );
            scene.advance(EXPIRY);
            scene.check("expired", &[Group::Psk, Group::NewStatics]);
        },
    );
}

#[test]
fn everything_is_gone_when_the_device_is_dropped() {
    play("everything_is_gone_when_the_device_is_dropped", |scene| {
        scene.start_handshake();
        scene.exchange();
        scene.advance(MINUTE);
        scene.start_handshake();
        scene.check(
            "in use",
            &[
                Group::Statics,
                Group::Psk,
                Group::StaticStatic,
                Group::Session(0),
                Group::Attempt(1),
            ],
        );
        scene.drop_devices();
        scene.check("dropped", &[]);
    });
}

#[test]
fn keys_that_came_as_a_change_are_gone_when_another_replaces_them() {
    let test = "keys_that_came_as_a_change_are_gone_when_another_replaces_them";
    play(test, |scene| {
        // What is in the frames of the test itself is its own business.
        wipe_stack_after(|| scene.apply_new_keys());
        scene.check("new keys", &[Group::NewStatics]);
        scene.apply_no_peers();
        scene.check("no peers", &[Group::NewStatics]);
    });
}

#[test]
fn session_keys_are_gone_after_a_suspend() {
    play("session_keys_are_gone_after_a_suspend", |scene| {
        let configured = [Group::Statics, Group::Psk, Group::StaticStatic];
        scene.start_handshake();
        scene.exchange();
        scene.advance(MINUTE);
        scene.check("in use", &[&configured[..], &[Group::Session(0)]].concat());
        scene.suspend();
        scene.check("resumed", &[&configured[..], &[Group::Attempt(1)]].concat());
    });
}
