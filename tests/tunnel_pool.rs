//! Five exits in one pool, of which one dies and comes back.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::future::Future;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};
use wirecraft::config::{Config, Endpoint, PeerConfig};
use wirecraft::{ExitState, PoolOptions, PrivateKey, Rotation, SystemEntropy, Tunnel, TunnelPool};

const NAMES: [&str; 5] = ["athens", "berlin", "cairo", "dublin", "erfurt"];

/// The exit that dies, by its place.
const MORTAL: usize = 2;

/// Each connection says its exit's number.
const PORT: u16 = 8000;

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(90), work)
        .await
        .expect("done before the deadline")
}

/// The far end of an exit. It is dead when this is dropped.
struct Exit {
    config: Config,
    tunnel: Option<Tunnel>,
    number: u8,
}

impl Exit {
    /// Makes keys for both ends and starts the far one; returns the configuration of the near one.
    async fn start(number: u8) -> (Self, Config) {
        let mut entropy = SystemEntropy::default();
        let [far_key, near_key] = [(); 2].map(|()| PrivateKey::generate(&mut entropy));
        let mut near = Config::new(near_key.clone());
        near.interface.addresses = vec!["10.99.0.2/24".parse().unwrap()];
        let mut far_peer = PeerConfig::new(far_key.public_key());
        far_peer.allowed_ips = vec!["10.99.0.0/24".parse().unwrap()];
        let mut far = Config::new(far_key);
        far.interface.addresses = vec!["10.99.0.1/24".parse().unwrap()];
        let mut near_peer = PeerConfig::new(near_key.public_key());
        near_peer.allowed_ips = vec!["10.99.0.2/32".parse().unwrap()];
        far.peers.push(near_peer);
        let mut exit = Self {
            config: far,
            tunnel: None,
            number,
        };
        let port = exit.revive().await;
        // It comes back where it was.
        exit.config.interface.listen_port = Some(port);
        let endpoint = std::net::SocketAddr::from(([127, 0, 0, 1], port));
        far_peer.endpoint = Some(Endpoint::Address(endpoint));
        near.peers.push(far_peer);
        (exit, near)
    }

    /// Starts the far end, on the port that it has; returns that port.
    async fn revive(&mut self) -> u16 {
        let tunnel = Tunnel::listen(self.config.clone()).await.unwrap();
        let listener = tunnel.tcp_listen(PORT).await.unwrap();
        let number = self.number;
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                // Who went away meanwhile needs no number.
                let _ = stream.write_u8(number).await;
            }
        });
        let port = tunnel.status().await.unwrap().listen_port;
        self.tunnel = Some(tunnel);
        port
    }

    async fn kill(&mut self) {
        self.tunnel.take().unwrap().close().await.unwrap();
    }
}

/// Connects through the pool; returns the number that the far end says.
async fn number(pool: &TunnelPool, user: Option<&str>) -> usize {
    let exit = in_time(pool.pick(user)).await.unwrap();
    let mut stream = in_time(exit.tunnel().tcp_connect(("10.99.0.1", PORT)))
        .await
        .unwrap();
    let number = usize::from(in_time(stream.read_u8()).await.unwrap());
    assert_eq!(exit.name(), NAMES[number], "the exit that was picked");
    number
}

/// Waits for an exit's state.
async fn wait_for(pool: &TunnelPool, place: usize, state: ExitState) {
    let reached = async {
        while pool.exits()[place].state != state {
            sleep(Duration::from_millis(20)).await;
        }
    };
    in_time(reached).await;
}

async fn started() -> (Vec<Exit>, TunnelPool) {
    let mut options = PoolOptions::default();
    options.rotation = Rotation::Connection;
    options.health.interval = Duration::from_secs(6);
    options.health.patience = Duration::from_secs(2);
    let pool = TunnelPool::new(options);
    let mut exits = Vec::new();
    for (name, number) in NAMES.iter().zip(0..) {
        let (exit, config) = Exit::start(number).await;
        pool.add(name, config).await.unwrap();
        exits.push(exit);
    }
    for place in 0..NAMES.len() {
        wait_for(&pool, place, ExitState::Up).await;
    }
    (exits, pool)
}

