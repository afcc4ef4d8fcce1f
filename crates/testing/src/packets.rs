//! Valid packets of every kind, as expressions: what is wrong with one is its reader's.

use rand_core::Rng;

use crate::dice::{Dice, Purpose};

/// Makes up valid packets, as the expressions of `ip-packets`; a seed always makes the same.
///
/// Ports are ones that nobody has a protocol for, so that readers take payloads for nothing else.
pub struct Packets(Dice);

impl Packets {
    /// Starts with a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Dice::new(seed, Purpose::Packets))
    }

    fn below(&mut self, end: usize) -> usize {
        self.0.below(end)
    }

    fn number(&mut self, bits: u32) -> u64 {
        u64::from(self.0.rng().next_u32() >> (32 - bits))
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        self.0.pick(choices)
    }

    fn chance(&mut self) -> bool {
        self.0.chance(0.5)
    }

    fn v4(&mut self) -> String {
        format!(
            "10.{}.{}.{}",
            self.number(8),
            self.number(8),
            1 + self.below(254)
        )
    }

    fn v6(&mut self) -> String {
        format!("fd00:{:x}::{:x}", self.number(16), 1 + self.below(0xfffe))
    }

    fn mac(&mut self) -> String {
        format!(
            "02:00:00:{:02x}:{:02x}:{:02x}",
            self.number(8),
            self.number(8),
            self.number(8)
        )
    }

    fn digits(&mut self, len: usize) -> String {
        (0..len)
            .map(|_| format!("{:02x}", self.number(8)))
            .collect()
    }

    fn hex(&mut self, len: usize) -> String {
        format!("hex({})", self.digits(len))
    }

    fn payload(&mut self) -> String {
        match self.below(5) {
            0 => String::new(),
            1 => "/\"ordinary text\"".to_owned(),
            2 => {
                let len = self.below(64);
                format!("/{}", self.hex(len))
            }
            3 => format!("/zeros({})", self.below(1200)),
            _ => format!("/repeat({},{:#x})", self.below(1200), self.number(8)),
        }
    }

    fn ports(&mut self) -> String {
        let (source, destination) = (50_100 + self.below(900), 52_100 + self.below(900));
        format!("sport={source},dport={destination}")
    }

    /// The header of either version.
    fn ip(&mut self) -> String {
        if self.chance() {
            self.ipv4()
        } else {
            self.ipv6()
        }
    }

    fn ipv4(&mut self) -> String {
        let (source, destination) = (self.v4(), self.v4());
        let (ttl, tos, id) = (1 + self.below(255), self.number(8), self.number(16));
        let flags = self.pick(&["", ",flags=DF", ",flags=0"]);
        let options = self.ipv4_options();
        format!("ip(src={source},dst={destination},ttl={ttl},tos={tos},id={id}{flags}{options})")
    }

    fn ipv4_options(&mut self) -> String {
        let options = match self.below(18) {
            8 => format!("sec({})", self.hex(9)),
            9 => format!("ts(3,[{},0,{},0],5)", self.v4(), self.v4()),
            10 => format!(
                "ts(3,[{},{},{},0],13)",
                self.v4(),
                self.number(25),
                self.v4()
            ),
            0 => format!("rr({})", 1 + self.below(9)),
            1 => format!("rr([{},{}],8)", self.v4(), self.v4()),
            2 => "ra(0)".to_owned(),
            3 => "nop,nop,ra(0)".to_owned(),
            4 => format!("ts(0,[{},{}],13)", self.number(25), self.number(25)),
            5 => format!("ts(1,[{},{}],13)", self.v4(), self.number(25)),
            6 => format!("lsrr([{},{}])", self.v4(), self.v4()),
            7 => format!("ssrr([{},{}],8)", self.v4(), self.v4()),
            _ => return String::new(),
        };
        format!(",options=[{options}]")
    }

    fn ipv6(&mut self) -> String {
        let (source, destination) = (self.v6(), self.v6());
        let (hops, class, label) = (1 + self.below(255), self.number(8), self.number(20));
        let header =
            format!("ip6(src={source},dst={destination},hlim={hops},tc={class},fl={label})");
        format!("{header}{}", self.extension_headers())
    }

    fn extension_headers(&mut self) -> String {
        match self.below(16) {
            0 => "/hbh([ra(0)])".to_owned(),
            1 => "/hbh([padn(4)])/dstopts([padn(6)])".to_owned(),
            2 => format!("/dstopts([padn({})])", 2 + self.below(60)),
            3 => format!("/routing(type=2,segleft=1,addresses=[{}])", self.v6()),
            4 => format!(
                "/srh([{},{}],segleft=1,tag={})",
                self.v6(),
                self.v6(),
                self.number(16)
            ),
            5 => format!("/srh([{}],segleft=0)", self.v6()),
            6 => format!("/frag(id={})", self.number(32)),
            7 => format!("/ah(spi={},seq={})", 256 + self.number(20), self.number(32)),
            8 => format!(
                "/routing(type=3,segleft=0,addresses=[{},{}])",
                self.v6(),
                self.v6()
            ),
            9 => format!("/routing(type=0,segleft=0,addresses=[{}])", self.v6()),
            10 => format!("/dstopts([home({})])", self.v6()),
            _ => String::new(),
        }
    }

    /// Packets whose payload only who has the key can read, or knows that nobody changed.
    fn secured(&mut self) -> String {
        let (spi, sequence) = (256 + self.number(20), self.number(32));
        if self.chance() {
            let (ip, udp) = (self.ipv4(), self.udp());
            return format!(
                "{ip}/ah(spi={spi},seq={sequence},icv={})/{udp}",
                self.hex(12)
            );
        }
        let len = 24 + 4 * self.below(30);
        let (ip, sealed) = (self.ip(), self.hex(len));
        format!("{ip}/esp(spi={spi},seq={sequence})/{sealed}")
    }

    fn tcp(&mut self) -> String {
        let ports = self.ports();
        let (flags, options) = if self.below(5) == 0 {
            let (flags, options) = self.multipath();
            (flags, format!(",options=[{options}]"))
        } else {
            let flags = self.pick(&["S", "SA", "A", "PA", "FA", "RA", "R", "SEC", "SECN", "UA"]);
            (flags, self.tcp_options())
        };
        let (seq, window) = (self.number(32), self.number(16));
        let ack = match flags.contains('A') {
            true => self.number(32),
            false => 0,
        };
        let urgent = match flags {
            "UA" => format!(",urgptr={}", 1 + self.number(15)),
            _ => String::new(),
        };
        // Data on a reset is its reason, and on a SYN rare: readers say so in their own ways.
        let payload = match flags {
            "A" | "PA" | "FA" | "UA" => self.payload(),
            _ => String::new(),
        };
        format!(
            "tcp({ports},seq={seq},ack={ack},flags={flags},window={window}{urgent}{options}){payload}"
        )
    }

    /// A multipath option in a segment that may have it, with the flags of that.
    fn multipath(&mut self) -> (&'static str, String) {
        let (id, a, b, c) = (
            self.number(8),
            self.number(32),
            self.number(32),
            self.number(32),
        );
        let (key, len) = (a << 32 | b, self.number(16));
        match self.below(16) {
            14 => ("R", format!("mpreset({})", id & 7)),
            0 => ("S", "mpcapable()".to_owned()),
            1 => ("SA", format!("mpcapable(flags=0x81,sender={key})")),
            2 => ("A", format!("mpcapable(sender={key},receiver={c})")),
            3 => (
                "PA",
                format!("nop,nop,mpcapable(sender={key},receiver={c},len={len})"),
            ),
            4 => ("S", format!("mpjoin({},{id},token={a},nonce={b})", id & 1)),
            5 => ("SA", format!("mpjoin(id={id},hmac={key},nonce={c})")),
            6 => ("A", format!("mpjoin(hmac={})", self.hex(20))),
            7 => ("A", format!("dss(ack={a})")),
            8 => (
                "PA",
                format!("nop,nop,dss(ack={a},seq={b},subseq={c},len={len})"),
            ),
            9 => (
                "A",
                format!("dss(ack64={key},seq64={key},subseq={c},len={len},csum={len},fin=1)"),
            ),
            10 => {
                let (address, port) = (self.v4(), 1 + self.number(15));
                ("A", format!("nop,nop,addaddr({id},{address},{port},{key})"))
            }
            11 => ("A", format!("nop,nop,addaddr({id},{})", self.v6())),
            12 => (
                "A",
                format!("remaddr([{id},{}]),nop,nop,nop", self.number(8)),
            ),
            13 => ("A", format!("mpprio({},{id})", id & 1)),
            _ => {
                let option = self.pick(&["mpfail", "fastclose"]);
                ("A", format!("{option}({key})"))
            }
        }
    }

    fn tcp_options(&mut self) -> String {
        let options = match self.below(17) {
            0 => format!("mss({})", self.number(16)),
            1 => format!(
                "mss({}),sackok,ts({},0),nop,wscale({})",
                self.number(16),
                self.number(32),
                self.below(15)
            ),
            2 => format!("nop,nop,ts({},{})", self.number(32), self.number(32)),
            3 => format!("nop,nop,sack([{},{}])", self.number(31), self.number(31)),
            4 => format!(
                "nop,nop,sack([{0},{0},{1},{1}])",
                self.number(31),
                self.number(31)
            ),
            5 => format!("nop,nop,md5({})", self.hex(16)),
            6 => format!("ao({},{},{})", self.number(8), self.number(8), self.hex(12)),
            7 => format!("uto({})", 1 + self.number(14)),
            8 => format!("nop,nop,tfo({})", self.hex(8)),
            9 => "mpprio(1),nop".to_owned(),
            13 => "tfo(),nop,nop".to_owned(),
            14 => format!(
                "nop,accecn1({},{},{})",
                self.number(24),
                self.number(24),
                self.number(24)
            ),
            15 => format!("exp(253,{},{})", self.number(16), self.hex(4)),
            10 => format!(
                "accecn0({},{},{}),nop",
                self.number(24),
                self.number(24),
                self.number(24)
            ),
            11 => format!("exp(254,0xf989,{})", self.hex(8)),
            12 => format!("mss({}),eol", self.number(16)),
            _ => return String::new(),
        };
        format!(",options=[{options}]")
    }

    fn udp(&mut self) -> String {
        let ports = self.ports();
        format!("udp({ports}){}", self.payload())
    }

    fn echo(&mut self, layer: &str, kinds: &[&str]) -> String {
        let (kind, id, seq) = (self.pick(kinds), self.number(16), self.number(16));
        format!("{layer}(type={kind},id={id},seq={seq}){}", self.payload())
    }

    /// A packet of version 4 without options, as errors quote them.
    fn quoted_v4(&mut self) -> String {
        let (source, destination, ports) = (self.v4(), self.v4(), self.ports());
        let upper = self.pick(&["udp", "tcp"]);
        format!("ip(src={source},dst={destination})/{upper}({ports})")
    }

    fn quoted_v6(&mut self) -> String {
        let (source, destination, ports) = (self.v6(), self.v6(), self.ports());
        let upper = self.pick(&["udp", "tcp"]);
        format!("ip6(src={source},dst={destination})/{upper}({ports})")
    }

    fn icmp(&mut self) -> String {
        let (quoted, gateway) = (self.quoted_v4(), self.v4());
        match self.below(22) {
            14 => format!("icmp(type=4)/{quoted}"),
            15 => "icmp(type=10)".to_owned(),
            16 => format!("icmp(type=14,id=1,seq=2,ori={},rx=1,tx=2)", self.number(26)),
            17 => format!(
                "icmp(type={},id={},seq=1)",
                self.pick(&["15", "16"]),
                self.number(16)
            ),
            18 => format!("icmp(type=40,code={})/{quoted}", self.below(6)),
            19 => format!(
                "icmp(type=5,code={},gw={gateway})/{quoted}",
                self.pick(&["0", "2", "3"])
            ),
            20 => format!("icmp(type=12,code=2)/{quoted}"),
            8 => format!("icmp(type=17,id={},seq=1)", self.number(16)),
            9 => format!(
                "icmp(type=18,id={},seq=1,mask=255.255.0.0)",
                self.number(16)
            ),
            10 => format!(
                "icmp(type=42,word={:#x}01)/ext([{}])",
                self.number(24),
                self.asked()
            ),
            11 => format!("icmp(type=43,word={:#x}47)", self.number(24)),
            12 => format!(
                "icmp(type=9,word=0x01020708)/hex(0a0000{:02x}00000001)",
                self.number(8)
            ),
            13 => format!("icmp(type=11)/{quoted}/ext([{}])", self.interface()),
            0 => format!(
                "icmp(type=3,code={})/{quoted}",
                self.pick(&["0", "1", "2", "3", "9", "10", "13"])
            ),
            1 => format!("icmp(type=3,code=4,mtu={})/{quoted}", 68 + self.below(1400)),
            2 => format!("icmp(type=11,code={})/{quoted}", self.below(2)),
            3 => format!("icmp(type=12,ptr={})/{quoted}", self.below(20)),
            4 => format!("icmp(type=5,code=1,gw={gateway})/{quoted}"),
            5 => format!(
                "icmp(type=11)/{quoted}/ext([mpls({},0,1,{})])",
                16 + self.number(19),
                self.number(8)
            ),
            6 => format!("icmp(type=13,id=1,seq=2,ori={},rx=0,tx=0)", self.number(26)),
            _ => self.echo("icmp", &["echo-request", "echo-reply"]),
        }
    }

    /// What an extended echo asks about.
    fn asked(&mut self) -> String {
        match self.below(3) {
            0 => "ifname(\"eth0\")".to_owned(),
            1 => format!("ifindex({})", self.number(32)),
            _ => format!("ifaddr({})", self.v4()),
        }
    }

    /// What a router says of an interface.
    fn interface(&mut self) -> String {
        let (role, index) = (self.below(4), self.number(32));
        format!("iface({role},{index},mtu={})", 1280 + self.below(8000))
    }

    fn icmp6(&mut self) -> String {
        let quoted = self.quoted_v6();
        match self.below(9) {
            5 => format!(
                "icmp6(type=160,word={:#x}01)/ext([{}])",
                self.number(24),
                self.asked()
            ),
            6 => format!("icmp6(type=161,word={:#x}47)", self.number(24)),
            7 => format!("icmp6(type=3)/{quoted}/ext([{}])", self.interface()),
            0 => format!("icmp6(type=1,code={})/{quoted}", self.below(7)),
            1 => format!("icmp6(type=2,mtu={})/{quoted}", 1280 + self.below(200)),
            2 => format!("icmp6(type=3,code={})/{quoted}", self.below(2)),
            3 => format!("icmp6(type=4,code=1,ptr=6)/{quoted}"),
            4 => format!(
                "icmp6(type=3)/{quoted}/ext([mpls({})])",
                16 + self.number(19)
            ),
            _ => self.echo("icmp6", &["echo-request", "echo-reply"]),
        }
    }

    fn neighbour(&mut self) -> String {
        let (source, destination, target, mac) = (self.v6(), self.v6(), self.v6(), self.mac());
        let message = match self.below(16) {
            8 => format!("ra(options=[route({target},128,{},0)])", self.number(16)),
            9 => format!(
                "ra(options=[dnssl({},[corp.example,b.example])])",
                self.number(16)
            ),
            10 => format!("ns({target},[nonce({})])", self.hex(6)),
            11 => "ra(options=[captive(\"https://portal.example/api\")])".to_owned(),
            12 => format!("ra(options=[pref64(64:ff9b::,{},0)])", 8 * self.number(12)),
            13 => format!("mldr(group=ff02::{:x})", 2 + self.number(8)),
            14 => format!("mldd(group=ff02::{:x})", 2 + self.number(8)),
            15 => format!(
                "mldq(delay={},group=ff02::5,flags=10,qqic=125,sources=[{target}])",
                self.number(12)
            ),
            5 => "icmp6(type=153)".to_owned(),
            0 => format!("rs([slla({mac})])"),
            1 => format!(
                "ra(hlim=64,flags=MO,lifetime=1800,options=[slla({mac}),mtu(1420),prefix(fd00::,64,100,50),rdnss(60,[{target}])])"
            ),
            2 => format!("ns({target},[slla({mac})])"),
            3 => format!("na({target},flags=SO,options=[tlla({mac})])"),
            4 => format!("redirect({target},{destination},[tlla({mac})])"),
            6 => format!("mldq(delay={},group=::)", self.number(12)),
            _ => format!(
                "mld2r([record(4,ff02::{:x}),record(1,ff3e::1,[{target}])])",
                2 + self.number(8)
            ),
        };
        format!("ip6(src={source},dst={destination},hlim=255)/{message}")
    }

    fn igmp(&mut self) -> String {
        let group = format!("224.1.{}.{}", self.number(8), self.number(8));
        let message = match self.below(8) {
            5 => format!("igmp(type=0x12,group={group})"),
            6 => "igmp(type=0x31)".to_owned(),
            0 => "igmp(type=0x11,mrt=100)".to_owned(),
            4 => "igmp(type=0x32)".to_owned(),
            1 => format!("igmp(type=0x16,group={group})"),
            2 => format!("igmp(type=0x17,group={group})"),
            3 => format!(
                "igmp(type=0x11,mrt=100,group={group},flags=2,qqic=125,sources=[{}])",
                self.v4()
            ),
            _ => format!(
                "igmp3r([record(4,{group}),record(1,232.1.1.1,[{}])])",
                self.v4()
            ),
        };
        let (source, id) = (self.v4(), self.number(16));
        // A router that ceases says so to all who snoop, RFC 4286 §5.
        let destination = match message.as_str() {
            "igmp(type=0x32)" => "224.0.0.106",
            "igmp(type=0x31)" => "224.0.0.2",
            _ => &group,
        };
        format!("ip(src={source},dst={destination},ttl=1,id={id},options=[ra(0)])/{message}")
    }

    fn sctp(&mut self) -> String {
        let (ports, tag) = (self.ports(), self.number(32));
        // Behind sequence number, stream and protocol a chunk of data has one byte at least.
        let (number, len) = (self.number(32), 1 + self.below(20));
        let data = self.digits(len);
        format!(
            "sctp({ports},tag={tag},chunks=[chunk(4,0,hex(0001000c0102030405060708)),\
             chunk(0,3,hex({number:08x}0001000200000000{data}))])"
        )
    }

    fn upper(&mut self) -> String {
        match self.below(10) {
            0..4 => self.tcp(),
            4..7 => self.udp(),
            7 => format!(
                "udplite({},cscov={}){}",
                self.ports(),
                self.pick(&["0", "8"]),
                self.payload()
            ),
            8 => self.sctp(),
            _ => format!("hex({:02x}00)", self.number(8)),
        }
    }
}

