//! Rules of transport data.

use std::net::IpAddr;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use wirecraft::ip_packets::{IpPacket, ip};
use wirecraft::is_reply;

use super::{ANSWER_TIME, ATTEMPTS, BETWEEN_INITIATIONS, LOSS, Prober, Verdict};
use crate::caller::{CallerError, Port, Session};

/// The counter at and beyond which nothing is taken. §6.1.
const REJECT_AFTER_MESSAGES: u64 = u64::MAX - (1 << 13);

/// When a passive keepalive is due, with some room. §6.5.
const KEEPALIVE_TIME: Duration = Duration::from_secs(10);
const KEEPALIVE_ROOM: Duration = Duration::from_secs(2);

pub(super) async fn check(prober: &mut Prober<'_>) -> Result<(), CallerError> {
    let Some(mut session) = prober.session().await? else {
        let why = "no handshake completes";
        return prober.leave_out(&ALL, why);
    };
    let keepalive = session.seal(&[]);
    prober.caller.send(&keepalive).await?;
    // Packets may have waited for the session; an answer would be empty as well.
    let is_answered = prober.receives_keepalive(&session).await?;
    prober.add_if(KEEPALIVE, !is_answered, "it is answered");
    let Some((source, host)) = prober.options.inside else {
        let why = "no address inside the tunnel is known";
        return prober.leave_out(&ALL[1..], why);
    };
    let mut inside = Inside {
        source,
        host,
        counter: 100,
        sequence: 0,
    };
    if inside.valid(prober, &session).await?.is_none() {
        let why = format!("{host} does not answer pings from {source}");
        return prober.leave_out(&ALL[1..], &why);
    }
    prober.add(PING, Verdict::Pass);
    inside.padding(prober, &session).await?;
    inside.replays(prober, &session).await?;
    inside.forgeries(prober, &session).await?;
    inside.counters(prober, &mut session).await?;
    inside.renewals(prober, &mut session).await?;
    inside.roams(prober, &session).await?;
    if prober.options.with_long {
        return inside.keepalives(prober, &session).await;
    }
    prober.leave_out(&LONG, "that takes ten seconds: --long")
}

const KEEPALIVE: &str = "a keepalive has no answer (6.5)";
const PING: &str = "data is taken under the new key and answered under it (6.2)";
const PADDING: &str = "what is sent is padded by zeros to a multiple of 16 bytes (5.4.6)";
const REPLAY: &str =
    "a packet that was taken is not taken again, and order does not matter (5.4.6)";
const FORGERY: &str = "a forged packet is dropped and does not use its counter up";
const BEYOND: &str = "counters from 2^64 - 2^13 - 1 on are refused (6.2)";
const WINDOW: &str = "a packet older than the window is dropped (5.4.6)";
const CONFIRMATION: &str =
    "a responder sends under a new key only once its initiator has used it (6.4)";
const PREVIOUS: &str = "the key before is still taken after a new handshake (6.3)";
const ROAMING: &str = "answers go to where the newest authenticated packet came from (2.1)";
const PASSIVE: &str = "10 s after data that had no answer a keepalive is sent (6.5)";
const STAYING: &str = "a replay from elsewhere does not move answers there (2.1)";
const ALL: [&str; 12] = [
    KEEPALIVE,
    PING,
    PADDING,
    REPLAY,
    FORGERY,
    BEYOND,
    WINDOW,
    CONFIRMATION,
    PREVIOUS,
    ROAMING,
    PASSIVE,
    STAYING,
];
const LONG: [&str; 2] = [PASSIVE, STAYING];

