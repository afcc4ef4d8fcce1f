//! Writes the inputs that fuzzing starts from: `cargo run -p wirecraft-fuzz --example seed`
//!
//! They are packets, messages and texts as they should be, and short plays of the stateful targets. What
//! a fuzzer made of them is kept beside them; `cargo fuzz cmin` throws away what adds nothing.
#![forbid(unsafe_code)]

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::time::Duration;

use wirecraft_ip_packets::{
    CaptureError, CaptureWriter, Defaults, Expression, LinkType, Protocol, SackBlock, v4, v6,
};

const PRIVATE_KEY: &str = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";
const PUBLIC_KEY: &str = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
const PRESHARED_KEY: &str = "FpCyhws9cxwWoV4xELtfJvjJN+zQVRPISllRWgeopVE=";

fn main() -> std::io::Result<()> {
    write("aead_batch", &batches())?;
    let packets = packets();
    write("ip_header", &packets)?;
    write("ip_packet", &packets)?;
    write("inner_packet", &behind(&[0, 53, 4, 0], &packets))?;
    let changes = [
        7, 0, 9, 1, 2, 2, 64, 3, 1, 1, 4, 0, 9, 9, 9, 9, 6, 1, 1, 10, 1, 1, 1, 1,
    ];
    write("rewrite", &behind(&changes, &packets))?;
    write("fragmentation", &behind(&[0, 100, 1], &packets))?;
    write("tcp_segment", &uppers(&packets, Protocol::TCP))?;
    write("udp_datagram", &uppers(&packets, Protocol::UDP))?;
    let mut icmp = behind(&[0], &uppers(&packets, Protocol::ICMPV4));
    icmp.extend(behind(&[1], &uppers(&packets, Protocol::ICMPV6)));
    write("icmp_message", &icmp)?;
    write("upper_message", &upper_messages())?;
    write("reassembler", &pieces())?;
    write("wire_message", &messages())?;
    write(
        "handshake_message",
        &[vec![0, 0], vec![1, 0], vec![2, 0], vec![0, 1, 130, 1]],
    )?;
    write(
        "key_text",
        &texts(&[PRIVATE_KEY, PUBLIC_KEY, PRESHARED_KEY, ""]),
    )?;
    write(
        "tai64n",
        &[
            vec![0xff; 36],
            vec![0x40; 36],
            b"@\0\0\0eS\xf1\n\x07\0\0\0".to_vec(),
        ],
    )?;
    write("config_text", &configs())?;
    write("endpoint_text", &endpoints())?;
    write("expression_text", &expressions())?;
    write("packet_text", &packets)?;
    write("capture_file", &captures(&packets))?;
    write("uapi_request", &behind(&[7], &uapi_requests()))?;
    write("socks_request", &socks_requests())?;
    write("http_proxy_request", &http_proxy_requests())?;
    write("scan_targets", &scans())?;
    write("scan_answers", &[scan_play()])?;
    write("tcp_connection", &tcp_plays())?;
    write("device_receive", &receptions())?;
    write("device_pair", &pair_plays())
}

/// A key, then packets: nonce, length, content, and what happens to it.
fn batches() -> Vec<Vec<u8>> {
    let packet = |number: u8, len: &[u8], fate: &[u8]| {
        [
            &[0, 0, 0, 0, number, 0, 0, 0, 0, 0, 0, 0][..],
            len,
            &[number, 3],
            fate,
        ]
        .concat()
    };
    let alike = |len: &[u8]| {
        (0..17)
            .flat_map(|it| packet(it, len, &[0]))
            .collect::<Vec<_>>()
    };
    let uneven = (0..33).flat_map(|it| packet(it, &[0, it * 7], &[0]));
    let forged = (0..20).flat_map(|it| packet(it, &[2, it], &[6, 0, it, it]));
    let cut = (0..9).flat_map(|it| packet(it, &[0, 64], &[7, it * 4]));
    let bodies = [
        alike(&[0, 64]),
        alike(&[3]),
        uneven.collect(),
        forged.collect(),
        cut.collect(),
    ];
    let mut batches = behind(&[0x5a; 32], &bodies);
    let large: Vec<_> = batches
        .iter()
        .map(|batch| with_sum_of_zero(batch))
        .collect();
    batches.extend(large);
    batches
}

/// The batch as a large one: the first byte of its key has the sum of all bytes be zero.
fn with_sum_of_zero(batch: &[u8]) -> Vec<u8> {
    let mut batch = batch.to_vec();
    let sum = batch.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    batch[0] = batch[0].wrapping_sub(sum);
    batch
}