async fn numbers_of(pool: &TunnelPool, users: &[String]) -> Vec<usize> {
    let mut numbers = Vec::new();
    for user in users {
        numbers.push(number(pool, Some(user)).await);
    }
    numbers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_exit_gets_no_connection_and_is_taken_again_when_it_returns() {
    let (mut exits, pool) = started().await;
    let mut used = [0; NAMES.len()];
    for _ in 0..25 {
        used[number(&pool, None).await] += 1;
    }
    assert_eq!(used, [5; 5], "all five in turn");
    let users: Vec<String> = (0..20).map(|user| format!("user {user}")).collect();
    let before = numbers_of(&pool, &users).await;
    for place in 0..NAMES.len() {
        assert!(before.contains(&place), "all five have users");
    }

    exits[MORTAL].kill().await;
    wait_for(&pool, MORTAL, ExitState::Down).await;
    for _ in 0..50 {
        assert_ne!(number(&pool, None).await, MORTAL);
    }
    let meanwhile = numbers_of(&pool, &users).await;
    for (before, meanwhile) in before.iter().zip(&meanwhile) {
        assert!(before == meanwhile || *before == MORTAL, "others stay");
        assert_ne!(*meanwhile, MORTAL);
    }
    // Who pins the dead one waits for it.
    assert!(pool.try_pick(Some(NAMES[MORTAL])).unwrap().is_none());

    exits[MORTAL].revive().await;
    wait_for(&pool, MORTAL, ExitState::Up).await;
    assert_eq!(number(&pool, Some(NAMES[MORTAL])).await, MORTAL);
    let mut used = [0; NAMES.len()];
    for _ in 0..25 {
        used[number(&pool, None).await] += 1;
    }
    assert_eq!(used, [5; 5], "all five in turn again");
    assert_eq!(
        numbers_of(&pool, &users).await,
        meanwhile,
        "nobody moves back"
    );
    assert_eq!(pool.exits()[MORTAL].deaths, 1);
    assert!(pool.exits().iter().all(|exit| exit.active == 0));
    pool.close().await;
}

#[tokio::test]
async fn exit_with_its_quota_used_up_is_left_out() {
    let (_exit, config) = Exit::start(0).await;
    let (_other, other) = Exit::start(1).await;
    let mut options = PoolOptions::default();
    options.quota.bytes_max = Some(1000);
    options.quota.connections_max = Some(1);
    let pool = TunnelPool::new(options);
    pool.add(NAMES[0], config).await.unwrap();
    pool.add(NAMES[1], other).await.unwrap();
    let first = in_time(pool.pick(Some(NAMES[0]))).await.unwrap();
    assert!(
        pool.try_pick(Some(NAMES[0])).unwrap().is_none(),
        "one connection at once"
    );
    let second = in_time(pool.pick(None)).await.unwrap();
    assert_eq!(second.name(), NAMES[1]);
    first.count(500, 500);
    drop(first);
    assert!(
        pool.try_pick(Some(NAMES[0])).is_err(),
        "waiting would not help"
    );
    assert!(
        pool.try_pick(None).unwrap().is_none(),
        "the other one is busy"
    );
    second.count(0, 1000);
    drop(second);
    assert!(pool.try_pick(None).is_err(), "both are used up");
}

#[tokio::test]
async fn names_are_taken_once_and_removed_exits_are_gone() {
    let (_exit, config) = Exit::start(0).await;
    let pool = TunnelPool::new(PoolOptions::default());
    pool.add("one", config.clone()).await.unwrap();
    assert!(pool.add("one", config).await.is_err());
    let lease = in_time(pool.pick(None)).await.unwrap();
    assert!(pool.remove("one"));
    assert!(!pool.remove("one"));
    assert!(pool.try_pick(None).unwrap().is_none());
    let mut stream = in_time(lease.tunnel().tcp_connect(("10.99.0.1", PORT)))
        .await
        .unwrap();
    assert_eq!(
        in_time(stream.read_u8()).await.unwrap(),
        0,
        "its connections go on"
    );
}