impl Prober<'_> {
    /// Ends checks of rules that cannot be seen.
    fn leave_out(&mut self, rules: &[&'static str], why: &str) -> Result<(), CallerError> {
        for rule in rules {
            self.add(rule, Verdict::NotObservable(why.to_owned()));
        }
        Ok(())
    }

    /// A verdict on what is forbidden, if what is allowed was seen.
    fn judge(&mut self, rule: &'static str, is_seen: bool, is_broken: bool, otherwise: &str) {
        self.add(
            rule,
            match (is_seen, is_broken) {
                (_, true) => Verdict::Fail(otherwise.to_owned()),
                (true, false) => Verdict::Pass,
                (false, false) => Verdict::NotObservable(LOSS.to_owned()),
            },
        );
    }
}

/// A valid ping and the answer to it.
struct Exchange {
    counter: u64,
    sequence: u16,
    reply: Vec<u8>,
}

/// The two addresses inside the tunnel that pings go between.
struct Inside {
    source: IpAddr,
    host: IpAddr,
    /// The next counter and ping number: neither is used twice but on purpose.
    counter: u64,
    sequence: u16,
}

impl Inside {
    fn ping(&self, sequence: u16) -> Vec<u8> {
        ip(self.source, self.host)
            .map(|it| {
                it.icmp_echo_request(0x5743, sequence)
                    .payload(b"probe")
                    .build()
            })
            .unwrap_or_default()
    }

    /// Sends pings under fresh counters until one is answered.
    async fn valid(
        &mut self,
        prober: &Prober<'_>,
        session: &Session,
    ) -> Result<Option<Exchange>, CallerError> {
        for _ in 0..ATTEMPTS {
            self.counter += 2;
            if let Some(exchange) = self.valid_at(prober, session, self.counter).await? {
                return Ok(Some(exchange));
            }
        }
        Ok(None)
    }

    async fn valid_at(
        &mut self,
        prober: &Prober<'_>,
        session: &Session,
        counter: u64,
    ) -> Result<Option<Exchange>, CallerError> {
        self.sequence += 1;
        let sequence = self.sequence;
        let ping = self.ping(sequence);
        prober.drain().await?;
        let datagram = session.seal_at(counter, &ping);
        prober.caller.send(&datagram).await?;
        let reply = reply(prober, session, &ping, ANSWER_TIME).await?;
        Ok(reply.map(|reply| Exchange {
            counter,
            sequence,
            reply,
        }))
    }

    /// Sends a datagram twice, should one get lost, and says whether the ping in it is answered.
    async fn is_answered(
        &self,
        prober: &Prober<'_>,
        session: &Session,
        datagram: &[u8],
        sequence: u16,
    ) -> Result<bool, CallerError> {
        prober.drain().await?;
        prober.caller.send(datagram).await?;
        prober.caller.send(datagram).await?;
        let ping = self.ping(sequence);
        let found = reply(prober, session, &ping, prober.silence).await?;
        Ok(found.is_some())
    }

    async fn padding(
        &mut self,
        prober: &mut Prober<'_>,
        session: &Session,
    ) -> Result<(), CallerError> {
        let verdict = match self.valid(prober, session).await? {
            None => Verdict::NotObservable(LOSS.to_owned()),
            Some(Exchange { reply, .. }) => {
                let len = IpPacket::parse(&reply).map_or(0, |it| it.as_bytes().len());
                let is_zero = reply.iter().skip(len).all(|byte| *byte == 0);
                if reply.len().is_multiple_of(16) && len > 0 && is_zero {
                    Verdict::Pass
                } else {
                    Verdict::Fail(format!("{len} bytes came in {}", reply.len()))
                }
            }
        };
        prober.add(PADDING, verdict);
        Ok(())
    }

