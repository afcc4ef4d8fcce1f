//! TCP connections over simulated paths.

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod simulation;

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use simulation::{Pair, Path, Side, pattern, read, send_into_void, transfer_both_ways, write};
use wirecraft_ip_packets::IpPacket;
use wirecraft_netstack::{TcpConfig, TcpConnection, TcpError, TcpState, Transmission, Unreachable};
use wirecraft_time::Instant;

#[test]
fn a_mebibyte_crosses_a_clean_path_in_both_directions() {
    let mut pair = Pair::established(Path::CLEAN, 1);
    transfer_both_ways(&mut pair);
}

#[test]
fn a_mebibyte_crosses_a_lossy_reordering_path_in_both_directions() {
    let path = Path {
        delay: Duration::from_millis(10),
        jitter: Duration::from_millis(3),
        loss_per_mille: 20,
    };
    for seed in 0..8 {
        let mut pair = Pair::established(path, seed);
        transfer_both_ways(&mut pair);
    }
}

#[test]
fn a_mebibyte_crosses_over_ipv6() {
    let mut pair = Pair::between("[fd00::2]:40000", "[fd00::1]:80", Path::CLEAN, 3);
    pair.run_until(|pair| pair.server.is_some() && pair.client.state() == TcpState::Established);
    transfer_both_ways(&mut pair);
}

#[test]
fn window_doubles_each_round_trip_although_a_batch_is_acknowledged_at_once() {
    let path = Path {
        delay: Duration::from_millis(50),
        ..Path::CLEAN
    };
    let mut pair = Pair::established(path, 1);
    let bytes = pattern(1 << 20, 1);
    assert_eq!(write(&mut pair.client, &bytes).unwrap(), bytes.len());
    let (start, mut received) = (pair.now, 0);
    pair.run_until(|pair| {
        received += read(pair.server()).unwrap().unwrap().len();
        received == bytes.len()
    });
    // From two segments to 760 are nine doublings; without them it takes 40 round trips.
    assert!(pair.now.since(start) < Duration::from_millis(1200));
}

#[test]
fn no_packet_exceeds_the_mtu_and_full_ones_reach_it() {
    let mut pair = Pair::established(Path::CLEAN, 1);
    assert_eq!(write(&mut pair.client, &[1; 100_000]).unwrap(), 100_000);
    let mut packets: Vec<Vec<u8>> = Vec::new();
    let _ = pair
        .client
        .poll_transmit(pair.now, &mut packets, usize::MAX);
    assert_eq!(packets.iter().map(Vec::len).max(), Some(1420));
}

#[test]
fn half_closed_connection_still_carries_the_answer() {
    let mut pair = Pair::established(Path::CLEAN, 1);
    write(&mut pair.client, b"question").unwrap();
    pair.client.shutdown();
    let mut question = Vec::new();
    pair.run_until(|pair| match read(pair.server()).unwrap() {
        Some(bytes) => {
            question.extend(bytes);
            false
        }
        None => true,
    });
    assert_eq!(question, b"question");
    assert_eq!(
        write(&mut pair.client, b"more"),
        Err(TcpError::SendingClosed)
    );

    write(pair.server(), b"answer").unwrap();
    pair.server().shutdown();
    let mut answer = Vec::new();
    pair.run_until(|pair| match read(&mut pair.client).unwrap() {
        Some(bytes) => {
            answer.extend(bytes);
            false
        }
        None => true,
    });
    assert_eq!(answer, b"answer");
    pair.run_until(|pair| pair.client.is_finished() && pair.server().is_finished());
    assert_eq!(read(&mut pair.client), Ok(None));
}

#[test]
fn both_ends_closing_at_once_finish_in_order() {
    let mut pair = Pair::established(Path::CLEAN, 1);
    pair.client.shutdown();
    pair.server().shutdown();
    pair.run_until(|pair| pair.client.state() == TcpState::Closing);
    pair.run_until(|pair| pair.client.is_finished() && pair.server().is_finished());
    assert_eq!(read(&mut pair.client), Ok(None));
    assert_eq!(read(pair.server()), Ok(None));
}

