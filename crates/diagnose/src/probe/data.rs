//! Rules of transport data.

use std::net::IpAddr;
use std::time::Duration;

use tokio::time::timeout;
use wirecraft::ip_packets::{IpPacket, ip};
use wirecraft::is_reply;

use super::{ANSWER_TIME, Prober, Verdict};
use crate::caller::{CallerError, Session};

/// The counter at and beyond which nothing is taken. §6.1.
const REJECT_AFTER_MESSAGES: u64 = u64::MAX - (1 << 13);

/// How long a passive keepalive may take, with some room. §6.5.
const KEEPALIVE_TIME: Duration = Duration::from_secs(12);

pub(super) async fn check(prober: &mut Prober<'_>) -> Result<(), CallerError> {
    let Some(mut session) = prober.session().await? else {
        return Ok(());
    };
    let early = prober.data(&session, prober.options.silence, true).await?;
    prober.add_if(
        "a responder sends nothing before the initiator's first data (6.4)",
        early.is_none(),
        "it sends data",
    );
    let keepalive = session.seal(&[]);
    prober.caller.send(&keepalive).await?;
    // Packets may have waited for the session; an answer would be empty as well.
    let is_answered = prober.receives_keepalive(&session).await?;
    prober.add_if(
        "a keepalive has no answer (6.5)",
        !is_answered,
        "it is answered",
    );
    let Some((source, host)) = prober.options.inside else {
        let why = "no address inside the tunnel is known";
        for rule in [PING, PADDING, REPLAY, SOURCE, ROAMING] {
            prober.add(rule, Verdict::NotObservable(why.to_owned()));
        }
        return Ok(());
    };
    let inside = Inside { source, host };
    if !inside.is_answered(prober, &mut session).await? {
        let why = format!("{host} does not answer pings from {source}");
        prober.add(PING, Verdict::NotObservable(why));
        return Ok(());
    }
    prober.add(PING, Verdict::Pass);
    inside.padding(prober, &mut session).await?;
    inside.replays(prober, &mut session).await?;
    inside.spoofs(prober, &mut session).await?;
    inside.roams(prober, &mut session).await?;
    if prober.options.with_long {
        inside.keepalives(prober, &mut session).await?;
    }
    Ok(())
}

const PING: &str = "data is taken under the new key and answered under it (6.2)";
const PADDING: &str = "what is sent is padded by zeros to a multiple of 16 bytes (5.4.6)";
const REPLAY: &str =
    "a packet that was taken is not taken again, and order does not matter (5.4.6)";
const SOURCE: &str = "an inner source outside of the allowed IPs is dropped (2)";
const ROAMING: &str = "answers go to where the newest authenticated packet came from (2.1)";

/// The two addresses inside the tunnel that pings go between.
struct Inside {
    source: IpAddr,
    host: IpAddr,
}

impl Inside {
    fn ping_from(&self, source: IpAddr, sequence: u16) -> Vec<u8> {
        ip(source, self.host)
            .map(|it| {
                it.icmp_echo_request(0x5743, sequence)
                    .payload(b"probe")
                    .build()
            })
            .unwrap_or_default()
    }

    fn ping(&self, sequence: u16) -> Vec<u8> {
        self.ping_from(self.source, sequence)
    }

