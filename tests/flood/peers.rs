//! The peers of the tunnel under attack: the one the flow comes from, and those who shake hands.

use core::time::Duration;
use std::net::IpAddr;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use wirecraft_net::{Clock, Driver, DriverConfig, DriverHandle, Inner, UdpTransport};
use wirecraft_tests::{Orders, Silent, answer};
use wirecraft_time::Instant;
use wirecraft_tunnel::{Event, PeerId, REKEY_TIMEOUT};

use crate::flow::Flow;
use crate::identities::{FLOW_PEER, Identities, RECEIVER_INSIDE};

/// After this long a handshake has failed as far as the figures are concerned.
const HANDSHAKE_TIME: Duration = Duration::from_secs(9);

/// One end of a tunnel whose other end is the receiver.
#[derive(Clone)]
struct Client {
    handle: DriverHandle,
    receiver: PeerId,
    shook_hands_at: Option<Instant>,
}

impl Client {
    async fn start(identities: &Identities, number: usize, inner: impl Inner) -> Result<Self> {
        let transport = UdpTransport::bind(0)?;
        let (driver, handle) = Driver::new(DriverConfig::default(), Clock::new(), transport, inner);
        tokio::spawn(driver.run());
        let key = identities
            .peers
            .get(number)
            .context("no such peer")?
            .clone();
        let receiver = identities.receiver.public_key();
        let endpoint = identities.endpoint;
        let configured = handle.call(move |device, _| -> Result<PeerId> {
            device.set_private_key(Some(key));
            let peer = device.add_peer(receiver)?;
            device.set_endpoint(peer, endpoint)?;
            device.add_allowed_ip(peer, IpAddr::from(RECEIVER_INSIDE).into())?;
            Ok(peer)
        });
        let receiver = configured.await??;
        Ok(Self {
            handle,
            receiver,
            shook_hands_at: None,
        })
    }

    /// Shakes hands, not sooner after the last time than is allowed; answers how long it took.
    async fn shake_hands(&mut self) -> Result<Option<Duration>> {
        if let Some(last) = self.shook_hands_at {
            let since = Clock::new().now().since(last);
            sleep((REKEY_TIMEOUT + Duration::from_millis(400)).saturating_sub(since)).await;
        }
        let mut events = self.handle.events()?;
        let receiver = self.receiver;
        let began_at = Clock::new().now();
        self.shook_hands_at = Some(began_at);
        let started = self
            .handle
            .call(move |device, now| device.start_handshake(now, receiver));
        started.await??;
        let up = async {
            while let Ok(event) = events.recv().await {
                if matches!(event, Event::PeerUp { .. }) {
                    return;
                }
            }
        };
        let took = timeout(HANDSHAKE_TIME, up).await;
        Ok(took.ok().map(|()| Clock::new().now().since(began_at)))
    }
}

/// Follows the conductor's orders until it ends.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run() -> Result<()> {
    let mut orders = Orders::listen();
    let identities = Identities::from_json(&orders.first().await?)?;
    let (flow, flow_handle) = Flow::new();
    let mut source = Client::start(&identities, FLOW_PEER, flow).await?;
    source
        .shake_hands()
        .await?
        .context("no handshake for the flow")?;
    answer(&json!({"ready": true}));
    let mut clients: Vec<Option<Client>> = vec![None; identities.peers.len()];
    while let Some(order) = orders.next().await {
        if let Some(label) = order["flow"].as_u64() {
            flow_handle.state().label = usize::try_from(label)?;
            flow_handle.switch_on();
            let state = flow_handle.state();
            answer(&json!({"sent": state.sent.to_vec(), "sent_len": state.sent_len.to_vec()}));
        } else if let Some(numbers) = order["handshakes"].as_array() {
            let numbers = numbers.iter().filter_map(Value::as_u64);
            let numbers = numbers
                .map(usize::try_from)
                .collect::<Result<Vec<_>, _>>()?;
            for &number in &numbers {
                if clients[number].is_none() {
                    clients[number] = Some(Client::start(&identities, number, Silent).await?);
                }
            }
            answer(&shake_all(&mut clients, &numbers).await?);
        }
    }
    Ok(())
}

/// Has all these clients shake hands at once; answers their times in seconds, `null` for never.
async fn shake_all(clients: &mut [Option<Client>], numbers: &[usize]) -> Result<Value> {
    let mut running = JoinSet::new();
    for &number in numbers {
        let mut client = clients[number]
            .take()
            .context("a client that was started")?;
        running.spawn(async move {
            let took = client.shake_hands().await;
            (number, client, took)
        });
    }
    let mut times = vec![Value::Null; numbers.len()];
    while let Some(joined) = running.join_next().await {
        let (number, client, took) = joined?;
        clients[number] = Some(client);
        let position = numbers
            .iter()
            .position(|it| *it == number)
            .context("one of them")?;
        times[position] = took?.map(|time| time.as_secs_f64()).into();
    }
    Ok(json!({ "seconds": times }))
}
