//! Whether a WireGuard endpoint keeps the rules that can be seen from outside.
//!
//! The prober plays an initiator with the keys of a peer that the endpoint knows, and sends what the
//! rules allow and what they forbid. A rule that forbids an answer is checked by silence: after each
//! such check the endpoint must still answer what is valid.

mod data;
mod handshake;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::time::sleep;
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
    /// How long silence is waited for. 600 ms.
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

/// Whether a message answers one of a handshake.
const fn is_answer(message: &Message<'_>) -> bool {
    matches!(message, Message::Response(_) | Message::CookieReply(_))
}

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
        checks: Vec::new(),
        tell: &mut tell,
    };
    handshake::check(&mut prober).await?;
    if prober.is_answered() {
        data::check(&mut prober).await?;
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

    /// Sends a datagram and says whether no response and no cookie follows.
    ///
    /// Data and initiations are no answers: the endpoint may still have them for who had the key before.
    async fn is_silent_after(&self, datagram: &[u8]) -> Result<bool, CallerError> {
        self.drain().await?;
        self.caller.send(datagram).await?;
        Ok(self.next_answer().await?.is_none())
    }

    /// Waits for an answer to a handshake message, as long as silence is waited for.
    async fn next_answer(&self) -> Result<Option<Vec<u8>>, CallerError> {
        let silence = self.options.silence;
        self.caller.receive_where(silence, is_answer).await
    }

    /// Says whether a keepalive comes, as long as silence is waited for.
    async fn receives_keepalive(&self, session: &Session) -> Result<bool, CallerError> {
        let is_keepalive = |message: &Message<'_>| {
            let Message::Data(data) = message else {
                return false;
            };
            data.ciphertext.len() == TAG_LEN
        };
        let silence = self.options.silence;
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
    ) -> Result<Option<Vec<u8>>, CallerError> {
        let search = async {
            while let Some(datagram) = self.caller.receive(wait).await? {
                match session.open(&datagram) {
                    Some(packet) if with_keepalives || !packet.is_empty() => {
                        return Ok(Some(packet));
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
        let answers = |bytes: &[u8]| is_answer(&Message::parse(bytes).expect("a message"));
        assert!(answers(Response::new(index, index).as_bytes()));
        assert!(answers(
            CookieReply::new(index, [0; 24], [0; 32]).as_bytes()
        ));
        assert!(!answers(Initiation::new(index).as_bytes()));
        let header = DataHeader::new(index, Counter::new(0));
        let keepalive = [header.as_bytes(), &[0; TAG_LEN][..]].concat();
        assert!(!answers(&keepalive));
    }
}
