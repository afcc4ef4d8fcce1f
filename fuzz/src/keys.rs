//! Keys as text, and timestamps as bytes.

use core::time::Duration;

use wirecraft_noise_handshake::{KeyError, PresharedKey, PrivateKey, PublicKey, Tai64N};

use crate::input::Input;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A text is a key exactly if a plain reader of base64 says so, and every key reads its own text.
pub fn key_text(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let expected = decode(text.as_bytes());
    let public = text.parse::<PublicKey>();
    let preshared = text.parse::<PresharedKey>();
    let private = text.parse::<PrivateKey>();
    assert_eq!(public.map(|key| *key.as_bytes()).ok(), expected);
    assert_eq!(preshared.clone().map(|key| *key.as_bytes()).ok(), expected);
    assert_eq!(private.is_ok(), expected.is_some());
    if let Err(error) = public {
        assert_eq!(
            error == (KeyError::Length { len: text.len() }),
            text.len() != 44
        );
        return;
    }
    let (Ok(public), Ok(preshared), Ok(private)) = (public, preshared, private) else {
        return;
    };
    assert_eq!(public.to_string(), text, "a key has one text");
    assert_eq!(preshared.to_base64().as_str(), text, "a key has one text");
    let clamped = private.to_base64();
    assert_eq!(
        clamped.as_str().parse(),
        Ok(private),
        "clamping is done once"
    );
    let hidden = format!("{preshared:?}{:?}", clamped.as_str().parse::<PrivateKey>());
    assert!(!hidden.contains(&*text) && !hidden.contains(clamped.as_str()));
}

/// The plain form of RFC 4648 §4 for 32 bytes: 43 digits of 6 bits, of which the last 2 are zero.
fn decode(text: &[u8]) -> Option<[u8; 32]> {
    let [digits @ .., b'='] = text else {
        return None;
    };
    let mut bytes = Vec::with_capacity(33);
    let mut bits = 0_u32;
    let mut bit_count = 0;
    for digit in digits {
        let value = DIGITS.iter().position(|known| known == digit)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        bit_count += 6;
        if bit_count >= 8 {
            bit_count -= 8;
            bytes.push(u8::try_from(bits >> bit_count).ok()?);
            bits &= (1 << bit_count) - 1;
        }
    }
    (digits.len() == 43 && bits == 0).then_some(())?;
    bytes.try_into().ok()
}

/// Timestamps are ordered as the times they were made of, and `next` is always later.
pub fn tai64n(input: &[u8]) {
    let mut input = Input::new(input);
    let label = Tai64N::from_bytes(input.array());
    assert_eq!(Tai64N::from_bytes(label.to_bytes()), label);
    assert_next_is_later(label);

    let [one, other] = [(); 2].map(|()| {
        let (high, low) = (u64::from(input.long()), u64::from(input.long()));
        Duration::new(high << 32 | low, input.long() % 1_000_000_000)
    });
    let (first, last) = (one.min(other), one.max(other));
    let (early, late) = (Tai64N::from_unix(first), Tai64N::from_unix(last));
    assert!(early <= late, "{first:?} is not after {last:?}");
    assert_next_is_later(early);
    // Labels end 2^62 s before durations do; a tick is 2^24 ns, and the last of a second is shorter.
    let is_in_range = last.as_secs() < u64::MAX - (1 << 62) - 10;
    let tick = Duration::from_nanos(1 << 24);
    if is_in_range && last - first >= tick {
        assert!(early < late, "times a tick apart have labels of their own");
    }
    if is_in_range && early < late {
        assert!(
            early.next() <= late,
            "no label lies between one and its next"
        );
    }
}

fn assert_next_is_later(label: Tai64N) {
    let next = label.next();
    let is_last = label.to_bytes()[..8] == [0xff; 8];
    assert!(next > label || is_last && next == label, "{label:?}");
}
