//! Names looked up over loopback sockets, against a server that behaves as told.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod loopback;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, PTR, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType as Type};
use loopback::Loopback;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use wirecraft::dial::{DialError, Dialer};
use wirecraft::dns::{Families, RecordType, ResolveError, Resolver, ResolverOptions};

/// The long answer has this many strings of 200 bytes, more than a datagram of DNS holds.
const LONG_ANSWER_STRINGS: usize = 40;

/// What the server says about one question; `None` is silence.
fn answer(query: &Message, over_tcp: bool, datagrams: usize) -> Option<Message> {
    let question = query.queries.first().unwrap().clone();
    let mut reply = Message::response(query.id, OpCode::Query);
    reply.add_query(question.clone());
    let name = question.name().to_lowercase();
    let mut records: Vec<RData> = Vec::new();
    match (name.to_string().as_str(), question.query_type()) {
        ("v4.test." | "short.corp.test.", Type::A) => records.push(v4(1)),
        ("v4.test.", _) => {}
        ("both.test.", Type::A) => records.extend([v4(1), v4(2)]),
        ("both.test.", Type::AAAA) => {
            records.push(RData::AAAA(AAAA(Ipv6Addr::new(
                0xfd00, 0, 0, 0, 0, 0, 0, 1,
            ))));
        }
        ("alias.test.", Type::A) => {
            let target = Name::from_utf8("v4.test.").unwrap();
            let alias = RData::CNAME(CNAME(target.clone()));
            reply.add_answer(Record::from_rdata(question.name().clone(), 60, alias));
            reply.add_answer(Record::from_rdata(target, 60, v4(1)));
        }
        ("long.test.", Type::TXT) if !over_tcp => reply.metadata.truncation = true,
        ("long.test.", Type::TXT) => {
            records.push(RData::TXT(TXT::new(vec![
                "x".repeat(200);
                LONG_ANSWER_STRINGS
            ])));
        }
        ("lossy.test.", Type::A) if datagrams < 2 => return None,
        ("lossy.test.", Type::A) => records.push(v4(1)),
        ("silent.test.", _) => return None,
        ("1.0.0.10.in-addr.arpa.", Type::PTR) => {
            records.push(RData::PTR(PTR(Name::from_utf8("gate.test.").unwrap())));
        }
        ("refused.test.", _) => reply.metadata.response_code = ResponseCode::Refused,
        ("loopback.test.", Type::A) => records.push(RData::A(A(Ipv4Addr::LOCALHOST))),
        _ => reply.metadata.response_code = ResponseCode::NXDomain,
    }
    for record in records {
        reply.add_answer(Record::from_rdata(question.name().clone(), 60, record));
    }
    Some(reply)
}

fn v4(last: u8) -> RData {
    RData::A(A(Ipv4Addr::new(10, 1, 1, last)))
}

/// Starts the server on UDP and TCP of one port.
async fn server() -> SocketAddr {
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        // Another process may have the TCP port of the same number.
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            break (udp, tcp);
        }
    };
    let address = udp.local_addr().unwrap();
    tokio::spawn(serve_udp(udp));
    tokio::spawn(serve_tcp(tcp));
    address
}

async fn serve_udp(socket: UdpSocket) {
    let datagrams = Arc::new(AtomicUsize::new(0));
    let mut buffer = [0; 1500];
    while let Ok((len, from)) = socket.recv_from(&mut buffer).await {
        let count = datagrams.fetch_add(1, Ordering::Relaxed) + 1;
        let query = Message::from_vec(&buffer[..len]).unwrap();
        if let Some(reply) = answer(&query, false, count) {
            socket
                .send_to(&reply.to_vec().unwrap(), from)
                .await
                .unwrap();
        }
    }
}

async fn serve_tcp(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        while let Ok(len) = stream.read_u16().await {
            let mut query = vec![0; usize::from(len)];
            stream.read_exact(&mut query).await.unwrap();
            let query = Message::from_vec(&query).unwrap();
            let reply = answer(&query, true, 0).unwrap().to_vec().unwrap();
            stream
                .write_u16(u16::try_from(reply.len()).unwrap())
                .await
                .unwrap();
            stream.write_all(&reply).await.unwrap();
        }
    }
}

async fn resolver(families: Families) -> Resolver<Loopback> {
    let search = vec!["~routed.test".to_owned(), "corp.test".to_owned()];
    let options = ResolverOptions {
        servers: vec![server().await],
        search,
        families,
    };
    Resolver::new(Loopback, &options)
}