impl Iterator for Packets {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let expression = match self.below(20) {
            10 => self.secured(),
            11 => format!(
                "{}/udp({},chksum=0){}",
                self.ipv4(),
                self.ports(),
                self.payload()
            ),
            12 => format!("{}/gre()/{}/{}", self.ip(), self.quoted_v6(), self.hex(6)),
            13 => format!(
                "ip(src={},dst={},flags=MF,id={})/udp({},len=900,chksum=0x1234)/{}",
                self.v4(),
                self.v4(),
                self.number(16),
                self.ports(),
                self.hex(24)
            ),
            0 | 1 => format!("{}/{}", self.ipv4(), self.icmp()),
            2 | 3 => format!("{}/{}", self.ipv6(), self.icmp6()),
            4 => self.neighbour(),
            5 => self.igmp(),
            6 => format!("{}/{}/{}", self.ipv4(), self.ip(), self.udp()),
            7 => {
                let sum = self.pick(&["", ",chksum=auto"]);
                let (key, seq) = (self.number(32), self.number(32));
                format!(
                    "{}/gre(key={key},seq={seq}{sum})/{}/{}",
                    self.ip(),
                    self.quoted_v4(),
                    self.hex(6)
                )
            }
            8 => format!(
                "ip(src={},dst={},flags=MF,frag={},id={},proto=udp)/{}",
                self.v4(),
                self.v4(),
                1 + self.below(100),
                self.number(16),
                self.hex(16)
            ),
            9 => format!(
                "ip6(src={},dst={})/frag(offset={},m=1,id={},nh=udp)/{}",
                self.v6(),
                self.v6(),
                1 + self.below(100),
                self.number(32),
                self.hex(16)
            ),
            _ => format!("{}/{}", self.ip(), self.upper()),
        };
        Some(expression)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wirecraft_ip_packets::{Defaults, Expression, IpPacket};

    #[test]
    fn every_packet_is_one() {
        for text in Packets::new(7).take(2000) {
            let expression: Expression = text.parse().unwrap_or_else(|error| panic!("{error}"));
            let bytes = expression.build(&Defaults::default());
            let bytes = bytes.unwrap_or_else(|error| panic!("{error}"));
            let packet = IpPacket::parse(&bytes).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(packet.as_bytes(), bytes, "{text}");
            assert!(packet.transport().is_ok(), "{text}");
        }
    }

    #[test]
    fn a_seed_makes_the_same_packets() {
        assert!(Packets::new(1).take(50).eq(Packets::new(1).take(50)));
        assert!(!Packets::new(1).take(50).eq(Packets::new(2).take(50)));
    }
}