fn write(target: &str, inputs: &[Vec<u8>]) -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    std::fs::create_dir_all(&corpus)?;
    for input in inputs {
        let mut hasher = DefaultHasher::new();
        input.hash(&mut hasher);
        std::fs::write(corpus.join(format!("{:016x}", hasher.finish())), input)?;
    }
    Ok(())
}

fn behind(head: &[u8], inputs: &[Vec<u8>]) -> Vec<Vec<u8>> {
    inputs.iter().map(|input| [head, input].concat()).collect()
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn uapi_requests() -> Vec<Vec<u8>> {
    let (key, other, zero) = ("b8".repeat(32), "58".repeat(32), "00".repeat(32));
    let set = format!(
        "set=1\nprivate_key={key}\nlisten_port=1\nfwmark=2\nreplace_peers=true\npublic_key={key}\n\
         preshared_key={other}\nendpoint=[fe80::1%lo]:51820\nreplace_allowed_ips=true\n\
         allowed_ip=192.168.4.4/32\npublic_key={other}\nupdate_only=true\nendpoint=192.0.2.1:1\n\
         persistent_keepalive_interval=25\nallowed_ip=-10.0.0.0/8\nprotocol_version=1\n\n"
    );
    let zeros = format!("set=1\nprivate_key={zero}\npublic_key={zero}\nremove=true\n\n");
    texts(&[
        "get=1\n\nwirecraft_get=1\n\n",
        &set,
        &zeros,
        "set=1\nhalf=1\n",
    ])
}

fn socks_requests() -> Vec<Vec<u8>> {
    let inputs: [&[u8]; 10] = [
        b"\x05\x02\0\x02",
        b"\x01\x02me\x06secret",
        b"\x05\x01\0\x03\x0cgateway.demo\0P",
        b"\x05\x03\0\x01\n\0\0\x01\x005",
        b"\x05\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x01\xbb",
        b"\x04\x01\0P\n\0\0\x01me\0",
        b"\x04\x01\0P\0\0\0\x01\0host\0",
        b"\0\0\0\x01\n\0\0\x01\x005hello",
        b"\0\0\0\x03\x04host\x005hello",
        b"\0\0\x01\x01\n\0\0\x01\x005",
    ];
    inputs.map(<[u8]>::to_vec).to_vec()
}

fn http_proxy_requests() -> Vec<Vec<u8>> {
    let inputs: [&[u8]; 8] = [
        b"CONNECT example.org:443\n",
        b"GET http://example.org/path?query\nHost: example.org\nConnection: close, X-Hop\nX-Hop: 1\nTE: trailers\nCookie: a=b",
        b"POST http://[fd00::1]:8080/\nTransfer-Encoding: chunked\nContent-Length: 5",
        b"\0POST http://example.org/\nTransfer-Encoding: chunked",
        b"GET /\nHost: example.org",
        b"GET https://me:secret@example.org/",
        b"GET http://example.org\nProxy-Authorization: Basic bWU6c2VjcmV0\nProxy-Connection: keep-alive\nKeep-Alive: 5\nUpgrade: websocket",
        b"POST http://example.org/\nContent-Length: 5\nContent-Length: 6",
    ];
    inputs.map(<[u8]>::to_vec).to_vec()
}

fn packets() -> Vec<Vec<u8>> {
    [packets_v4(), packets_v6()].concat()
}

fn packets_v4() -> Vec<Vec<u8>> {
    let four = || v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let payload = [7; 160];
    let blocks = [
        SackBlock { left: 1, right: 2 },
        SackBlock { left: 5, right: 9 },
    ];
    let quoted = four().udp(1000, 53).payload(b"query").build();
    vec![
        four()
            .tcp(40_000, 443)
            .syn()
            .mss(1380)
            .window_scale(7)
            .sack_permitted()
            .build(),
        four()
            .tcp(1, 2)
            .ack(9)
            .timestamps(1, 2)
            .sack(&blocks)
            .payload(b"data")
            .build(),
        four()
            .dont_fragment(false)
            .udp(1, 53)
            .payload(&payload)
            .build(),
        four()
            .options(&[0x94, 4, 0, 0, 1, 1, 1, 0])
            .dont_fragment(false)
            .udp(1, 2)
            .payload(&payload)
            .build(),
        four().icmp_echo_request(1, 2).payload(&payload).build(),
        four().icmp_port_unreachable(&quoted).build(),
        four().icmp_time_exceeded(&quoted).build(),
        four().icmp_packet_too_big(1280, &quoted).build(),
        four()
            .more_fragments(true)
            .dont_fragment(false)
            .bare(Protocol::UDP)
            .payload(&payload)
            .build(),
        four()
            .fragment_offset(64)
            .dont_fragment(false)
            .bare(Protocol::TCP)
            .payload(&payload)
            .build(),
    ]
}

fn packets_v6() -> Vec<Vec<u8>> {
    let six = || v6([1; 16].into(), [2; 16].into());
    let payload = [7; 160];
    let quoted = six().tcp(1000, 80).seq(7).syn().build();
    let routing = [&[6, 2, 0, 1, 0, 0, 0, 0][..], &[3; 16]].concat();
    let options = [0, 0, 1, 4, 0, 0, 0, 0];
    let atomic = [17, 0, 0, 0, 0, 0, 0, 7];
    vec![
        six().tcp(40_000, 443).syn().mss(1360).build(),
        six().udp(1, 53).payload(&payload).build(),
        six().icmp_echo_request(1, 2).payload(&payload).build(),
        six().icmp_packet_too_big(1280, &quoted).build(),
        six().icmp_port_unreachable(&quoted).build(),
        six()
            .extension_headers(Protocol::ROUTING, &routing)
            .tcp(1, 2)
            .payload(&payload)
            .build(),
        six()
            .extension_headers(Protocol::HOP_BY_HOP_OPTIONS, &with_next(17, &options))
            .udp(1, 2)
            .payload(&payload)
            .build(),
        six()
            .extension_headers(Protocol::FRAGMENT, &atomic)
            .udp(1, 2)
            .payload(&payload)
            .build(),
        six()
            .extension_headers(Protocol::DESTINATION_OPTIONS, &with_next(58, &options))
            .icmp_echo_reply(1, 2)
            .build(),
    ]
}

fn with_next(next: u8, header: &[u8]) -> Vec<u8> {
    let mut header = header.to_vec();
    header[0] = next;
    header
}

/// One message of every protocol beside TCP, UDP and ICMP, and options, each behind its choice.
fn upper_messages() -> Vec<Vec<u8>> {
    let built = |text: &str| {
        let expression: Expression = text.parse().expect("the expression is right");
        let packet = expression.build(&Defaults::default());
        packet.expect("the packet can be built")
    };
    let behind_ip = |choice: u8, text: &str| [&[choice][..], &built(text)[20..]].concat();
    let mut inputs: Vec<Vec<u8>> = [
        (0, "ip()/igmp(type=0x11,mrt=100)"),
        (
            0,
            "ip()/igmp(type=0x11,mrt=100,group=224.1.1.1,sources=[10.0.0.1])",
        ),
        (0, "ip()/igmp(type=0x31)"),
        (
            0,
            "ip()/igmp3r([record(4,224.0.0.251),record(1,232.1.1.1,[10.0.0.1])])",
        ),
        (1, "ip()/gre(key=7,seq=9,chksum=auto)/ip()/udp()"),
        (
            2,
            "ip()/sctp(sport=1,dport=2,tag=3,chunks=[chunk(1,0,hex(0011)),chunk(3,0,\"abc\")])",
        ),
        (3, "ip()/udplite(cscov=8)/\"not covered\""),
        (4, "ip()/ah(spi=1,seq=2)/udp()"),
        (5, "ip()/esp(spi=1,seq=2)/hex(00112233)"),
    ]
    .map(|(choice, text)| behind_ip(choice, text))
    .into();
    for options in [
        "rr(3)",
        "ts(1,[10.0.0.3,5],9),ra(0)",
        "ssrr([10.0.0.3],8),sec(\"123456789\")",
    ] {
        let packet = built(&format!("ip(options=[{options}])"));
        inputs.push([&[6], &packet[20..]].concat());
    }
    for headers in [
        "hbh([ra(0),jumbo(70000)])/dstopts([home(fd00::5),padn(4),opt(0x1e,\"x\")])",
        "srh([fd00::7,fd00::8],tag=5)/frag(id=9)",
        "routing(type=2,addresses=[fd00::7])/ah(spi=1)",
        "routing(type=3,addresses=[fd00::7])",
    ] {
        let packet = built(&format!("ip6()/{headers}"));
        inputs.push([&[7, packet[6]], &packet[40..]].concat());
    }
    let options = "slla(02:00:00:00:00:01),prefix(fd00::,64),mtu(1420),route(fd01::,48,60,1),\
                   rdnss(60,[fd00::53]),dnssl(60,[example.org]),pref64(64:ff9b::),captive(\"https://a\")";
    let packet = built(&format!("ip6()/rs([{options}])"));
    inputs.push([&[8], &packet[48..]].concat());
    let packet = built("ip()/icmp(type=11)/ext([mpls(16),iface(2,7,10.0.0.1,\"eth0\",1500)])");
    inputs.push([&[8], &packet[20 + 8 + 128..]].concat());
    inputs
}

/// What the packets of a protocol carry.
fn uppers(packets: &[Vec<u8>], protocol: Protocol) -> Vec<Vec<u8>> {
    let parsed = packets
        .iter()
        .filter_map(|bytes| wirecraft_ip_packets::IpPacket::parse(bytes).ok());
    let same = parsed.filter(|packet| packet.protocol() == protocol && !packet.is_fragment());
    same.map(|packet| packet.payload().to_vec()).collect()
}

/// Fragments made to measure: how long to wait, a kind, an offset, and the payload.
fn pieces() -> Vec<Vec<u8>> {
    let piece =
        |kind: u8, offset: u8, len: usize| [&[0, kind, offset][..], &[offset; 23][..len]].concat();
    let in_order = |version: u8| {
        [
            piece(version | 1, 0, 8),
            piece(version | 1, 1, 8),
            piece(version | 3, 2, 8),
        ]
        .concat()
    };
    let reversed = |version: u8| [piece(version | 3, 1, 8), piece(version | 1, 0, 8)].concat();
    let overlapping = [piece(0x41, 0, 16), piece(1, 1, 8), piece(3, 2, 8)].concat();
    vec![
        in_order(0),
        in_order(0x80),
        reversed(0),
        reversed(0x80),
        overlapping,
    ]
}

fn messages() -> Vec<Vec<u8>> {
    let message = |kind: u8, len: usize| {
        let mut bytes = vec![0x5a; len];
        bytes[..4].copy_from_slice(&[kind, 0, 0, 0]);
        bytes
    };
    vec![
        message(1, 148),
        message(2, 92),
        message(3, 64),
        message(4, 32),
        message(4, 80),
    ]
}

fn configs() -> Vec<Vec<u8>> {
    let full = format!(
        "[Interface]\nPrivateKey = {PRIVATE_KEY}\nAddress = 10.0.0.2/24, fd00::2/64\nListenPort = 51820\n\
         DNS = 10.0.0.1, corp.example\nMTU = 1380\nFwMark = 0xca6c\nTable = off\nPreUp = a %i\nPostUp = b\n\
         PreDown = c\nPostDown = d\nSaveConfig = true\n\n[Peer]\nPublicKey = {PUBLIC_KEY}\n\
         PresharedKey = {PRESHARED_KEY}\nAllowedIPs = 0.0.0.0/0, ::/0\nEndpoint = vpn.example.org:51820\n\
         PersistentKeepalive = 25\n"
    );
    let odd = format!(
        "\u{feff}# a comment\r\n [ interface ] # here\r\nPRIVATEKEY={PRIVATE_KEY}# and here\r\n\
         \taddress =10.0.0.2/32 ,fd00::2/128\r\n[PEER]\r\npublickey = {PUBLIC_KEY} \r\n\
         allowedips = 10.0.0.7/24 , 10.1.0.0/24\u{a0}\r\nEndpoint=[2001:db8::1]:51820\r\n\
         [Peer]\nPublicKey={PUBLIC_KEY}\nAllowedIPs=\nPersistentKeepalive=off"
    );
    vec![
        full.into_bytes(),
        odd.into_bytes(),
        b"[Interface]\nJc = 4\n".to_vec(),
    ]
}

fn endpoints() -> Vec<Vec<u8>> {
    texts(&[
        "192.0.2.1:51820",
        "[2001:db8::1]:51820",
        "2001:db8::1:51820",
        "vpn.example.org:51820",
        "[fe80::1%eth0]:51820",
        "AAAA",
        "TYPE65",
    ])
}

fn expressions() -> Vec<Vec<u8>> {
    texts(&[
        r#"ip(dst=10.0.0.1,ttl=3,options=[rr(3)])/tcp(dport=80,flags=S,mss=1380)/"payload""#,
        "ip(flags=MF+DF,frag=9,dscp=ef,chksum=0x1234)/icmp(type=3,code=4,mtu=1280)/ip()/udp()",
        "ip6(hlim=255)/ra(flags=MO,options=[prefix(fd00::,64),mtu(1420),slla(02:00:00:00:00:01)])",
        r#"ip6()/hbh([ra(0)])/srh([fd00::7,fd00::8])/frag(m=1)/udp()/hex(00 ff)/"\x00\n""#,
        "ip()/tcp(options=[sack([1,2]),ts(1,2),mptcp(0,zeros(4)),accecn0(1,2,3),exp(254,1)])",
        "ip()/gre(key=7,chksum=auto)/ip()/sctp(chunks=[chunk(1,0,zeros(16))])",
        "ip()/icmp(type=11)/ip()/udp()/ext([mpls(16)])",
        "ip()/igmp3r([record(4,224.0.0.251,[10.0.0.1])])",
        "ip(dst=10.0.0.1/tcp(flags=X)",
    ])
}

fn captures(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let header = [
        0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 101, 0, 0, 0,
    ];
    let mut pcap = header.to_vec();
    for packet in &packets[..2] {
        let len = u32::try_from(packet.len()).unwrap_or(0).to_le_bytes();
        pcap.extend([[1, 0, 0, 0], [2, 0, 0, 0], len, len].concat());
        pcap.extend(packet);
    }
    let mut inputs = vec![pcap];
    inputs.extend(pcapng(packets));
    inputs
}

fn pcapng(packets: &[Vec<u8>]) -> Result<Vec<u8>, CaptureError> {
    let mut writer = CaptureWriter::new(Vec::new())?;
    let raw = writer.interface("wg0", LinkType::RAW)?;
    let loopback = writer.interface("lo", LinkType::NULL)?;
    writer.packet(raw, Duration::from_secs(1), &packets[0], Some("a comment"))?;
    let framed = [&[2, 0, 0, 0][..], &packets[1]].concat();
    writer.packet(loopback, Duration::from_secs(2), &framed, None)?;
    writer.finish()
}

fn scans() -> Vec<Vec<u8>> {
    texts(&[
        "10.0.0.0/24 !10.0.0.7 :80 :443",
        "10.0.0.1-10.0.0.9 !10.0.0.2-10.0.0.3 fd00::/120 :22",
        "::/0 :1",
        "0.0.0.0/0 !10.0.0.0/8 :1 :2",
    ])
}

/// All twelve probes, and answers to them.
fn scan_play() -> Vec<u8> {
    let mut play = vec![1; 12];
    for probe in 0..12 {
        play.extend([3, probe, probe % 3, 0]);
    }
    play.extend([3, 0, 0, 1, 60, 1, 1, 1, 0, 15, 160, 1]);
    play
}

fn tcp_plays() -> Vec<Vec<u8>> {
    let in_order = [6, 200, 2, 1, 0, 6, 100, 2, 0, 50];
    let writes = [1, 4, 0, 0, 3, 232, 1, 0, 100, 0, 200, 0];
    let last = [4, 10, 0x11, 1, 0, 1, 0, 32, 0];
    vec![
        in_order.to_vec(),
        [&writes[..], &last, &in_order].concat(),
        [&in_order[..], &[3, 0, 255, 255]].concat(),
    ]
}

/// Each message that the scene has, unchanged and changed, and a flood.
fn receptions() -> Vec<Vec<u8>> {
    let unchanged = (0..5).flat_map(|kind| [0, kind, 0]).collect();
    let changed = (0..5).flat_map(|kind| [1, kind, 1, 20, 1]).collect();
    let flood = [&[2, 5, 5, 0xff][..], &[2, 9, 4, 0], &[0, 0, 0]].concat();
    let noise = [&[0, 6, 40, 4, 0, 0, 0][..], &[7; 36]].concat();
    vec![unchanged, changed, flood, noise]
}

/// What sides do, as an action and its detail: the lowest bit of the detail is the side.
fn pair_plays() -> Vec<Vec<u8>> {
    let traffic = [0, 2, 0, 3, 0, 40, 7, 0, 3, 100, 7, 0, 13, 14, 7, 0];
    let faults = [
        0, 0, 9, 0, 9, 0, 4, 1, 4, 1, 11, 0, 1, 30, 7, 0, 1, 1, 10, 1, 12, 1,
    ];
    let handshakes = [18, 16, 0, 4, 0, 17, 255, 4, 1, 18, 17, 0, 7, 0, 13, 12];
    let settings = [
        18, 2, 1, 18, 5, 1, 0, 4, 18, 8, 1, 7, 0, 18, 10, 0, 18, 12, 0, 18, 6, 0,
    ];
    let accidents = [
        19, 0, 19, 1, 0, 0, 7, 0, 19, 4, 0, 1, 13, 20, 7, 0, 15, 26, 16, 0, 19, 8,
    ];
    let plays: [&[u8]; 5] = [&traffic, &faults, &handshakes, &settings, &accidents];
    let mut inputs: Vec<Vec<u8>> = plays.iter().map(|play| [&[0][..], play].concat()).collect();
    inputs.push([&[1][..], &plays.concat()].concat());
    inputs
}