    async fn replays(
        &mut self,
        prober: &mut Prober<'_>,
        session: &Session,
    ) -> Result<(), CallerError> {
        let first = self.valid(prober, session).await?;
        // Counters in between were left out: an older one, which comes late.
        let mut older = None;
        for counter in [50, 52, 54] {
            older = self.valid_at(prober, session, counter).await?;
            if older.is_some() {
                break;
            }
        }
        let is_late_taken = older.is_some();
        let mut is_again = false;
        for exchange in first.iter().chain(&older) {
            let ping = self.ping(exchange.sequence);
            let again = session.seal_at(exchange.counter, &ping);
            is_again |= self
                .is_answered(prober, session, &again, exchange.sequence)
                .await?;
        }
        let is_wrong = is_again || (first.is_some() && !is_late_taken);
        let what = match is_again {
            true => "a packet is taken twice",
            false => "a packet that comes after a newer one is not taken",
        };
        prober.judge(REPLAY, first.is_some(), is_wrong, what);
        Ok(())
    }

    async fn forgeries(
        &mut self,
        prober: &mut Prober<'_>,
        session: &Session,
    ) -> Result<(), CallerError> {
        self.counter += 2;
        let (mut is_taken, mut is_genuine_taken) = (false, false);
        for _ in 0..ATTEMPTS {
            self.counter += 2;
            self.sequence += 1;
            let mut forged = session.seal_at(self.counter, &self.ping(self.sequence));
            let last = forged.len() - 1;
            forged[last] ^= 1;
            is_taken |= self
                .is_answered(prober, session, &forged, self.sequence)
                .await?;
            let genuine = self.valid_at(prober, session, self.counter).await?;
            is_genuine_taken |= genuine.is_some();
            if is_genuine_taken {
                break;
            }
        }
        // Others are answered all the while.
        let is_seen = self.valid(prober, session).await?.is_some();
        let is_wrong = is_taken || (is_seen && !is_genuine_taken);
        let what = "the forgery is taken, or the genuine packet after it is not";
        prober.judge(FORGERY, is_seen, is_wrong, what);
        Ok(())
    }

    async fn counters(
        &mut self,
        prober: &mut Prober<'_>,
        session: &mut Session,
    ) -> Result<(), CallerError> {
        self.sequence += 1;
        let beyond = session.seal_at(REJECT_AFTER_MESSAGES, &self.ping(self.sequence));
        let is_taken = self
            .is_answered(prober, session, &beyond, self.sequence)
            .await?;
        // Whoever took it has a window that nothing else is in: what follows needs other keys.
        if let Some(fresh) = prober.session().await? {
            *session = fresh;
        }
        let is_seen = self.valid(prober, session).await?.is_some();
        prober.judge(BEYOND, is_seen, is_taken, "such a packet is taken");
        self.counter = 20_000;
        let far = self.valid(prober, session).await?;
        self.sequence += 1;
        let at = far.as_ref().map_or(20_000, |it| it.counter) - 8193;
        let old = session.seal_at(at, &self.ping(self.sequence));
        let is_taken = self
            .is_answered(prober, session, &old, self.sequence)
            .await?;
        let what = "one 8193 counters behind is taken";
        prober.judge(WINDOW, far.is_some(), is_taken, what);
        Ok(())
    }

    /// A new handshake while data flows under the keys of the last one.
    async fn renewals(
        &mut self,
        prober: &mut Prober<'_>,
        session: &mut Session,
    ) -> Result<(), CallerError> {
        sleep(BETWEEN_INITIATIONS).await;
        let Some(new) = prober.session().await? else {
            return prober.leave_out(&[CONFIRMATION, PREVIOUS], LOSS);
        };
        // The new key was not used yet: the answer has to come under the old one.
        let (mut is_old, mut is_new) = (false, false);
        for _ in 0..ATTEMPTS {
            self.counter += 2;
            self.sequence += 1;
            let ping = self.ping(self.sequence);
            prober.drain().await?;
            let datagram = session.seal_at(self.counter, &ping);
            prober.caller.send(&datagram).await?;
            let found = prober.caller.receive_where(ANSWER_TIME, |message| {
                matches!(message, wirecraft::wire_format::Message::Data(_))
            });
            if let Some(datagram) = found.await? {
                is_new |= new.open(&datagram).is_some();
                is_old |= session.open(&datagram).is_some();
            }
            if is_old || is_new {
                break;
            }
        }
        let what = "it answers under the new key before that was used";
        prober.judge(CONFIRMATION, is_old, is_new, what);
        let is_confirmed = self.valid(prober, &new).await?.is_some();
        let mut is_taken = false;
        for _ in 0..ATTEMPTS {
            self.counter += 2;
            self.sequence += 1;
            let late = session.seal_at(self.counter, &self.ping(self.sequence));
            is_taken |= self.is_answered(prober, &new, &late, self.sequence).await?;
        }
        let is_wrong = is_confirmed && !is_taken;
        prober.judge(
            PREVIOUS,
            is_confirmed,
            is_wrong,
            "what comes late is dropped",
        );
        *session = new;
        Ok(())
    }