#[test]
fn end_that_waits_for_late_segments_has_no_buffers_and_answers_them() {
    let mut pair = Pair::established(Path::CLEAN, 1);
    pair.server().shutdown();
    pair.run_until(|pair| read(&mut pair.client).unwrap().is_none());
    assert_eq!(pair.client.buffers_len(), 2 << 20);
    pair.client.shutdown();
    let mut packets: Vec<Vec<u8>> = Vec::new();
    let _ = pair
        .client
        .poll_transmit(pair.now, &mut packets, usize::MAX);
    for packet in &packets {
        pair.arrive(Side::Server, packet);
    }
    let answer = |pair: &mut Pair| {
        let mut packets: Vec<Vec<u8>> = Vec::new();
        let now = pair.now;
        let _ = pair.server().poll_transmit(now, &mut packets, usize::MAX);
        packets
    };
    let first = answer(&mut pair);
    assert_eq!(pair.server().state(), TcpState::TimeWait);
    assert!(pair.server().buffers_len() < 100);
    assert_eq!(read(pair.server()), Ok(None));
    assert_eq!(write(pair.server(), b"x"), Err(TcpError::SendingClosed));
    // The answer was lost: the last segment comes again.
    for packet in &packets {
        pair.arrive(Side::Server, packet);
    }
    let numbers = |packets: &[Vec<u8>]| {
        let packet = IpPacket::parse(&packets[0]).unwrap();
        let segment = packet.tcp().unwrap();
        assert!(segment.checksum_is_valid(&packet.pseudo_header()));
        (packets.len(), segment.seq(), segment.ack(), segment.flags())
    };
    assert_eq!(numbers(&answer(&mut pair)), numbers(&first));
    pair.run_for(Duration::from_secs(11));
    assert!(pair.server().is_finished());
}

#[test]
fn abort_resets_the_other_end() {
    let mut pair = Pair::established(Path::CLEAN, 1);
    pair.server().abort();
    pair.run_until(|pair| pair.client.is_finished());
    assert_eq!(read(&mut pair.client), Err(TcpError::Reset));
    assert_eq!(write(&mut pair.client, b"x"), Err(TcpError::Reset));
    assert_eq!(read(pair.server()), Err(TcpError::Aborted));
    assert!(pair.server().is_finished());
}

#[test]
fn silent_peer_times_the_connect_out() {
    let mut pair = Pair::new(Path::CLEAN, 1);
    pair.cut = true;
    let start = pair.now;
    pair.run_until(|pair| pair.client.is_finished());
    assert_eq!(read(&mut pair.client), Err(TcpError::TimedOut));
    assert_eq!(pair.now.since(start), TcpConfig::default().connect_timeout);
    assert!(pair.packets >= 4, "the first segment is repeated");
}

#[test]
fn unacknowledged_data_times_the_connection_out() {
    let mut pair = Pair::established(Path::CLEAN, 1);
    pair.run_for(Duration::from_secs(1000));
    assert_eq!(
        pair.client.state(),
        TcpState::Established,
        "idle is no failure"
    );
    pair.cut = true;
    write(&mut pair.client, b"x").unwrap();
    let start = pair.now;
    pair.run_until(|pair| pair.client.is_finished());
    assert_eq!(read(&mut pair.client), Err(TcpError::TimedOut));
    assert_eq!(pair.now.since(start), TcpConfig::default().user_timeout);
}

#[test]
fn closing_after_long_idleness_is_no_timeout() {
    let mut pair = Pair::established(Path::CLEAN, 1);
    pair.run_for(Duration::from_secs(3000));
    pair.client.shutdown();
    pair.server().shutdown();
    pair.run_until(|pair| pair.client.is_finished() && pair.server().is_finished());
    assert_eq!(read(&mut pair.client), Ok(None));
}

#[test]
fn unreachable_ends_a_connect_but_not_a_connection() {
    let mut pair = Pair::new(Path::CLEAN, 1);
    let sequence = send_into_void(&mut pair)[0];
    let now = pair.now;
    pair.client.unreachable(now, Unreachable::Host, sequence);
    assert_eq!(
        read(&mut pair.client),
        Err(TcpError::Unreachable(Unreachable::Host))
    );
    assert!(pair.client.is_finished());

    let mut pair = Pair::established(Path::CLEAN, 1);
    write(&mut pair.client, b"under way").unwrap();
    let sequence = send_into_void(&mut pair)[0];
    let now = pair.now;
    pair.client.unreachable(now, Unreachable::Host, sequence);
    // What was taken out of the simulation counts as lost: it is sent again.
    let mut received = Vec::new();
    pair.run_until(|pair| {
        received.extend(read(pair.server()).unwrap().unwrap());
        received == b"under way"
    });
    transfer_both_ways(&mut pair);
}