    async fn is_answered(
        &self,
        prober: &Prober<'_>,
        session: &mut Session,
    ) -> Result<bool, CallerError> {
        for sequence in 0..3 {
            let ping = self.ping(sequence);
            prober.caller.send(&session.seal(&ping)).await?;
            if reply(prober, session, &ping, ANSWER_TIME).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Sends a datagram and says whether the ping in it, whose number is `sequence`, is answered.
    async fn has_reply(
        &self,
        prober: &Prober<'_>,
        session: &Session,
        datagram: &[u8],
        sequence: u16,
    ) -> Result<bool, CallerError> {
        prober.drain().await?;
        prober.caller.send(datagram).await?;
        let (ping, silence) = (self.ping(sequence), prober.options.silence);
        Ok(reply(prober, session, &ping, silence).await?.is_some())
    }

    async fn padding(
        &self,
        prober: &mut Prober<'_>,
        session: &mut Session,
    ) -> Result<(), CallerError> {
        prober.drain().await?;
        let ping = self.ping(9);
        prober.caller.send(&session.seal(&ping)).await?;
        let verdict = match reply(prober, session, &ping, ANSWER_TIME).await? {
            None => Verdict::NotObservable("no reply came".to_owned()),
            Some(bytes) => {
                let len = IpPacket::parse(&bytes).map_or(0, |it| it.as_bytes().len());
                let is_zero = bytes.iter().skip(len).all(|byte| *byte == 0);
                if bytes.len().is_multiple_of(16) && len > 0 && is_zero {
                    Verdict::Pass
                } else {
                    Verdict::Fail(format!("{len} bytes came in {}", bytes.len()))
                }
            }
        };
        prober.add(PADDING, verdict);
        Ok(())
    }

    async fn replays(
        &self,
        prober: &mut Prober<'_>,
        session: &mut Session,
    ) -> Result<(), CallerError> {
        let first = session.seal_at(100, &self.ping(10));
        let older = session.seal_at(50, &self.ping(11));
        let is_taken = self.has_reply(prober, session, &first, 10).await?;
        let is_older_taken = self.has_reply(prober, session, &older, 11).await?;
        let is_again = self.has_reply(prober, session, &first, 10).await?
            || self.has_reply(prober, session, &older, 11).await?;
        let what = format!(
            "taken: first {is_taken}, one before it {is_older_taken}, either again {is_again}"
        );
        prober.add_if(REPLAY, is_taken && is_older_taken && !is_again, &what);
        let mut forged = session.seal_at(200, &self.ping(12));
        let last = forged.len() - 1;
        forged[last] ^= 1;
        let is_forgery_taken = self.has_reply(prober, session, &forged, 12).await?;
        let genuine = session.seal_at(200, &self.ping(12));
        let is_genuine_taken = self.has_reply(prober, session, &genuine, 12).await?;
        prober.add_if(
            "a forged packet is dropped and does not use its counter up",
            !is_forgery_taken && is_genuine_taken,
            "the forgery is taken, or the genuine packet after it is not",
        );
        let beyond = session.seal_at(REJECT_AFTER_MESSAGES, &self.ping(13));
        let is_taken = self.has_reply(prober, session, &beyond, 13).await?;
        prober.add_if(
            "counters from 2^64 - 2^13 - 1 on are refused (6.2)",
            !is_taken,
            "such a packet is taken",
        );
        // Whoever took it has a window that nothing else is in: what follows needs other keys.
        if let Some(fresh) = prober.session().await? {
            *session = fresh;
        }
        let far = session.seal_at(20_000, &self.ping(14));
        let is_far_taken = self.has_reply(prober, session, &far, 14).await?;
        let old = session.seal_at(20_000 - 8193, &self.ping(15));
        let is_old_taken = self.has_reply(prober, session, &old, 15).await?;
        prober.add_if(
            "a packet older than the window is dropped (5.4.6)",
            is_far_taken && !is_old_taken,
            "one 8193 counters behind is taken",
        );
        Ok(())
    }

    async fn spoofs(
        &self,
        prober: &mut Prober<'_>,
        session: &mut Session,
    ) -> Result<(), CallerError> {
        let foreign: IpAddr = match self.source {
            IpAddr::V4(_) => [198, 51, 100, 77].into(),
            IpAddr::V6(_) => "2001:db8::77".parse().unwrap_or(self.source),
        };
        let ping = self.ping_from(foreign, 16);
        prober.drain().await?;
        prober.caller.send(&session.seal_at(30_000, &ping)).await?;
        let silence = prober.options.silence;
        let is_answered = reply(prober, session, &ping, silence).await?.is_some();
        prober.add_if(SOURCE, !is_answered, "its ping is answered");
        let mut long = self.ping(17);
        // The length field says more than there is.
        let at = if self.source.is_ipv4() { 2 } else { 4 };
        long[at] = 0x20;
        let sealed = session.seal_at(30_001, &long);
        let is_answered = self.has_reply(prober, session, &sealed, 17).await?;
        prober.add_if(
            "an inner packet shorter than it says is dropped",
            !is_answered,
            "its ping is answered",
        );
        Ok(())
    }

    async fn roams(
        &self,
        prober: &mut Prober<'_>,
        session: &mut Session,
    ) -> Result<(), CallerError> {
        let replayed = session.seal_at(30_002, &self.ping(18));
        let is_taken = self.has_reply(prober, session, &replayed, 18).await?;
        prober.caller.move_to_new_port().await?;
        // A replay from the new port must not move the endpoint; the next packet must.
        let is_replay_answered = self.has_reply(prober, session, &replayed, 18).await?;
        let moved = session.seal_at(30_003, &self.ping(19));
        let is_followed = self.has_reply(prober, session, &moved, 19).await?;
        prober.add_if(
            ROAMING,
            is_taken && is_followed && !is_replay_answered,
            "answers do not follow to another port, or follow a replay",
        );
        Ok(())
    }

    /// What takes the ten seconds of a passive keepalive.
    async fn keepalives(
        &self,
        prober: &mut Prober<'_>,
        session: &mut Session,
    ) -> Result<(), CallerError> {
        // A reply that nobody asked for: hosts drop it without a word.
        let unanswered = ip(self.source, self.host)
            .map(|it| it.icmp_echo_reply(1, 1).build())
            .unwrap_or_default();
        prober.drain().await?;
        let datagram = session.seal_at(30_010, &unanswered);
        prober.caller.send(&datagram).await?;
        let found = prober.data(session, KEEPALIVE_TIME, true).await?;
        let verdict = match found {
            Some(packet) if packet.is_empty() => Verdict::Pass,
            Some(_) => Verdict::NotObservable("the host answers what it was not asked".to_owned()),
            None => Verdict::Fail("nothing came in 12 s".to_owned()),
        };
        prober.add(
            "10 s after data that had no answer a keepalive is sent (6.5)",
            verdict,
        );
        Ok(())
    }
}

/// Waits for what answers `ping`. Other packets are passed over: the host may still have some for who
/// had the key before.
async fn reply(
    prober: &Prober<'_>,
    session: &Session,
    ping: &[u8],
    wait: Duration,
) -> Result<Option<Vec<u8>>, CallerError> {
    let search = async {
        while let Some(packet) = prober.data(session, wait, false).await? {
            if answers(&packet, ping) {
                return Ok(Some(packet));
            }
        }
        Ok(None)
    };
    timeout(wait, search).await.unwrap_or(Ok(None))
}

fn answers(packet: &[u8], ping: &[u8]) -> bool {
    match (IpPacket::parse(ping), IpPacket::parse(packet)) {
        (Ok(ping), Ok(packet)) => is_reply(&ping, &packet),
        _ => false,
    }
}
