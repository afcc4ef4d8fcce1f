//! Whether a WireGuard endpoint keeps the rules that can be seen from outside.
//!
//! The prober plays an initiator with the keys of a peer that the endpoint knows, and sends what the
//! rules allow and what they forbid. A rule that forbids an answer is checked by silence, for a few round
//! trips; what is to be answered is sent again if it is not, so that a lost datagram breaks no rule. Under load
//! an endpoint answers by cookies, whatever comes: then such rules cannot be seen.

mod data;
mod handshake;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use wirecraft::wire_format::{Message, TAG_LEN};
use wirecraft::{PresharedKey, PrivateKey, PublicKey};

use crate::caller::{Caller, CallerError, Reception, Session};

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The rule is kept.
    Pass,
    /// It is not.
    Fail(String),
    /// It could not be seen, and why.
    NotObservable(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.write_str("pass"),
            Self::Fail(why) => write!(f, "FAIL: {why}"),
            Self::NotObservable(why) => write!(f, "not observable: {why}"),
        }
    }
}

/// A rule, and what came of its check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The rule, as a sentence.
    pub rule: &'static str,
    /// What came of it.
    pub verdict: Verdict,
}

/// Whom to probe, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProbeOptions {
    /// The endpoint.
    pub endpoint: SocketAddr,
    /// Its public key.
    pub public_key: PublicKey,
    /// The private key of a peer that it knows.
    pub private_key: PrivateKey,
    /// The preshared key of that peer.
    pub preshared_key: Option<PresharedKey>,
    /// An address that it takes from that peer, and one of its own that answers pings.
    pub inside: Option<(IpAddr, IpAddr)>,
    /// How long silence is waited for, at least; four round trips, if that is longer. 600 ms.
    pub silence: Duration,
    /// Whether rules are checked that take ten seconds and more.
    pub with_long: bool,
}

impl ProbeOptions {
    /// Makes options for an endpoint, without addresses inside and without long checks.
    #[must_use]
    pub const fn new(
        endpoint: SocketAddr,
        public_key: PublicKey,
        private_key: PrivateKey,
        preshared_key: Option<PresharedKey>,
    ) -> Self {
        Self {
            endpoint,
            public_key,
            private_key,
            preshared_key,
            inside: None,
            silence: Duration::from_millis(600),
            with_long: false,
        }
    }
}

/// Time between two initiations that are to be answered: more than the 20 ms of the rule, and more than
/// one tick of a timestamp.
const BETWEEN_INITIATIONS: Duration = Duration::from_millis(60);

/// How long a valid message's answer is waited for.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// How often what is to be answered is sent, before its answers count as lost.
const ATTEMPTS: usize = 3;

/// What answered a handshake message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Response,
    /// The endpoint is under load.
    Cookie,
    Nothing,
}

impl Answer {
    /// Data and initiations are no answers: the endpoint may still have them for who had the key before.
    const fn of(message: &Message<'_>) -> Self {
        match message {
            Message::Response(_) => Self::Response,
            Message::CookieReply(_) => Self::Cookie,
            Message::Initiation(_) | Message::Data(_) => Self::Nothing,
        }
    }

    /// What it says of a rule that forbids an answer.
    fn forbidden(self, otherwise: &str) -> Verdict {
        match self {
            Self::Nothing => Verdict::Pass,
            Self::Response => Verdict::Fail(otherwise.to_owned()),
            Self::Cookie => Verdict::NotObservable(UNDER_LOAD.to_owned()),
        }
    }
}

const UNDER_LOAD: &str = "the endpoint is under load";
const LOSS: &str = "what is valid has no answer either: packets get lost";

/// Rules that only an endpoint shows which calls by itself, or that nobody outside sees.
const OUT_OF_SIGHT: [(&str, &str); 5] = [
    (
        "an inner source outside of the allowed IPs is dropped (2)",
        "its answer would go to that source",
    ),
    (
        "an inner packet shorter than it says is dropped (5.4.6)",
        "the host behind the endpoint drops it as well",
    ),
    (
        "initiations are repeated after 5 s, for 90 s, and 15 s after data without an answer (6.4)",
        "the endpoint does not call",
    ),
    (
        "keys are used for 180 s and 2^60 messages (6.2)",
        "it would take that long",
    ),
    (
        "ECN is carried to the outer header and back (RFC 6040)",
        "outer headers are the host's",
    ),
];

/// Checks all rules, and hands each to `tell` as it is checked.
///
/// # Errors
/// [`CallerError`] if the endpoint cannot be spoken to at all.
pub async fn probe(
    options: &ProbeOptions,
    mut tell: impl FnMut(&Check),
) -> Result<Vec<Check>, CallerError> {
    let mut prober = Prober {
        caller: caller(options, &options.private_key).await?,
        options,
        silence: options.silence,
        checks: Vec::new(),
        tell: &mut tell,
    };
    handshake::check(&mut prober).await?;
    if prober.is_answered() {
        data::check(&mut prober).await?;
    }
    for (rule, why) in OUT_OF_SIGHT {
        prober.add(rule, Verdict::NotObservable(why.to_owned()));
    }
    Ok(prober.checks)
}

async fn caller(options: &ProbeOptions, own: &PrivateKey) -> Result<Caller, CallerError> {
    let psk = options.preshared_key.as_ref();
    Caller::new(options.endpoint, own, options.public_key, psk).await
}

