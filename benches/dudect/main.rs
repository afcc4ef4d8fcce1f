//! Whether what handles secrets takes the same time for all of them.
//!
//! The method is dudect's: an operation is timed on inputs of two classes in random order, the one
//! class always the same input, the other a random one each time; Welch's t-test says whether the two
//! lists of times differ in their mean. Long times are mostly interrupts, so the test is repeated with
//! the longest cut off, at a hundred thresholds, and the greatest |t| counts. Beyond 5 the times
//! differ almost surely. A comparison that stops at the first difference is measured as well, and
//! must be found out.
//!
//! Source: O. Reparaz, J. Balasch, I. Verbauwhede: Dude, is my code constant time? (2017).
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a harness reports on the terminal")]

mod batches;
mod t_test;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use getrandom::SysRng;
use rand_core::UnwrapErr;
use t_test::CroppedTests;
use wirecraft_benches::session;
use wirecraft_noise_handshake::{
    CookieSecret, LocalStatic, PresharedKey, PrivateKey, RemoteStatic,
};
use wirecraft_wire_format::{Counter, HandshakeMessage, Index, Initiation, TAG_LEN};

/// How far from zero t may be by chance.
const T_MAX: f64 = 5.0;

/// Inputs that are prepared together, then measured.
const ROUND: usize = 10_000;

const SAMPLES_DEFAULT: usize = 1_000_000;

/// Which of the two lists of times a sample belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Fixed,
    Random,
}