    async fn roams(
        &mut self,
        prober: &mut Prober<'_>,
        session: &Session,
    ) -> Result<(), CallerError> {
        let is_seen = self.valid(prober, session).await?.is_some();
        let port = prober.caller.another_port().await?;
        prober.caller.move_to(port);
        let is_followed = self.valid(prober, session).await?.is_some();
        let is_wrong = is_seen && !is_followed;
        let what = "answers do not follow to another port";
        prober.judge(ROAMING, is_seen, is_wrong, what);
        Ok(())
    }

    /// What takes the ten seconds of a passive keepalive: when it comes, and where to after a replay from another
    /// port.
    async fn keepalives(
        &mut self,
        prober: &mut Prober<'_>,
        session: &Session,
    ) -> Result<(), CallerError> {
        let elsewhere = prober.caller.another_port().await?;
        // A reply that nobody asked for: hosts drop it without a word.
        let unanswered = ip(self.source, self.host)
            .map(|it| it.icmp_echo_reply(1, 1).build())
            .unwrap_or_default();
        prober.drain().await?;
        self.counter += 2;
        let datagram = session.seal_at(self.counter, &unanswered);
        prober.caller.send(&datagram).await?;
        let sent_at = Instant::now();
        sleep(BETWEEN_INITIATIONS).await;
        elsewhere.send(&datagram).await?;
        let wait = KEEPALIVE_TIME + KEEPALIVE_ROOM;
        let (here, there) = tokio::join!(
            prober.data(session, wait, true),
            data_at(&elsewhere, session, wait)
        );
        let (here, there) = (here?, there?);
        let after = here
            .as_ref()
            .or(there.as_ref())
            .map(|(at, _)| *at - sent_at);
        let is_empty = here
            .iter()
            .chain(&there)
            .all(|(_, packet)| packet.is_empty());
        let verdict = match after {
            None => Verdict::Fail("nothing came in 12 s".to_owned()),
            Some(_) if !is_empty => {
                Verdict::NotObservable("the host answers what it was not asked".to_owned())
            }
            Some(after) if after + KEEPALIVE_ROOM < KEEPALIVE_TIME => {
                let seconds = after.as_secs_f64();
                Verdict::Fail(format!("it came after {seconds:.1} s"))
            }
            Some(_) => Verdict::Pass,
        };
        prober.add(PASSIVE, verdict);
        let what = "it went where the replay came from";
        prober.judge(STAYING, here.is_some(), there.is_some(), what);
        Ok(())
    }
}

/// Waits for data of a session at another port.
async fn data_at(
    port: &Port,
    session: &Session,
    wait: Duration,
) -> Result<Option<(Instant, Vec<u8>)>, CallerError> {
    let search = async {
        while let Some(datagram) = port.receive(wait).await? {
            if let Some(packet) = session.open(&datagram) {
                return Ok(Some((Instant::now(), packet)));
            }
        }
        Ok(None)
    };
    timeout(wait, search).await.unwrap_or(Ok(None))
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
        while let Some((_, packet)) = prober.data(session, wait, false).await? {
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