struct Prober<'a> {
    caller: Caller,
    options: &'a ProbeOptions,
    /// How long silence is waited for.
    silence: Duration,
    checks: Vec<Check>,
    tell: &'a mut dyn FnMut(&Check),
}

impl Prober<'_> {
    fn add(&mut self, rule: &'static str, verdict: Verdict) {
        let check = Check { rule, verdict };
        (self.tell)(&check);
        self.checks.push(check);
    }

    fn add_if(&mut self, rule: &'static str, is_kept: bool, otherwise: &str) {
        let verdict = match is_kept {
            true => Verdict::Pass,
            false => Verdict::Fail(otherwise.to_owned()),
        };
        self.add(rule, verdict);
    }

    /// Whether the first check, a plain handshake, passed.
    fn is_answered(&self) -> bool {
        self.checks
            .first()
            .is_some_and(|check| check.verdict == Verdict::Pass)
    }

    /// Completes a handshake; `None` if the endpoint does not answer.
    async fn session(&mut self) -> Result<Option<Session>, CallerError> {
        for _ in 0..3 {
            sleep(BETWEEN_INITIATIONS).await;
            if let Reception::Up(session) = self.caller.call(ANSWER_TIME).await? {
                return Ok(Some(*session));
            }
        }
        Ok(None)
    }

    /// Sends a datagram twice, should one get lost, and returns what answers it.
    async fn answer_to(&self, datagram: &[u8]) -> Result<Answer, CallerError> {
        self.drain().await?;
        self.caller.send(datagram).await?;
        sleep(BETWEEN_INITIATIONS).await;
        self.caller.send(datagram).await?;
        self.next_answer().await
    }

    /// Waits for an answer to a handshake message, as long as silence is waited for.
    async fn next_answer(&self) -> Result<Answer, CallerError> {
        let is_answer = |message: &Message<'_>| Answer::of(message) != Answer::Nothing;
        let found = self.caller.receive_where(self.silence, is_answer).await?;
        let found = found.as_deref().map(Message::parse);
        Ok(found.map_or(Answer::Nothing, |message| {
            message.as_ref().map_or(Answer::Nothing, Answer::of)
        }))
    }

    /// Sends valid initiations until one has an answer; returns that initiation too.
    async fn answered_initiation(&mut self) -> Result<(Vec<u8>, Answer), CallerError> {
        let mut last = (Vec::new(), Answer::Nothing);
        for _ in 0..ATTEMPTS {
            sleep(BETWEEN_INITIATIONS).await;
            self.drain().await?;
            let (message, awaiting, _) = self.caller.initiation()?;
            self.caller.send(message.as_bytes()).await?;
            let index = awaiting.sender_index();
            let found = self.caller.response_to(index, ANSWER_TIME).await?;
            let answer = found.as_deref().and_then(|it| Message::parse(it).ok());
            let answer = answer.as_ref().map_or(Answer::Nothing, Answer::of);
            last = (message.as_bytes().to_vec(), answer);
            if answer != Answer::Nothing {
                break;
            }
        }
        Ok(last)
    }

    /// Says whether a keepalive comes, as long as silence is waited for.
    async fn receives_keepalive(&self, session: &Session) -> Result<bool, CallerError> {
        let is_keepalive = |message: &Message<'_>| {
            let Message::Data(data) = message else {
                return false;
            };
            data.ciphertext.len() == TAG_LEN
        };
        let silence = self.silence;
        let keepalive = self.caller.receive_where(silence, is_keepalive).await?;
        Ok(keepalive.is_some_and(|datagram| session.open(&datagram).is_some()))
    }

    /// Throws away what has come so far.
    async fn drain(&self) -> Result<(), CallerError> {
        while self
            .caller
            .receive(Duration::from_millis(5))
            .await?
            .is_some()
        {}
        Ok(())
    }

    /// Waits for data of a session; keepalives count only if they are asked for.
    async fn data(
        &self,
        session: &Session,
        wait: Duration,
        with_keepalives: bool,
    ) -> Result<Option<(Instant, Vec<u8>)>, CallerError> {
        let search = async {
            while let Some(datagram) = self.caller.receive(wait).await? {
                match session.open(&datagram) {
                    Some(packet) if with_keepalives || !packet.is_empty() => {
                        return Ok(Some((Instant::now(), packet)));
                    }
                    _ => {}
                }
            }
            Ok(None)
        };
        tokio::time::timeout(wait, search).await.unwrap_or(Ok(None))
    }
}

#[cfg(test)]
mod tests {
    use wirecraft::wire_format::{CookieReply, Counter, DataHeader, Index, Initiation, Response};

    use super::*;

    #[test]
    fn what_answers_a_handshake_message_is_a_response_or_a_cookie() {
        let index = Index::new(7);
        let answer = |bytes: &[u8]| Answer::of(&Message::parse(bytes).expect("a message"));
        let response = Response::new(index, index);
        assert_eq!(answer(response.as_bytes()), Answer::Response);
        let cookie = CookieReply::new(index, [0; 24], [0; 32]);
        assert_eq!(answer(cookie.as_bytes()), Answer::Cookie);
        let initiation = Initiation::new(index);
        assert_eq!(answer(initiation.as_bytes()), Answer::Nothing);
        let header = DataHeader::new(index, Counter::new(0));
        let keepalive = [header.as_bytes(), &[0; TAG_LEN][..]].concat();
        assert_eq!(answer(&keepalive), Answer::Nothing);
    }
}
