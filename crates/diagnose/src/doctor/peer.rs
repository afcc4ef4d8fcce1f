//! What a peer answers to a valid initiation.

use std::io;
use std::net::SocketAddr;

use tokio::net::lookup_host;
use tokio::time::timeout;
use wirecraft::config::{Config, Endpoint, PeerConfig};

use super::{Advice, ExamineOptions};
use crate::caller::{Caller, CallerError, Reception};

/// Calls a peer; returns what there is to say, and whether it answered as it should.
pub(super) async fn examine(
    config: &Config,
    peer: &PeerConfig,
    options: &ExamineOptions,
) -> (Vec<Advice>, bool) {
    let endpoint = match &peer.endpoint {
        None => return (Vec::new(), false),
        Some(Endpoint::Address(address)) => *address,
        Some(Endpoint::Name { host, port }) => match look_up(host, *port, options).await {
            Ok(address) => address,
            Err(advice) => return (vec![advice], false),
        },
    };
    let own = &config.interface.private_key;
    let caller = Caller::new(endpoint, own, peer.public_key, peer.preshared_key.as_ref()).await;
    let mut caller = match caller {
        Ok(caller) => caller,
        // The look at the configuration has told of the key.
        Err(CallerError::Key(_)) => return (Vec::new(), false),
        Err(error) => return (vec![unreachable(endpoint, &error)], false),
    };
    let (advice, is_up) = call(&mut caller, peer, endpoint, options).await;
    (advice, is_up)
}

async fn look_up(host: &str, port: u16, options: &ExamineOptions) -> Result<SocketAddr, Advice> {
    let found = timeout(options.wait * 3, lookup_host((host, port))).await;
    let why = match found {
        Ok(Ok(mut addresses)) => match addresses.next() {
            Some(address) => return Ok(address),
            None => "it has no address".to_owned(),
        },
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    Err(Advice::wrong(format!(
        "the Endpoint's name {host} cannot be looked up ({why}): is it spelt right, and does DNS work \
         outside of the tunnel?"
    )))
}

async fn call(
    caller: &mut Caller,
    peer: &PeerConfig,
    endpoint: SocketAddr,
    options: &ExamineOptions,
) -> (Vec<Advice>, bool) {
    let key = peer.public_key;
    let mut advice = Vec::new();
    let (mut cookies, mut refusals) = (0_u8, 0_u8);
    for _ in 0..options.attempts.max(1) {
        match caller.call(options.wait).await {
            Ok(Reception::Up(_)) => {
                advice.push(Advice::fine(format!(
                    "peer {key} at {endpoint} answers, and all keys match"
                )));
                return (advice, true);
            }
            Ok(Reception::Sealed { opens_without_key }) => {
                advice.push(preshared_key(peer, opens_without_key));
                return (advice, false);
            }
            Ok(Reception::Cookie) => {
                cookies += 1;
                if cookies == 1 {
                    advice.push(Advice::warning(format!(
                        "peer {key} at {endpoint} is under load and asks for a cookie: \
                         handshakes take longer"
                    )));
                }
            }
            Ok(Reception::Silence) => {}
            Err(CallerError::Socket { source, .. })
                if source.kind() == io::ErrorKind::ConnectionRefused =>
            {
                refusals += 1;
            }
            Err(error) => {
                advice.push(unreachable(endpoint, &error));
                return (advice, false);
            }
        }
    }
    if refusals > 0 {
        advice.push(Advice::wrong(format!(
            "UDP to {endpoint} is refused: nothing listens on that port, or a firewall on the way says so; \
             is the port right, and does the other end run?"
        )));
    } else if cookies > 0 {
        advice.push(Advice::wrong(format!(
            "peer {key} at {endpoint} answers with cookies only: it is overloaded or under attack; \
             try again later"
        )));
    } else {
        advice.push(silence(caller, peer, endpoint));
    }
    (advice, false)
}

/// Tells apart what a sealed response can mean.
fn preshared_key(peer: &PeerConfig, opens_without_key: bool) -> Advice {
    let key = peer.public_key;
    Advice::wrong(match (&peer.preshared_key, opens_without_key) {
        (Some(_), true) => format!(
            "peer {key} has no PresharedKey for this end, but the configuration has one: \
             remove the PresharedKey line, or give the key to the other end"
        ),
        (Some(_), false) => {
            format!("peer {key} has another PresharedKey for this end: both ends need the same one")
        }
        (None, _) => format!(
            "peer {key} has a PresharedKey for this end, and the configuration has none: \
             add the PresharedKey line"
        ),
    })
}

/// All that silence can mean: the protocol has no word for any of it.
fn silence(caller: &Caller, peer: &PeerConfig, endpoint: SocketAddr) -> Advice {
    Advice::wrong(format!(
        "{endpoint} does not answer a valid initiation. One of these is wrong: UDP to that port is \
         blocked on the way, or the address or port is not the peer's; the peer's key is not {}; \
         the peer does not know this end's key {}; or this end's clock is behind what the peer has \
         seen from this key before",
        peer.public_key,
        caller.public_key()
    ))
}

fn unreachable(endpoint: SocketAddr, error: &CallerError) -> Advice {
    let why = match error {
        CallerError::Socket { source, .. } => source.to_string(),
        CallerError::Key(error) => error.to_string(),
    };
    Advice::wrong(format!(
        "there is no way to {endpoint} from here ({why}): is the network up, and has this machine an \
         address of that family?"
    ))
}