fn shown<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn addresses_of_both_families_are_found_v6_first() {
    let found = resolver(Families::Both)
        .await
        .addresses("both.test")
        .await
        .unwrap();
    assert_eq!(shown(&found), ["fd00::1", "10.1.1.1", "10.1.1.2"]);
}

#[tokio::test]
async fn one_family_is_asked_for_alone() {
    let found = resolver(Families::V4)
        .await
        .addresses("both.test")
        .await
        .unwrap();
    assert_eq!(shown(&found), ["10.1.1.1", "10.1.1.2"]);
}

#[tokio::test]
async fn address_is_its_own_answer_even_without_servers() {
    let resolver = Resolver::new(Loopback, &ResolverOptions::default());
    assert_eq!(
        shown(&resolver.addresses("fd00::1").await.unwrap()),
        ["fd00::1"]
    );
    assert_eq!(
        resolver.addresses("both.test").await,
        Err(ResolveError::NoServers)
    );
}

#[tokio::test]
async fn short_name_is_searched_in_the_domains_of_the_configuration() {
    let found = resolver(Families::Both)
        .await
        .addresses("short")
        .await
        .unwrap();
    assert_eq!(shown(&found), ["10.1.1.1"]);
}

#[tokio::test]
async fn alias_is_followed_and_shown() {
    let records = resolver(Families::Both)
        .await
        .query("alias.test", RecordType::A)
        .await
        .unwrap();
    assert_eq!(
        shown(&records),
        [
            "alias.test.\t60\tIN\tCNAME\tv4.test.",
            "v4.test.\t60\tIN\tA\t10.1.1.1"
        ]
    );
}

#[tokio::test]
async fn long_answer_comes_over_tcp() {
    let kind = "TXT".parse().unwrap();
    let records = resolver(Families::Both)
        .await
        .query("long.test", kind)
        .await
        .unwrap();
    assert_eq!(
        records[0].data.matches('x').count(),
        200 * LONG_ANSWER_STRINGS
    );
}

#[tokio::test]
async fn lost_query_is_sent_again() {
    let records = resolver(Families::V4)
        .await
        .query("lossy.test", RecordType::A)
        .await
        .unwrap();
    assert_eq!(records[0].data, "10.1.1.1");
}

#[tokio::test]
async fn names_of_an_address_are_found() {
    let address = "10.0.0.1".parse().unwrap();
    let records = resolver(Families::Both)
        .await
        .names_of(address)
        .await
        .unwrap();
    assert_eq!(records[0].data, "gate.test.");
}

#[tokio::test]
async fn each_way_to_have_no_answer_has_its_own_error() {
    let resolver = resolver(Families::Both).await;
    let name = |text: &str| text.to_owned();

    let missing = resolver.query("missing.test.", RecordType::A).await;
    assert_eq!(
        missing,
        Err(ResolveError::NoSuchName {
            name: name("missing.test.")
        })
    );
    let empty = resolver.query("v4.test.", RecordType::AAAA).await;
    assert_eq!(
        empty,
        Err(ResolveError::NoRecords {
            name: name("v4.test.")
        })
    );
    let refused = resolver.query("refused.test.", RecordType::A).await;
    assert_eq!(
        refused,
        Err(ResolveError::Refused {
            name: name("refused.test."),
            answer: name("query refused (REFUSED)")
        })
    );
    let bad = resolver.query("a..b", RecordType::A).await;
    assert_eq!(bad, Err(ResolveError::BadName { name: name("a..b") }));
}

// The clock jumps to the next deadline whenever nothing else is left to do.
#[tokio::test(start_paused = true)]
async fn silence_ends_in_a_time_out() {
    let found = resolver(Families::V4)
        .await
        .query("silent.test.", RecordType::A)
        .await;
    assert_eq!(
        found,
        Err(ResolveError::TimedOut {
            name: "silent.test.".to_owned()
        })
    );
}

#[tokio::test]
async fn name_is_dialled_through_the_resolver() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let dialer = Dialer::new(Loopback, resolver(Families::Both).await);

    let stream = dialer.connect("loopback.test", port).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap().port(), port);
}

#[tokio::test]
async fn refused_connection_names_host_and_port() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let dialer = Dialer::new(Loopback, resolver(Families::Both).await);

    let error = dialer.connect("loopback.test", port).await.unwrap_err();
    assert!(matches!(error, DialError::Connect { .. }), "{error}");
    let start = format!("loopback.test:{port}: cannot connect: Connection refused");
    assert!(error.to_string().starts_with(&start), "{error}");
}
