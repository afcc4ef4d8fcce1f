//! A name server for a handful of names.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA};
use hickory_proto::rr::{RData, Record, RecordType};
use wirecraft::UdpSocket;

/// How long an answer may be remembered, in seconds.
const TIME_TO_LIVE: u32 = 60;

/// The greatest query without EDNS, in bytes (RFC 1035 §2.3.4), and then some.
const QUERY_LEN_MAX: usize = 1232;

pub(super) async fn serve(socket: UdpSocket, names: Arc<HashMap<String, Vec<IpAddr>>>) {
    let mut buffer = vec![0; QUERY_LEN_MAX];
    while let Ok(received) = socket.recv_from(&mut buffer).await {
        if let Some(answer) = answer(&buffer[..received.len], &names) {
            // An answer that cannot be sent is asked for again.
            let _ = socket.send_to(&answer, received.from).await;
        }
    }
}

/// The answer to a query, none to what is no query.
fn answer(query: &[u8], names: &HashMap<String, Vec<IpAddr>>) -> Option<Vec<u8>> {
    let query = Message::from_vec(query).ok()?;
    if query.metadata.message_type != MessageType::Query {
        return None;
    }
    let mut answer = Message::response(query.metadata.id, query.metadata.op_code);
    answer.metadata.recursion_desired = query.metadata.recursion_desired;
    answer.metadata.authoritative = true;
    if query.metadata.op_code != OpCode::Query {
        answer.metadata.response_code = ResponseCode::NotImp;
        return answer.to_vec().ok();
    }
    for question in &query.queries {
        answer.add_query(question.clone());
        match names.get(&key(question)) {
            None => answer.metadata.response_code = ResponseCode::NXDomain,
            Some(addresses) => {
                answer.add_answers(
                    addresses
                        .iter()
                        .filter_map(|address| record(question, *address)),
                );
            }
        }
    }
    answer.to_vec().ok()
}

fn key(question: &Query) -> String {
    question
        .name()
        .to_lowercase()
        .to_ascii()
        .trim_end_matches('.')
        .to_owned()
}

fn record(question: &Query, address: IpAddr) -> Option<Record> {
    let data = match (address, question.query_type()) {
        (IpAddr::V4(address), RecordType::A | RecordType::ANY) => RData::A(A(address)),
        (IpAddr::V6(address), RecordType::AAAA | RecordType::ANY) => RData::AAAA(AAAA(address)),
        _ => return None,
    };
    Some(Record::from_rdata(
        question.name().clone(),
        TIME_TO_LIVE,
        data,
    ))
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::Name;

    use super::*;

    fn ask(name: &str, record_type: RecordType) -> Message {
        let names = HashMap::from([(
            "gateway.example".to_owned(),
            vec!["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()],
        )]);
        let mut query = Message::query();
        query.add_query(Query::query(Name::from_ascii(name).unwrap(), record_type));
        Message::from_vec(&answer(&query.to_vec().unwrap(), &names).unwrap()).unwrap()
    }

    #[test]
    fn a_known_name_has_its_addresses_of_the_type_asked_for() {
        let answer = ask("Gateway.Example.", RecordType::AAAA);
        assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
        let data: Vec<_> = answer
            .answers
            .iter()
            .map(|record| record.data.clone())
            .collect();
        assert_eq!(data, [RData::AAAA(AAAA("fd00::1".parse().unwrap()))]);
    }

    #[test]
    fn an_unknown_name_does_not_exist() {
        let answer = ask("other.example.", RecordType::A);
        assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
    }

    #[test]
    fn a_known_name_without_the_type_has_no_answers() {
        let answer = ask("gateway.example.", RecordType::MX);
        assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
        assert!(answer.answers.is_empty());
    }

    #[test]
    fn what_is_no_query_gets_no_answer() {
        assert_eq!(answer(&[0xff; 40], &HashMap::new()), None);
        assert_eq!(answer(&[], &HashMap::new()), None);
    }
}
