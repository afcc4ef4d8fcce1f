//! Whatever bytes come, a device changes by a request that was answered with `errno=0` and by no other.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::io::AsyncWriteExt as _;
use tokio::runtime::{Builder, Runtime};

use crate::tunnel::Tunnel;

const VALID: &str = "set=1\n\
    private_key=e84b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a\n\
    replace_peers=true\n\
    public_key=b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33\n\
    preshared_key=188515093e952f5f22e865cef3012e72f8b5f0b598ac0309d5dacce3b70fcf52\n\
    endpoint=[abcd:23::33]:51820\n\
    replace_allowed_ips=true\n\
    allowed_ip=192.168.4.4/32\n\n";

/// A valid request with some bytes changed, taken out or put in, or any bytes at all.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let place = any::<prop::sample::Index>();
    let edit = (place, any::<u8>(), 0..3_usize);
    let edited = prop::collection::vec(edit, 0..4).prop_map(|edits| {
        let mut request = VALID.as_bytes().to_vec();
        for (place, byte, removed) in edits {
            let start = place.index(request.len());
            let end = (start + removed).min(request.len());
            request.splice(start..end, [byte]);
        }
        request
    });
    prop_oneof![3 => edited, 1 => prop::collection::vec(any::<u8>(), 0..600)]
}

/// Sends `request` and the end; returns all answers.
async fn send(tunnel: &Tunnel, request: &[u8]) -> String {
    let mut client = tunnel.client().await;
    client.0.write_all(request).await.unwrap();
    client.0.shutdown().await.unwrap();
    client.rest().await
}

fn check(runtime: &Runtime, request: &[u8]) {
    runtime.block_on(async {
        let tunnel = Tunnel::start();
        let before = tunnel.get().await;
        let answers = send(&tunnel, request).await;
        let after = tunnel.get().await;
        if !answers.contains("errno=0\n") {
            assert_eq!(after, before);
        }
        assert!(after.ends_with("errno=0\n\n"), "the interface lives");
        tunnel.handle.stop().await.unwrap();
    });
}

#[test]
fn no_bytes_change_a_device_unless_they_are_a_valid_request() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let config = Config {
        cases: 200,
        failure_persistence: None,
        max_shrink_iters: 50,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    let outcome = runner.run(&request(), |request| {
        check(&runtime, &request);
        Ok(())
    });
    outcome.unwrap();
    check(&runtime, VALID.as_bytes());
}
