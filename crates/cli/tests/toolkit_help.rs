//! What the commands of the toolkit say about themselves.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod program;

use program::{run, wirecraft};

fn help(command: &str) -> String {
    let run = run(wirecraft(&[command, "--help"]), "").unwrap();
    assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""));
    run.stdout
}

#[test]
fn scan_explains_itself() {
    insta::assert_snapshot!(help("scan"), @r#"
    Find open ports, or hosts, through the tunnel

    Usage: wirecraft scan [OPTIONS] --config <FILE> <TARGETS>...

    Arguments:
      <TARGETS>...  What to scan

    Options:
      -p, --ports <PORTS>      Ports such as 22,80,8000-8010; `-` is all of them
          --rate <RATE>        Probes a second (1000, 50k) or bits a second on the wire (10Mbit) [default: 1000]
          --retries <N>        How often targets that do not answer are probed again [default: 1]
          --wait <S>           Seconds to wait for answers after the last probe [default: 3]
          --exclude <TARGETS>  Targets to leave out, in the same forms; may be repeated
          --special-use        Scan special-use ranges even where they are only part of a wider one
          --seed <N>           Number that the order of targets comes from; random if it is not given
          --shard <I/N>        Scan part I of N; all parts need the same --seed
          --resume <FILE>      Keep in FILE how far the scan has come, and go on from there if FILE exists
          --format <FORMAT>    The form of the findings [default: text] [possible values: text, ndjson, json, xml, grepable, csv]
      -o, --output <FILE>      Write findings to FILE instead of standard output
          --udp                Send UDP datagrams, with questions for common services
          --ack                Send TCP ACKs: tells which ports a firewall lets through
          --ping               Send echo requests: tells which hosts are up
          --shape <SHAPE>      TCP options of the probes, as those of a system [default: mss] [possible values: none, mss, windows, linux, bsd]
          --ttl <N>            Time to live, or hop limit [default: 64]
          --banners            Connect to open ports and tell what their services say
          --all                Tell closed, filtered and unreachable targets too, and at the end those without a reply
          --dry-run            Say what would be scanned and send nothing
      -c, --config <FILE>      Configuration in the syntax of wg-quick; `-` is standard input [env: WIRECRAFT_CONFIG]
          --timeout <S>        Seconds to wait for the first handshake [default: 10]
          --pcap <FILE>        Record the packets inside the tunnel in FILE (pcapng)
          --json               The same as --format ndjson
      -v, --verbose...         Say more on standard error; twice for details, three times for everything
      -q, --quiet              Say nothing but errors on standard error
      -h, --help               Print help

    TARGETS are addresses, prefixes, ranges, names, and files of them: 10.0.0.1
    10.0.0.0/24 10.0.0.1-10.0.0.9 fd00::/120 example.org @targets.txt
    Open ports are told as they are found; --all tells all others too. Special-use
    ranges, such as private networks, are scanned only where they are asked for:
    10.0.0.0/24 is, 0.0.0.0/0 leaves them out.

    Examples:
      wirecraft scan -c wg0.conf 10.0.0.0/24 -p 1-1024
      wirecraft scan -c wg0.conf @net.txt -p 443 --rate 50k --retries 2 -o found.ndjson --format ndjson
      wirecraft scan -c wg0.conf 10.0.0.0/8 -p 22 --seed 7 --shard 2/5 --resume scan.state
      wirecraft scan -c wg0.conf 10.0.0.0/24 --ping
      wirecraft scan -c wg0.conf 10.0.0.1 -p 53,123,161 --udp
    "#);
}

#[test]
fn send_explains_itself() {
    insta::assert_snapshot!(help("send"), @r#"
    Make packets, send them through the tunnel and print the replies

    Usage: wirecraft send [OPTIONS] --config <FILE> [EXPR]...

    Arguments:
      [EXPR]...  Packets as expressions

    Options:
          --hex <DIGITS>    A whole packet in hexadecimal digits; may be repeated
          --pcap-in <FILE>  The packets of a file, pcap or pcapng
      -n, --count <N>       How often all of them are sent [default: 1]
          --rate <PPS>      Packets a second [default: 10]
          --wait <S>        Seconds to wait for replies after the last packet [default: 2]
      -V, --detail          Print every field of the replies
      -x, --bytes           Print the bytes too
      -c, --config <FILE>   Configuration in the syntax of wg-quick; `-` is standard input [env: WIRECRAFT_CONFIG]
          --timeout <S>     Seconds to wait for the first handshake [default: 10]
          --pcap <FILE>     Record the packets inside the tunnel in FILE (pcapng)
          --json            Print one JSON object a line on standard output
      -v, --verbose...      Say more on standard error; twice for details, three times for everything
      -q, --quiet           Say nothing but errors on standard error
      -h, --help            Print help

    Layers of an EXPR are joined by `/`; what is left out is filled in: addresses
    of the tunnel, lengths, checksums. Everything can be set, to wrong values too.
    Without any reply the exit status is 1, unless none is waited for (--wait 0).

    Examples:
      wirecraft send -c wg0.conf 'ip(dst=10.0.0.1,ttl=3)/udp(dport=53)/"hi"'
      wirecraft send -c wg0.conf 'ip(dst=10.0.0.1)/tcp(dport=80,flags=S,mss=1380)' --count 3 --rate 10
      wirecraft send -c wg0.conf --hex 4500001c000000004001...
      wirecraft send -c wg0.conf --pcap-in packets.pcapng --wait 0
    "#);
}

#[test]
fn sniff_explains_itself() {
    insta::assert_snapshot!(help("sniff"), @r#"
    Print or record the packets that arrive through the tunnel

    Usage: wirecraft sniff [OPTIONS] --config <FILE> [FILTER]...

    Arguments:
      [FILTER]...  Which packets; all of them without a filter

    Options:
      -n, --count <COUNT>  Stop after COUNT packets
      -w, --write <FILE>   Write the packets to FILE (pcapng) instead of printing them
      -V, --detail         Print every field
      -x, --hex            Print the bytes too
      -c, --config <FILE>  Configuration in the syntax of wg-quick; `-` is standard input [env: WIRECRAFT_CONFIG]
          --timeout <S>    Seconds to wait for the first handshake [default: 10]
          --pcap <FILE>    Record the packets inside the tunnel in FILE (pcapng)
          --json           Print one JSON object a line on standard output
      -v, --verbose...     Say more on standard error; twice for details, three times for everything
      -q, --quiet          Say nothing but errors on standard error
      -h, --help           Print help

    FILTER combines by not, and, or: tcp udp icmp ip4 ip6 fragment, proto NAME,
    [src|dst] host ADDRESS, [src|dst] net PREFIX, [src|dst] port N[-M],
    flags LETTERS (all of them set; =LETTERS no others), less N, greater N, ttl N.
    Goes on until it is interrupted, or until COUNT packets were taken.

    Examples:
      wirecraft sniff -c wg0.conf
      wirecraft sniff -c wg0.conf -x tcp and port 80 and flags S
      wirecraft sniff -c wg0.conf -w seen.pcapng icmp or udp port 53
    "#);
}

#[test]
fn traceroute_explains_itself() {
    insta::assert_snapshot!(help("traceroute"), @r#"
    Find the hops to a host behind the tunnel

    Usage: wirecraft traceroute [OPTIONS] --config <FILE> <HOST>

    Arguments:
      <HOST>  A name, which is looked up through the tunnel, or an address

    Options:
      -4                   Use IPv4 only
      -6                   Use IPv6 only
          --udp            Send datagrams to ports that nobody uses (the default)
          --tcp <PORT>     Send SYNs to PORT
          --icmp           Send echo requests
      -m, --max-hops <N>   The most hops [default: 30]
      -n, --queries <N>    Probes for each hop [default: 3]
      -w, --wait <S>       Seconds to wait for each answer [default: 3]
          --no-names       Look up no names of hops
      -c, --config <FILE>  Configuration in the syntax of wg-quick; `-` is standard input [env: WIRECRAFT_CONFIG]
          --timeout <S>    Seconds to wait for the first handshake [default: 10]
          --pcap <FILE>    Record the packets inside the tunnel in FILE (pcapng)
          --json           Print one JSON object a line on standard output
      -v, --verbose...     Say more on standard error; twice for details, three times for everything
      -q, --quiet          Say nothing but errors on standard error
      -h, --help           Print help

    Probes of all hops are under way at once. A host that does not answer is
    exit status 1.

    Examples:
      wirecraft traceroute -c wg0.conf 10.0.0.1
      wirecraft traceroute -c wg0.conf --tcp 443 example.org
    "#);
}

#[test]
fn mtu_explains_itself() {
    insta::assert_snapshot!(help("mtu"), @r#"
    Find the longest packet that reaches a host behind the tunnel

    Usage: wirecraft mtu [OPTIONS] --config <FILE> <HOST>

    Arguments:
      <HOST>  A name, which is looked up through the tunnel, or an address

    Options:
      -4                   Use IPv4 only
      -6                   Use IPv6 only
      -c, --config <FILE>  Configuration in the syntax of wg-quick; `-` is standard input [env: WIRECRAFT_CONFIG]
          --timeout <S>    Seconds to wait for the first handshake [default: 10]
          --pcap <FILE>    Record the packets inside the tunnel in FILE (pcapng)
          --json           Print one JSON object a line on standard output
      -v, --verbose...     Say more on standard error; twice for details, three times for everything
      -q, --quiet          Say nothing but errors on standard error
      -h, --help           Print help

    The host must answer echo requests. Lengths are those of IP packets inside the
    tunnel: what comes out is what MTU in [Interface] may be.

    Examples:
      wirecraft mtu -c wg0.conf 10.0.0.1
      wirecraft mtu -c wg0.conf -6 example.org --json
    "#);
}

#[test]
fn doctor_explains_itself() {
    insta::assert_snapshot!(help("doctor"), @r#"
    Say why a tunnel does not work

    Usage: wirecraft doctor [OPTIONS] --config <FILE>

    Options:
          --host <ADDRESS>  A host behind the tunnel that answers pings
      -c, --config <FILE>   Configuration in the syntax of wg-quick; `-` is standard input [env: WIRECRAFT_CONFIG]
          --json            Print one JSON object a line on standard output
      -v, --verbose...      Say more on standard error; twice for details, three times for everything
      -q, --quiet           Say nothing but errors on standard error
      -h, --help            Print help

    Reads the configuration, calls the peers, brings the tunnel up and sends data
    through it. Another tunnel that runs with the same keys is cut off meanwhile.
    Exit status: 0 all is well, 1 something is wrong, 2 the configuration cannot be
    read.

    Examples:
      wirecraft doctor -c wg0.conf
      wirecraft doctor -c wg0.conf --host 10.0.0.1
    "#);
}

#[test]
fn probe_explains_itself() {
    insta::assert_snapshot!(help("probe"), @r#"
    Check that a WireGuard endpoint of your own keeps the rules of the protocol

    Usage: wirecraft probe [OPTIONS] --config <FILE>

    Options:
          --host <ADDRESS>  An address behind the endpoint that answers pings; rules of data need one
          --long            Check rules too that take ten seconds and more
      -c, --config <FILE>   Configuration in the syntax of wg-quick; `-` is standard input [env: WIRECRAFT_CONFIG]
          --json            Print one JSON object a line on standard output
      -v, --verbose...      Say more on standard error; twice for details, three times for everything
      -q, --quiet           Say nothing but errors on standard error
      -h, --help            Print help

    Plays the peer of the configuration against its first [Peer] with an Endpoint,
    message by message; no other program may use the same keys meanwhile. Probe
    only endpoints that you may test. A rule that is not kept is exit status 1.

    Examples:
      wirecraft probe -c test.conf
      wirecraft probe -c test.conf --host 10.0.0.1 --long
    "#);
}
