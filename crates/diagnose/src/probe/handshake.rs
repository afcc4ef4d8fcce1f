//! Rules of the handshake.

use std::time::Duration;

use tokio::time::sleep;
use wirecraft::noise_handshake::Tai64N;
use wirecraft::wire_format::{HandshakeMessage as _, Message, Response};
use wirecraft::{Clock, PrivateKey, SystemEntropy};

use super::{ANSWER_TIME, BETWEEN_INITIATIONS, Prober, Verdict, caller};
use crate::caller::{CallerError, Reception};

pub(super) async fn check(prober: &mut Prober<'_>) -> Result<(), CallerError> {
    let first = prober.session().await?;
    let is_up = first.is_some();
    prober.add_if(
        "a valid initiation is answered by a response that opens (5.4.3)",
        is_up,
        "no valid response",
    );
    let Some(first) = first else {
        return Ok(());
    };
    let second = prober.session().await?;
    let is_fresh = second.is_some_and(|second| second.remote_index() != first.remote_index());
    prober.add_if(
        "every handshake has a sender index of its own (5.4.2)",
        is_fresh,
        "two handshakes have the same index",
    );
    form(prober).await?;
    macs(prober).await?;
    timestamps(prober).await?;
    strangers(prober).await?;
    let is_alive = prober.session().await?.is_some();
    prober.add_if(
        "after all of this a valid initiation is still answered",
        is_alive,
        "the endpoint fell silent",
    );
    Ok(())
}

/// Lengths and reserved bytes.
async fn form(prober: &mut Prober<'_>) -> Result<(), CallerError> {
    for byte in 1..4 {
        sleep(BETWEEN_INITIATIONS).await;
        let (message, ..) = prober.caller.initiation()?;
        let mut bytes = message.as_bytes().to_vec();
        bytes[byte] = 1;
        if !prober.is_silent_after(&bytes).await? {
            let why = format!("an initiation whose byte {byte} is 1 is answered");
            prober.add(RESERVED, Verdict::Fail(why));
            return Ok(());
        }
    }
    prober.add(RESERVED, Verdict::Pass);
    sleep(BETWEEN_INITIATIONS).await;
    let (message, ..) = prober.caller.initiation()?;
    let longer = [message.as_bytes(), &[0]].concat();
    let is_kept = prober.is_silent_after(&longer).await?
        && prober.is_silent_after(&message.as_bytes()[..147]).await?
        && prober.is_silent_after(&[]).await?
        && prober.is_silent_after(&[1, 0, 0]).await?;
    prober.add_if(
        "an initiation has 148 bytes, no more and no fewer (5.4.2)",
        is_kept,
        "one of another length is answered",
    );
    Ok(())
}

const RESERVED: &str = "the three reserved bytes are zero (5.4)";

async fn macs(prober: &mut Prober<'_>) -> Result<(), CallerError> {
    sleep(BETWEEN_INITIATIONS).await;
    let (mut message, ..) = prober.caller.initiation()?;
    let mut mac1 = *message.mac1();
    mac1[0] ^= 1;
    message.set_mac1(mac1);
    let is_silent = prober.is_silent_after(message.as_bytes()).await?;
    prober.add_if(
        "an initiation with a wrong mac1 has no answer (5.3)",
        is_silent,
        "it is answered",
    );
    sleep(BETWEEN_INITIATIONS).await;
    let (mut message, awaiting, _) = prober.caller.initiation()?;
    message.set_mac2([0x5a; 16]);
    prober.drain().await?;
    prober.caller.send(message.as_bytes()).await?;
    let answer = prober
        .caller
        .response_to(awaiting.sender_index(), ANSWER_TIME)
        .await?;
    let verdict = match answer.as_deref().map(Message::parse) {
        Some(Ok(Message::CookieReply(_))) => {
            Verdict::NotObservable("the endpoint is under load".to_owned())
        }
        Some(_) => Verdict::Pass,
        None => Verdict::Fail("it has no answer".to_owned()),
    };
    prober.add("mac2 does not count while there is no load (5.3)", verdict);
    Ok(())
}

async fn timestamps(prober: &mut Prober<'_>) -> Result<(), CallerError> {
    sleep(BETWEEN_INITIATIONS).await;
    let (message, awaiting, _) = prober.caller.initiation()?;
    prober.caller.send(message.as_bytes()).await?;
    let index = awaiting.sender_index();
    let is_answered = prober
        .caller
        .response_to(index, ANSWER_TIME)
        .await?
        .is_some();
    sleep(BETWEEN_INITIATIONS).await;
    let is_silent = prober.is_silent_after(message.as_bytes()).await?;
    prober.add_if(
        "an initiation that is sent again has no answer (5.1)",
        is_answered && is_silent,
        "the replay is answered",
    );
    let hour_ago = Clock::new().since_unix_epoch() - Duration::from_secs(3600);
    let (old, ..) = prober.caller.initiation_at(Tai64N::from_unix(hour_ago))?;
    let is_silent = prober.is_silent_after(old.as_bytes()).await?;
    prober.add_if(
        "an initiation with an older timestamp has no answer (5.1)",
        is_silent,
        "it is answered",
    );
    // The timestamp goes up by a tick each time, so that only the time between can be the reason.
    sleep(BETWEEN_INITIATIONS).await;
    prober.drain().await?;
    let messages = [(); 3].map(|()| prober.caller.initiation());
    for message in messages {
        let (message, ..) = message?;
        prober.caller.send(message.as_bytes()).await?;
    }
    let mut answers = 0;
    while prober.next_answer().await?.is_some() {
        answers += 1;
    }
    prober.add_if(
        "of initiations less than 20 ms apart one is answered",
        answers == 1,
        &format!("{answers} of 3 are answered"),
    );
    Ok(())
}

async fn strangers(prober: &mut Prober<'_>) -> Result<(), CallerError> {
    let stranger = PrivateKey::generate(&mut SystemEntropy::default());
    let mut other = caller(prober.options, &stranger).await?;
    let answer = other.call(prober.options.silence).await?;
    prober.add_if(
        "an initiation of a key that the endpoint does not know has no answer (5.4.2)",
        matches!(answer, Reception::Silence),
        "it is answered",
    );
    sleep(BETWEEN_INITIATIONS).await;
    let (message, awaiting, _) = prober.caller.initiation()?;
    let mut forged = message;
    forged.ephemeral = [0; 32];
    let is_silent = prober.is_silent_after(forged.as_bytes()).await?;
    prober.add_if(
        "an initiation with an ephemeral of low order has no answer",
        is_silent,
        "it is answered",
    );
    let unasked = Response::new(awaiting.sender_index(), awaiting.sender_index());
    let is_silent = prober.is_silent_after(unasked.as_bytes()).await?;
    prober.add_if(
        "a response that nobody asked for has no answer",
        is_silent,
        "it is answered",
    );
    Ok(())
}