#[test]
fn icmp_errors_about_segments_that_are_not_under_way_are_ignored() {
    let mut pair = Pair::new(Path::CLEAN, 1);
    let sequence = send_into_void(&mut pair)[0];
    let now = pair.now;
    for forged in [sequence.wrapping_sub(1), sequence.wrapping_add(1)] {
        pair.client.unreachable(now, Unreachable::Port, forged);
        assert_eq!(pair.client.state(), TcpState::SynSent);
    }

    let mut pair = Pair::established(Path::CLEAN, 1);
    write(&mut pair.client, &[1; 10_000]).unwrap();
    let sequence = send_into_void(&mut pair)[0];
    let now = pair.now;
    let too_big = Unreachable::TooBig { mtu: 600 };
    for forged in [sequence.wrapping_sub(1), sequence.wrapping_add(1 << 20)] {
        pair.client.unreachable(now, too_big, forged);
    }
    pair.run_for(Duration::from_secs(2));
    write(&mut pair.client, &[1; 10_000]).unwrap();
    let mut packets: Vec<Vec<u8>> = Vec::new();
    let _ = pair
        .client
        .poll_transmit(pair.now, &mut packets, usize::MAX);
    assert_eq!(packets.iter().map(Vec::len).max(), Some(1420));
}

#[test]
fn ends_that_open_at_once_become_one_connection() {
    for lost in 0..4 {
        let mut now = Instant::from_origin(Duration::from_secs(1));
        let (here, there) = ("10.0.0.2:40000".parse(), "10.0.0.1:80".parse());
        let (here, there) = (here.unwrap(), there.unwrap());
        let config = TcpConfig::default();
        let mut ends = [
            TcpConnection::connect(now, here, there, &config, 1).unwrap(),
            TcpConnection::connect(now, there, here, &config, 2).unwrap(),
        ];
        let mut sent = 0;
        let established = |end: &TcpConnection| end.state() == TcpState::Established;
        for _ in 0..100 {
            if ends.iter().all(established) {
                break;
            }
            let packets = [0, 1].map(|from| {
                let mut packets: Vec<Vec<u8>> = Vec::new();
                let _ = ends[from].poll_transmit(now, &mut packets, usize::MAX);
                packets
            });
            now = now + Duration::from_millis(100);
            for (from, packets) in packets.iter().enumerate() {
                for packet in packets {
                    sent += 1;
                    if sent != lost {
                        ends[1 - from].receive(now, packet);
                    }
                }
            }
        }
        assert!(ends.iter().all(established), "without packet {lost}");
        assert_eq!(write(&mut ends[0], b"hello"), Ok(5));
        let mut packets: Vec<Vec<u8>> = Vec::new();
        let _ = ends[0].poll_transmit(now, &mut packets, usize::MAX);
        packets
            .iter()
            .for_each(|packet| ends[1].receive(now, packet));
        assert_eq!(read(&mut ends[1]), Ok(Some(b"hello".to_vec())));
    }
}

#[test]
fn idle_connection_with_keepalive_fails_once_probes_go_unanswered() {
    let mut pair = Pair::established(Path::CLEAN, 1);
    pair.client.set_keepalive(Some(Duration::from_secs(10)));
    pair.client.set_user_timeout(Duration::from_secs(45));
    let before = pair.packets;
    pair.run_for(Duration::from_secs(1000));
    assert_eq!(pair.client.state(), TcpState::Established);
    assert!(
        (180..=220).contains(&(pair.packets - before)),
        "probes and answers"
    );
    pair.cut = true;
    let cut_at = pair.now;
    pair.run_until(|pair| pair.client.is_finished());
    assert_eq!(read(&mut pair.client), Err(TcpError::TimedOut));
    let after = pair.now.since(cut_at);
    assert!(after <= Duration::from_secs(55) && after >= Duration::from_secs(45));
}

#[test]
fn lent_room_is_sent_like_what_was_written() {
    let mut pair = Pair::established(Path::CLEAN, 1);
    let context = Context::from_waker(Waker::noop());
    let sent = pattern(1 << 20, 3);
    let (mut at, mut received) = (0, Vec::new());
    pair.run_until(|pair| {
        let filled = pair.client.poll_write_with(&context, |room| {
            let len = room.len().min(sent.len() - at);
            room[..len].copy_from_slice(&sent[at..at + len]);
            len
        });
        if let Poll::Ready(len) = filled {
            at += len.unwrap();
        }
        received.extend(read(pair.server()).unwrap().unwrap());
        received.len() == sent.len()
    });
    assert!(received == sent);
    pair.client.shutdown();
    let filled = pair.client.poll_write_with(&context, |room| room.len());
    assert_eq!(filled, Poll::Ready(Err(TcpError::SendingClosed)));
}

