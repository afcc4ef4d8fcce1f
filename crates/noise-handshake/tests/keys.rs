//! Keys as a person writes and sees them.

use chacha20::ChaCha8Rng;
use rand_core::SeedableRng;
use wirecraft_noise_handshake::{
    CookieSecret, KeyError, LocalStatic, PresharedKey, PrivateKey, PublicKey, RemoteStatic,
};

/// A private key as somebody may have written it, the same after clamping, and its public key.
/// Origin: `wg pubkey` of wireguard-tools 1.0.
const UNCLAMPED: &str = "jSdksEwjcWURBTZSn1Q3IyqOwptkMFLTE+rvtAs6qG0=";
const CLAMPED: &str = "iCdksEwjcWURBTZSn1Q3IyqOwptkMFLTE+rvtAs6qG0=";
const PUBLIC: &str = "64k+EQY87dezXE2KFeyO10+Tev++c7Q1WS5RDYTJjmo=";

fn refused(text: &str) -> KeyError {
    let error = text.parse::<PublicKey>().expect_err("no key");
    assert_eq!(text.parse::<PrivateKey>(), Err(error));
    assert_eq!(text.parse::<PresharedKey>(), Err(error));
    error
}

#[test]
fn public_key_is_the_one_that_wg_computes() {
    for text in [UNCLAMPED, CLAMPED] {
        let private_key: PrivateKey = text.parse().unwrap();
        assert_eq!(private_key.public_key().to_string(), PUBLIC);
    }
}

#[test]
fn private_key_is_clamped_when_made() {
    let unclamped: PrivateKey = UNCLAMPED.parse().unwrap();
    assert_eq!(unclamped, CLAMPED.parse().unwrap());
    assert_eq!(unclamped.to_base64().as_str(), CLAMPED);

    let lowest = PrivateKey::from_bytes([0; 32]);
    assert_eq!(lowest.as_bytes()[..], [&[0; 31][..], &[0x40]].concat());
    let highest = PrivateKey::from_bytes([0xff; 32]);
    assert_eq!(
        highest.as_bytes()[..],
        [&[0xf8][..], &[0xff; 30], &[0x7f]].concat()
    );
}

#[test]
fn generated_private_keys_are_clamped_and_differ() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let first = PrivateKey::generate(&mut rng);
    assert_eq!(first, PrivateKey::from_bytes(*first.as_bytes()));
    assert_ne!(first, PrivateKey::generate(&mut rng));
}

#[test]
fn public_and_preshared_keys_keep_every_bit() {
    for text in [UNCLAMPED, CLAMPED, PUBLIC] {
        assert_eq!(text.parse::<PublicKey>().unwrap().to_string(), text);
        assert_eq!(
            text.parse::<PresharedKey>().unwrap().to_base64().as_str(),
            text
        );
    }
    let bytes = core::array::from_fn(|i| i.to_le_bytes()[0]);
    assert_eq!(PublicKey::from_bytes(bytes).as_bytes(), &bytes);
    assert_eq!(PresharedKey::from_bytes(bytes).as_bytes(), &bytes);
}

#[test]
fn key_of_another_length_is_refused() {
    for len in (0..100).filter(|&len| len != 44) {
        assert_eq!(refused(&"A".repeat(len)), KeyError::Length { len });
    }
    assert_eq!(
        refused(&format!("{PUBLIC}\n")),
        KeyError::Length { len: 45 }
    );
}

#[test]
fn key_that_is_not_strict_base64_is_refused() {
    let body = &PUBLIC[..41];
    for end in ["jm1", "===", "j==", "w==", "jmo", "j-=", "j_=", "j =", "é="] {
        let text = format!("{body}{end}");
        assert_eq!(text.len(), 44);
        assert_eq!(refused(&text), KeyError::Encoding, "{text}");
    }
    // The last digit carries four bits: the two others must be zero, as `wg` demands.
    assert_eq!(refused(&PUBLIC.replace("jmo=", "jmp=")), KeyError::Encoding);
    assert_eq!(refused(&format!("={}", &PUBLIC[..43])), KeyError::Encoding);
}

#[test]
fn absent_preshared_key_is_zero() {
    assert_eq!(PresharedKey::ZERO.as_bytes(), &[0; 32]);
    assert_eq!(PresharedKey::default(), PresharedKey::ZERO);
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    assert_ne!(PresharedKey::generate(&mut rng), PresharedKey::ZERO);
}

#[test]
fn public_keys_are_ordered_by_bytes() {
    let mut larger = [0; 32];
    larger[0] = 1;
    let mut smaller = [0xff; 32];
    smaller[0] = 0;
    assert!(PublicKey::from_bytes(larger) > PublicKey::from_bytes(smaller));
}

#[test]
fn debug_shows_public_keys_and_no_secret() {
    let private_key: PrivateKey = UNCLAMPED.parse().unwrap();
    let local = LocalStatic::new(private_key.clone());
    let public_key: PublicKey = CLAMPED.parse().unwrap();
    let remote = RemoteStatic::new(&local, public_key).unwrap();
    let psk: PresharedKey = UNCLAMPED.parse().unwrap();
    let secret = CookieSecret::generate(&mut ChaCha8Rng::seed_from_u64(3));
    let cookie = secret.cookie("192.0.2.1:1".parse().unwrap());

    assert_eq!(format!("{private_key:?}"), "PrivateKey(..)");
    assert_eq!(format!("{:?}", private_key.to_base64()), "KeyText(..)");
    assert_eq!(format!("{psk:?}"), "PresharedKey(..)");
    assert_eq!(
        format!("{secret:?} {cookie:?}"),
        "CookieSecret(..) Cookie(..)"
    );
    assert_eq!(format!("{public_key:?}"), CLAMPED);
    let local_text = format!(
        "LocalStatic {{ private_key: PrivateKey(..), scalar: Scalar(..), derived: {PUBLIC} }}"
    );
    assert_eq!(format!("{local:?}"), local_text);
    let remote_text = format!("RemoteStatic {{ static_static: Secret(..), derived: {CLAMPED} }}");
    assert_eq!(format!("{remote:?}"), remote_text);
}

#[test]
fn display_of_a_public_key_can_be_aligned() {
    let public_key: PublicKey = PUBLIC.parse().unwrap();
    assert_eq!(format!("{public_key:>46}"), format!("  {PUBLIC}"));
    assert_eq!(format!("{public_key:.8}"), PUBLIC[..8]);
}
