//! Rules of the handshake.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use wirecraft::noise_handshake::Tai64N;
use wirecraft::wire_format::{HandshakeMessage as _, Index, Message, Response};
use wirecraft::{Clock, PrivateKey, SystemEntropy};

use super::{
    ANSWER_TIME, ATTEMPTS, Answer, BETWEEN_INITIATIONS, LOSS, Prober, UNDER_LOAD, Verdict, caller,
};
use crate::caller::CallerError;

pub(super) async fn check(prober: &mut Prober<'_>) -> Result<(), CallerError> {
    let began_at = Instant::now();
    let first = prober.session().await?;
    let round_trip = began_at.elapsed().saturating_sub(BETWEEN_INITIATIONS);
    prober.add_if(
        "a valid initiation is answered by a response that opens (5.4.3)",
        first.is_some(),
        "no valid response",
    );
    let Some(first) = first else {
        return Ok(());
    };
    prober.silence = prober.silence.max((round_trip * 4).min(ANSWER_TIME * 2));
    let verdict = match prober.session().await? {
        None => Verdict::NotObservable(LOSS.to_owned()),
        Some(second) if second.remote_index() == first.remote_index() => {
            Verdict::Fail("two handshakes have the same index".to_owned())
        }
        Some(_) => Verdict::Pass,
    };
    prober.add(
        "every handshake has a sender index of its own (5.4.2)",
        verdict,
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
    let mut verdict = Verdict::Pass;
    for byte in 1..4 {
        sleep(BETWEEN_INITIATIONS).await;
        let (message, ..) = prober.caller.initiation()?;
        let mut bytes = message.as_bytes().to_vec();
        bytes[byte] = 1;
        // The mac is right: only the byte is wrong.
        prober.caller.stamp_bytes(&mut bytes);
        let answer = prober.answer_to(&bytes).await?;
        verdict = answer.forbidden(&format!("an initiation whose byte {byte} is 1 is answered"));
        if verdict != Verdict::Pass {
            break;
        }
    }
    prober.add("the three reserved bytes are zero (5.4)", verdict);
    sleep(BETWEEN_INITIATIONS).await;
    let (message, ..) = prober.caller.initiation()?;
    let longer = [message.as_bytes(), &[0]].concat();
    let mut verdict = Verdict::Pass;
    for bytes in [&longer[..], &longer[..147], &[], &longer[..3]] {
        let answer = prober.answer_to(bytes).await?;
        verdict = answer.forbidden(&format!("one of {} bytes is answered", bytes.len()));
        if verdict != Verdict::Pass {
            break;
        }
    }
    prober.add(
        "an initiation has 148 bytes, no more and no fewer (5.4.2)",
        verdict,
    );
    Ok(())
}

async fn macs(prober: &mut Prober<'_>) -> Result<(), CallerError> {
    sleep(BETWEEN_INITIATIONS).await;
    let (mut message, ..) = prober.caller.initiation()?;
    let mut mac1 = *message.mac1();
    mac1[0] ^= 1;
    message.set_mac1(mac1);
    let answer = prober.answer_to(message.as_bytes()).await?;
    prober.add(
        "an initiation with a wrong mac1 has no answer (5.3)",
        match answer {
            // A cookie is one as well.
            Answer::Cookie => Verdict::Fail("it is answered by a cookie".to_owned()),
            answer => answer.forbidden("it is answered"),
        },
    );
    let mut verdict = Verdict::Fail("it has no answer".to_owned());
    for _ in 0..ATTEMPTS {
        sleep(BETWEEN_INITIATIONS).await;
        let (mut message, awaiting, _) = prober.caller.initiation()?;
        message.set_mac2([0x5a; 16]);
        prober.drain().await?;
        prober.caller.send(message.as_bytes()).await?;
        let index = awaiting.sender_index();
        let answer = prober.caller.response_to(index, ANSWER_TIME).await?;
        match answer.as_deref().map(Message::parse) {
            Some(Ok(Message::CookieReply(_))) => {
                verdict = Verdict::NotObservable(UNDER_LOAD.to_owned());
            }
            Some(_) => verdict = Verdict::Pass,
            None => continue,
        }
        break;
    }
    prober.add("mac2 does not count while there is no load (5.3)", verdict);
    Ok(())
}

async fn timestamps(prober: &mut Prober<'_>) -> Result<(), CallerError> {
    let (message, answer) = prober.answered_initiation().await?;
    sleep(BETWEEN_INITIATIONS).await;
    let verdict = match answer {
        Answer::Nothing => Verdict::NotObservable(LOSS.to_owned()),
        Answer::Cookie => Verdict::NotObservable(UNDER_LOAD.to_owned()),
        Answer::Response => {
            let again = prober.answer_to(&message).await?;
            again.forbidden("the replay is answered")
        }
    };
    prober.add(
        "an initiation that is sent again has no answer (5.1)",
        verdict,
    );
    let hour_ago = Clock::new().since_unix_epoch();
    let hour_ago = hour_ago.saturating_sub(Duration::from_secs(3600));
    sleep(BETWEEN_INITIATIONS).await;
    let (old, ..) = prober.caller.initiation_at(Tai64N::from_unix(hour_ago))?;
    let answer = prober.answer_to(old.as_bytes()).await?;
    prober.add(
        "an initiation with an older timestamp has no answer (5.1)",
        answer.forbidden("it is answered"),
    );
    let verdict = flood(prober).await?;
    prober.add(
        "of initiations less than 20 ms apart one is answered",
        verdict,
    );
    Ok(())
}

/// Three initiations at once. The timestamp goes up by a tick each time, so that only the time between them can
/// be the reason to leave some without an answer.
async fn flood(prober: &mut Prober<'_>) -> Result<Verdict, CallerError> {
    for _ in 0..ATTEMPTS {
        sleep(BETWEEN_INITIATIONS).await;
        prober.drain().await?;
        let messages = [(); 3].map(|()| prober.caller.initiation());
        for message in messages {
            let (message, ..) = message?;
            prober.caller.send(message.as_bytes()).await?;
        }
        let mut answers = 0;
        loop {
            match prober.next_answer().await? {
                Answer::Response => answers += 1,
                Answer::Cookie => return Ok(Verdict::NotObservable(UNDER_LOAD.to_owned())),
                Answer::Nothing => break,
            }
        }
        match answers {
            0 => {}
            1 => return Ok(Verdict::Pass),
            _ => return Ok(Verdict::Fail(format!("{answers} of 3 are answered"))),
        }
    }
    Ok(Verdict::NotObservable(LOSS.to_owned()))
}

async fn strangers(prober: &mut Prober<'_>) -> Result<(), CallerError> {
    let stranger = PrivateKey::generate(&mut SystemEntropy::default());
    let mut other = caller(prober.options, &stranger).await?;
    // Any response to it is one too many, whether it opens or not.
    let (message, awaiting, _) = other.initiation()?;
    other.send(message.as_bytes()).await?;
    let index = awaiting.sender_index();
    let answer = other.response_to(index, prober.silence).await?;
    let answer = answer.as_deref().and_then(|it| Message::parse(it).ok());
    let answer = answer.as_ref().map_or(Answer::Nothing, Answer::of);
    let verdict = answer.forbidden("it is answered");
    prober.add(
        "an initiation of a key that the endpoint does not know has no answer (5.4.2)",
        verdict,
    );
    sleep(BETWEEN_INITIATIONS).await;
    let low_order = prober.caller.initiation_with_low_order();
    let answer = prober.answer_to(low_order.as_bytes()).await?;
    prober.add(
        "an initiation with an ephemeral of low order has no answer (RFC 7748)",
        answer.forbidden("it is answered"),
    );
    let index = Index::new(0x5743);
    let mut unasked = Response::new(index, index);
    prober.caller.stamp(&mut unasked);
    let answer = prober.answer_to(unasked.as_bytes()).await?;
    prober.add(
        "a response that nobody asked for has no answer (5.4.3)",
        answer.forbidden("it is answered"),
    );
    Ok(())
}