/// Random numbers for the choice of classes and for inputs: SplitMix64.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn class(&mut self) -> Class {
        match self.next() & 1 {
            0 => Class::Fixed,
            _ => Class::Random,
        }
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next().to_le_bytes()[0])
    }

    /// Sixteen or 32 bytes that differ from `right`: in the last place only, or at random.
    fn wrong<const N: usize>(&mut self, class: Class, right: &[u8; N]) -> [u8; N] {
        match class {
            Class::Fixed => {
                let mut wrong = *right;
                wrong[N - 1] ^= 1;
                wrong
            }
            Class::Random => self.bytes(),
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let samples = match arguments.as_slice() {
        [] => SAMPLES_DEFAULT,
        [option, number] if option == "--samples" => match number.parse() {
            Ok(number) => number,
            Err(_) => return usage(),
        },
        _ => return usage(),
    };
    let mut harness = Harness {
        samples,
        draws: Draws(1),
        all_as_expected: true,
    };
    macs(&mut harness);
    tags(&mut harness);
    batches::all(&mut harness);
    keys(&mut harness);
    control(&mut harness);
    if harness.all_as_expected {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn usage() -> ExitCode {
    println!("Usage: dudect [--samples N]");
    ExitCode::from(2)
}

struct Harness {
    samples: usize,
    draws: Draws,
    all_as_expected: bool,
}

impl Harness {
    /// Measures an operation that must take the same time for both classes.
    fn constant<I: Copy>(
        &mut self,
        name: &str,
        repeat: usize,
        prepare: impl FnMut(&mut Draws, Class) -> I,
        run: impl FnMut(&I),
    ) {
        let t = self.measure(repeat, prepare, run);
        self.report(name, t, t < T_MAX);
    }

    /// Measures an operation that is known to leak.
    fn leaking<I: Copy>(
        &mut self,
        name: &str,
        repeat: usize,
        prepare: impl FnMut(&mut Draws, Class) -> I,
        run: impl FnMut(&I),
    ) {
        let t = self.measure(repeat, prepare, run);
        self.report(name, t, t > T_MAX);
    }

    fn report(&mut self, name: &str, t: f64, is_as_expected: bool) {
        let verdict = if is_as_expected { "ok" } else { "FAILED" };
        println!(
            "{name:40} max |t| = {t:8.2}  {} samples  {verdict}",
            self.samples
        );
        self.all_as_expected &= is_as_expected;
    }

    /// The greatest |t|; a sample is `repeat` runs on one input.
    #[expect(clippy::disallowed_methods, reason = "times are what is measured")]
    fn measure<I: Copy>(
        &mut self,
        repeat: usize,
        mut prepare: impl FnMut(&mut Draws, Class) -> I,
        mut run: impl FnMut(&I),
    ) -> f64 {
        let mut tests: Option<CroppedTests> = None;
        let mut measured = 0;
        while measured < self.samples {
            let inputs: Vec<(Class, I)> = (0..ROUND)
                .map(|_| {
                    let class = self.draws.class();
                    (class, prepare(&mut self.draws, class))
                })
                .collect();
            let times: Vec<u64> = inputs
                .iter()
                .map(|(_, input)| {
                    let input = black_box(*input);
                    let start = Instant::now();
                    for _ in 0..repeat {
                        run(black_box(&input));
                    }
                    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
                })
                .collect();
            // The first round warms up and tells what times are long.
            let Some(tests) = &mut tests else {
                tests = Some(CroppedTests::new(&times));
                continue;
            };
            for ((class, _), time) in inputs.iter().zip(times) {
                tests.add(*class, time);
            }
            measured += ROUND;
        }
        tests.map_or(0.0, |tests| tests.greatest())
    }
}

fn macs(harness: &mut Harness) {
    let mut rng = UnwrapErr(SysRng);
    let responder = LocalStatic::new(PrivateKey::generate(&mut rng));
    let initiator = LocalStatic::new(PrivateKey::generate(&mut rng));
    let remote = RemoteStatic::new(&initiator, *responder.public_key()).expect("a good key");
    let source = ([192, 0, 2, 1], 51820).into();
    let cookie = CookieSecret::generate(&mut rng).cookie(source);
    let mut message = Initiation::new(Index::new(1));
    remote.stamp(&mut message, Some(&cookie));
    let (mac1, mac2) = (*message.mac1(), *message.mac2());

    let with_wrong = |mac| move |draws: &mut Draws, class| draws.wrong(class, mac);
    let mut received = message.clone();
    harness.constant("mac1", 4, with_wrong(&mac1), |mac| {
        received.set_mac1(*mac);
        assert!(black_box(responder.verify_mac1(&received)).is_err());
    });
    let mut received = message.clone();
    harness.constant("mac2", 4, with_wrong(&mac2), |mac| {
        received.set_mac2(*mac);
        assert!(black_box(cookie.verify_mac2(&received)).is_err());
    });

    let index = Index::new(2);
    let last_mac1 = remote.stamp(&mut message, None);
    let reply = responder.seal_cookie_reply(index, last_mac1.as_bytes(), &cookie, &mut rng);
    let (_, tag) = reply.encrypted_cookie.split_last_chunk().expect("a tag");
    harness.constant("tag of a cookie reply", 4, with_wrong(tag), |tag| {
        let mut received = reply.clone();
        received.encrypted_cookie[16..].copy_from_slice(tag);
        assert!(black_box(remote.open_cookie_reply(&received, &last_mac1)).is_err());
    });
}

fn tags(harness: &mut Harness) {
    let (sender, receiver) = session();
    let counter = Counter::new(0);
    let mut sealed = [0x5a; 64 + TAG_LEN];
    sender.sealing.seal(counter, &mut sealed);
    let (_, tag) = sealed.split_last_chunk::<TAG_LEN>().expect("a tag");

    let with_wrong_tag = |draws: &mut Draws, class| draws.wrong(class, tag);
    harness.constant("tag of transport data", 4, with_wrong_tag, |tag| {
        let mut message = sealed;
        message[64..].copy_from_slice(tag);
        assert!(black_box(receiver.opening.open(counter, &mut message)).is_err());
    });
}

fn keys(harness: &mut Harness) {
    let bytes = [0x5a; 32];
    let own = PresharedKey::from_bytes(bytes);
    let with_wrong = |draws: &mut Draws, class| draws.wrong(class, &bytes);
    harness.constant("equality of preshared keys", 32, with_wrong, |other| {
        assert!(black_box(own != PresharedKey::from_bytes(*other)));
    });
    let own = PrivateKey::from_bytes(bytes);
    harness.constant("equality of private keys", 32, with_wrong, |other| {
        assert!(black_box(own != PrivateKey::from_bytes(*other)));
    });

    let text = |draws: &mut Draws, class| -> [u8; 44] {
        let key = match class {
            Class::Fixed => bytes,
            Class::Random => draws.bytes(),
        };
        let text = PrivateKey::from_bytes(key).to_base64();
        *text
            .as_str()
            .as_bytes()
            .first_chunk()
            .expect("44 characters")
    };
    harness.constant("private key from base64", 8, text, |text| {
        let text = str::from_utf8(text).expect("base64 is ASCII");
        assert!(black_box(text.parse::<PrivateKey>()).is_ok());
    });
    let key = |draws: &mut Draws, class| match class {
        Class::Fixed => bytes,
        Class::Random => draws.bytes(),
    };
    harness.constant("preshared key to base64", 8, key, |key| {
        black_box(PresharedKey::from_bytes(*key).to_base64());
    });
}

/// What must be found out, or nothing above says anything.
fn control(harness: &mut Harness) {
    let right = [0x5a; 32];
    let with_wrong = |draws: &mut Draws, class| draws.wrong(class, &right);
    harness.leaking(
        "control: comparison that stops early",
        32,
        with_wrong,
        |other| {
            let is_same = |(one, other): (&u8, &u8)| black_box(*one) == *other;
            assert!(!black_box(right.iter().zip(other).all(is_same)));
        },
    );
}