#[test]
fn smaller_path_mtu_makes_segments_smaller() {
    let mut pair = Pair::established(Path::CLEAN, 1);
    let now = pair.now;
    write(&mut pair.client, &[1; 100_000]).unwrap();
    let sequence = send_into_void(&mut pair)[0];
    let why = Unreachable::TooBig { mtu: 1280 };
    pair.client.unreachable(now, why, sequence);
    pair.now = pair.now + Duration::from_secs(2);
    let mut packets: Vec<Vec<u8>> = Vec::new();
    let _ = pair
        .client
        .poll_transmit(pair.now, &mut packets, usize::MAX);
    assert_eq!(packets.iter().map(Vec::len).max(), Some(1280));
    // What was taken out of the simulation counts as lost: it has to be sent again.
    let mut received = 0;
    pair.run_until(|pair| {
        received += read(pair.server()).unwrap().unwrap().len();
        received == 100_000
    });
}

#[test]
fn full_sink_loses_nothing() {
    let mut pair = Pair::established(Path::CLEAN, 1);
    transfer_both_ways(&mut pair);
    write(&mut pair.client, &pattern(4 * 1380, 5)).unwrap();
    let mut narrow = Narrow {
        room: 1,
        packets: Vec::new(),
    };
    let done = pair.client.poll_transmit(pair.now, &mut narrow, usize::MAX);
    assert_eq!(done, Transmission::Interrupted);
    assert!(pair.client.poll_timeout().is_some_and(|at| at <= pair.now));
    narrow.room = 10;
    assert_eq!(
        pair.client.poll_transmit(pair.now, &mut narrow, usize::MAX),
        Transmission::Complete
    );
    for packet in narrow.packets {
        pair.arrive(Side::Server, &packet);
    }
    assert!(read(pair.server()).unwrap().unwrap() == pattern(4 * 1380, 5));
}

struct Narrow {
    room: usize,
    packets: Vec<Vec<u8>>,
}

impl wirecraft_netstack::PacketSink for Narrow {
    fn reserve(&mut self, len: usize) -> Option<&mut [u8]> {
        self.room = self.room.checked_sub(1)?;
        self.packets.push(vec![0; len]);
        self.packets.last_mut().map(Vec::as_mut_slice)
    }
}

#[test]
fn budget_bounds_the_packets_of_one_call() {
    let mut pair = Pair::established(Path::CLEAN, 1);
    write(&mut pair.client, &[1; 10_000]).unwrap();
    let mut packets: Vec<Vec<u8>> = Vec::new();
    assert_eq!(
        pair.client.poll_transmit(pair.now, &mut packets, 1),
        Transmission::Interrupted
    );
    assert_eq!(packets.len(), 1);
}

#[test]
fn abandoned_connection_delivers_what_was_written() {
    let mut pair = Pair::established(Path::CLEAN, 1);
    write(&mut pair.client, &pattern(50_000, 9)).unwrap();
    let now = pair.now;
    pair.client.abandon(now);
    let mut received = Vec::new();
    pair.run_until(|pair| match read(pair.server()).unwrap() {
        Some(bytes) => {
            received.extend(bytes);
            false
        }
        None => true,
    });
    assert!(received == pattern(50_000, 9));
    pair.server().shutdown();
    pair.run_until(|pair| pair.client.is_finished());
}

#[test]
fn abandoned_connection_resets_a_peer_that_goes_on_sending() {
    let mut pair = Pair::established(Path::CLEAN, 1);
    let now = pair.now;
    pair.client.abandon(now);
    write(pair.server(), b"nobody reads this").unwrap();
    pair.run_until(|pair| pair.server().is_finished());
    assert_eq!(write(pair.server(), b"x"), Err(TcpError::Reset));
}

#[test]
fn abandoned_connection_gives_up_on_a_peer_that_never_closes() {
    let mut pair = Pair::established(Path::CLEAN, 1);
    let start = pair.now;
    pair.client.abandon(start);
    pair.run_until(|pair| pair.client.is_finished());
    let lingered = pair.now.since(start);
    assert!(lingered.abs_diff(TcpConfig::default().linger) < Duration::from_millis(10));
}

#[test]
fn zero_window_opens_again_when_the_reader_comes_back() {
    let mut pair = Pair::new(Path::CLEAN, 1);
    pair.server_config.receive_buffer_len = 8192;
    pair.run_until(|pair| pair.server.is_some() && pair.client.state() == TcpState::Established);
    let sent = pattern(100_000, 4);
    assert_eq!(write(&mut pair.client, &sent).unwrap(), sent.len());
    pair.run_for(Duration::from_secs(100));
    let mut received = Vec::new();
    pair.run_until(|pair| {
        received.extend(read(pair.server()).unwrap().unwrap());
        received.len() == sent.len()
    });
    assert!(received == sent);
}

#[test]
fn end_whose_window_is_closed_hears_that_the_other_one_has_opened() {
    let mut pair = Pair::new(Path::CLEAN, 1);
    pair.server_config.receive_buffer_len = 8192;
    pair.run_until(|pair| pair.server.is_some() && pair.client.state() == TcpState::Established);
    let (up, down) = (pattern(1 << 20, 4), pattern(4 << 20, 5));
    assert_eq!(write(&mut pair.client, &up).unwrap(), up.len());
    let mut sent = 0;
    // Nobody reads: both ends are full, and probe each other.
    for _ in 0..100 {
        sent += write(pair.server(), &down[sent..]).unwrap();
        pair.run_for(Duration::from_secs(1));
    }
    assert!(sent > 1 << 20 && sent < down.len(), "both buffers are full");
    let mut received = Vec::new();
    pair.run_until(|pair| {
        received.extend(read(&mut pair.client).unwrap().unwrap());
        received.len() == sent
    });
    assert!(received == down[..sent]);
    let mut got_up = Vec::new();
    pair.run_until(|pair| {
        got_up.extend(read(pair.server()).unwrap().unwrap());
        got_up.len() == up.len()
    });
    assert!(got_up == up);
}

#[test]
fn buffer_is_filled_as_far_as_there_is_data() {
    let mut pair = Pair::established(Path::CLEAN, 1);
    write(&mut pair.client, &pattern(1000, 8)).unwrap();
    pair.run_for(Duration::from_secs(1));
    let context = Context::from_waker(Waker::noop());
    let mut buffer = [0; 600];
    for expected in pattern(1000, 8).chunks(600) {
        let read = pair.server().poll_read(&context, &mut buffer);
        assert_eq!(read, Poll::Ready(Ok(expected.len())));
        assert!(buffer[..expected.len()] == *expected);
    }
    assert_eq!(
        pair.server().poll_read(&context, &mut buffer),
        Poll::Pending
    );
}

#[test]
fn only_a_first_segment_is_accepted() {
    let mut pair = Pair::established(Path::CLEAN, 1);
    write(&mut pair.client, b"data").unwrap();
    let mut packets: Vec<Vec<u8>> = Vec::new();
    let _ = pair
        .client
        .poll_transmit(pair.now, &mut packets, usize::MAX);
    let tuple = pair.server().tuple();
    let accepted =
        TcpConnection::accept(pair.now, tuple, &packets[0], &TcpConfig::default(), 1).map(|_| ());
    assert_eq!(accepted, Err(TcpError::NotOpening));
}

#[test]
fn mixed_families_cannot_be_connected() {
    let (local, remote) = (
        "10.0.0.1:1".parse().unwrap(),
        "[fd00::1]:2".parse().unwrap(),
    );
    let now = Instant::ORIGIN;
    let connection = TcpConnection::connect(now, local, remote, &TcpConfig::default(), 1);
    assert_eq!(connection.map(|_| ()), Err(TcpError::Unaddressable));
}

#[test]
fn damaged_segments_neither_panic_nor_corrupt_the_stream() {
    let mut random = simulation::Random(77);
    let mut pair = Pair::established(Path::CLEAN, 1);
    write(&mut pair.client, &pattern(60_000, 6)).unwrap();
    let mut packets: Vec<Vec<u8>> = Vec::new();
    let _ = pair
        .client
        .poll_transmit(pair.now, &mut packets, usize::MAX);
    for _ in 0..20_000 {
        let mut packet = packets[random.index(packets.len())].clone();
        for _ in 0..=random.below(3) {
            let at = random.index(60.min(packet.len()));
            packet[at] = random.next().to_le_bytes()[0];
        }
        packet.truncate(random.index(packet.len() + 1));
        pair.arrive(Side::Server, &packet);
    }
    let mut received = Vec::new();
    pair.run_until(|pair| {
        received.extend(read(pair.server()).unwrap().unwrap());
        received.len() == 60_000
    });
    assert!(received == pattern(60_000, 6));
}
