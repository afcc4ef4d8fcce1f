//! What the program says about itself.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod program;

use program::{Run, run, wirecraft};

/// Runs wirecraft with `input` on standard input.
fn run_wirecraft(arguments: &[&str], input: &str) -> Run {
    run(wirecraft(arguments), input).unwrap()
}

fn help(command: &[&str]) -> String {
    let run = run_wirecraft(&[command, &["--help"]].concat(), "");
    assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""));
    run.stdout
}

#[test]
fn program_explains_itself() {
    insta::assert_snapshot!(help(&[]), @r#"
    WireGuard in user space: work through a tunnel without root and without changing the host

    Usage: wirecraft [OPTIONS] <COMMAND>

    Commands:
      demo        Start a gateway and a client on loopback and send everything through the tunnel between them once
      genkey      Make a private key and print it, as `wg genkey` does
      genpsk      Make a preshared key and print it, as `wg genpsk` does
      pubkey      Read a private key from standard input and print its public key, as `wg pubkey` does
      ping        Send echo requests through the tunnel and print the replies
      dns         Look a name up through the tunnel
      get         Fetch an address of the web through the tunnel
      forward     Forward ports into the tunnel and out of it, in the manner of ssh
      proxy       Serve SOCKS and HTTP proxies whose connections go through the tunnel
      serve       Be the gateway of peers: pass what they send on by sockets of this host
      exec        Run a program whose whole network is the tunnel
      show        Show the tunnels that run, of every mode
      scan        Find open ports, or hosts, through the tunnel
      send        Make packets, send them through the tunnel and print the replies
      sniff       Print or record the packets that arrive through the tunnel
      traceroute  Find the hops to a host behind the tunnel
      mtu         Find the longest packet that reaches a host behind the tunnel
      doctor      Say why a tunnel does not work
      probe       Check that a WireGuard endpoint of your own keeps the rules of the protocol
      tun         Create a network interface and serve it
      help        Print this message or the help of the given subcommand(s)

    Options:
      -v, --verbose...  Say more on standard error; twice for details, three times for everything
      -q, --quiet       Say nothing but errors on standard error
      -h, --help        Print help
      -V, --version     Print version

    Exit status: 0 done; 1 the network said no; 2 the call or the configuration is wrong.
    Every command explains itself: `wirecraft ping --help`.
    "#);
}

#[test]
fn demo_explains_itself() {
    insta::assert_snapshot!(help(&["demo"]), @r#"
    Start a gateway and a client on loopback and send everything through the tunnel between them once

    Needs no root, no network and no configuration.

    Usage: wirecraft demo [OPTIONS]

    Options:
          --json
              Print one JSON object a step on standard output

          --stay
              Keep the gateway up afterwards, and print the configuration of a client to standard output

      -v, --verbose...
              Say more on standard error; twice for details, three times for everything

      -q, --quiet
              Say nothing but errors on standard error

      -h, --help
              Print help (see a summary with '-h')

    Examples:
      wirecraft demo
      wirecraft demo --stay > demo.conf    # then, in another terminal:
      wirecraft ping -c demo.conf 10.89.0.1
      wirecraft get  -c demo.conf http://gateway.demo/
    "#);
}

#[test]
fn genkey_explains_itself() {
    insta::assert_snapshot!(help(&["genkey"]), @r#"
    Make a private key and print it, as `wg genkey` does

    Usage: wirecraft genkey [OPTIONS]

    Options:
      -v, --verbose...  Say more on standard error; twice for details, three times for everything
      -q, --quiet       Say nothing but errors on standard error
      -h, --help        Print help

    Example:
      umask 077; wirecraft genkey | tee private.key | wirecraft pubkey > public.key
    "#);
}

#[test]
fn genpsk_explains_itself() {
    insta::assert_snapshot!(help(&["genpsk"]), @r#"
    Make a preshared key and print it, as `wg genpsk` does

    Usage: wirecraft genpsk [OPTIONS]

    Options:
      -v, --verbose...  Say more on standard error; twice for details, three times for everything
      -q, --quiet       Say nothing but errors on standard error
      -h, --help        Print help

    Example:
      umask 077; wirecraft genpsk > preshared.key
    "#);
}

#[test]
fn pubkey_explains_itself() {
    insta::assert_snapshot!(help(&["pubkey"]), @r#"
    Read a private key from standard input and print its public key, as `wg pubkey` does

    Usage: wirecraft pubkey [OPTIONS]

    Options:
      -v, --verbose...  Say more on standard error; twice for details, three times for everything
      -q, --quiet       Say nothing but errors on standard error
      -h, --help        Print help

    Example:
      wirecraft pubkey < private.key
    "#);
}

#[test]
fn ping_explains_itself() {
    insta::assert_snapshot!(help(&["ping"]), @r#"
    Send echo requests through the tunnel and print the replies

    Usage: wirecraft ping [OPTIONS] --config <FILE> <HOST>

    Arguments:
      <HOST>  A name, which is looked up through the tunnel, or an address

    Options:
      -4                   Use IPv4 only
      -6                   Use IPv6 only
      -n, --count <COUNT>  Stop after COUNT requests
      -i, --interval <S>   Seconds between requests, 0.002 at least [default: 1]
      -s, --size <BYTES>   Bytes of payload [default: 56]
          --ttl <N>        Time to live, or hop limit [default: 64]
      -c, --config <FILE>  Configuration in the syntax of wg-quick; `-` is standard input [env: WIRECRAFT_CONFIG]
          --timeout <S>    Seconds to wait for the first handshake [default: 10]
          --pcap <FILE>    Record the packets inside the tunnel in FILE (pcapng)
          --json           Print one JSON object a line on standard output
      -v, --verbose...     Say more on standard error; twice for details, three times for everything
      -q, --quiet          Say nothing but errors on standard error
      -h, --help           Print help

    Goes on until it is interrupted, or until COUNT requests were sent.
    Without any reply the exit status is 1.

    Examples:
      wirecraft ping -c wg0.conf 10.0.0.1
      wirecraft ping -c wg0.conf -n 3 -i 0.2 -6 example.org
      wirecraft ping -c wg0.conf -n 1 --json 10.0.0.1
    "#);
}

#[test]
fn dns_explains_itself() {
    insta::assert_snapshot!(help(&["dns"]), @r#"
    Look a name up through the tunnel

    Usage: wirecraft dns [OPTIONS] --config <FILE> <NAME> [TYPE]

    Arguments:
      <NAME>  The name, or an address
      [TYPE]  The type of records, such as AAAA, MX, TXT or TYPE65

    Options:
          --server <IP>    The server to ask instead of those of the configuration, with a port if it is not 53
      -c, --config <FILE>  Configuration in the syntax of wg-quick; `-` is standard input [env: WIRECRAFT_CONFIG]
          --timeout <S>    Seconds to wait for the first handshake [default: 10]
          --pcap <FILE>    Record the packets inside the tunnel in FILE (pcapng)
          --json           Print one JSON object a line on standard output
      -v, --verbose...     Say more on standard error; twice for details, three times for everything
      -q, --quiet          Say nothing but errors on standard error
      -h, --help           Print help

    Asks the servers of the configuration's DNS line. Without a type it asks for
    the addresses of a name, or for the names of an address.

    Examples:
      wirecraft dns -c wg0.conf example.org
      wirecraft dns -c wg0.conf example.org MX
      wirecraft dns -c wg0.conf --server 10.0.0.1 _https._tcp.example.org TYPE33
      wirecraft dns -c wg0.conf --json 192.0.2.7
    "#);
}

#[test]
fn get_explains_itself() {
    insta::assert_snapshot!(help(&["get"]), @r#"
    Fetch an address of the web through the tunnel

    Usage: wirecraft get [OPTIONS] --config <FILE> <URL>

    Arguments:
      <URL>  What to fetch; `http://` in front may be left out

    Options:
      -o, --output <FILE>    Write to FILE instead of standard output
      -C, --continue-at <->  Continue FILE where it ends (`-C -`)
          --head             Ask for the headers only and print them
      -H, --header <HEADER>  Send a header of your own, `Name: value`; may be repeated
          --cacert <FILE>    Trust the certificates of FILE (PEM) instead of those of the host
          --max-time <S>     Seconds that the whole may take
          --step-time <S>    Seconds that the server may take for each step: the connection, the answer, the next piece [default: 30]
          --http1.1          Speak HTTP/1.1 even with servers that could do HTTP/2
      -c, --config <FILE>    Configuration in the syntax of wg-quick, or a directory of .conf files; `-` is standard input; may be repeated [env: WIRECRAFT_CONFIG]
          --rotate <WHEN>    When to take another of several tunnels: for every `connection`, `sticky` for every user, or every so many seconds [default: connection]
          --timeout <S>      Seconds to wait for the first handshake [default: 10]
          --pcap <FILE>      Record the packets inside the tunnel in FILE (pcapng)
          --json             Print one JSON object a line on standard output
      -v, --verbose...       Say more on standard error; twice for details, three times for everything
      -q, --quiet            Say nothing but errors on standard error
      -h, --help             Print help

    Names are looked up through the tunnel too. Redirects are followed. HTTP/2 is
    spoken with servers that offer it by TLS. Of several configurations, or of a
    directory of them, the first whose peer answers is taken. A status
    of 400 and above is exit status 1, and its page does not go into a file.

    Examples:
      wirecraft get -c wg0.conf https://example.org/
      wirecraft get -c wg0.conf -o image.iso https://example.org/image.iso
      wirecraft get -c wg0.conf -o image.iso -C - https://example.org/image.iso
      wirecraft get -c wg0.conf --head -H 'Accept-Language: eo' example.org
      wirecraft get -c exits/ --max-time 60 https://example.org/
    "#);
}

#[test]
fn forward_explains_itself() {
    insta::assert_snapshot!(help(&["forward"]), @r#"
    Forward ports into the tunnel and out of it, in the manner of ssh

    Usage: wirecraft forward [OPTIONS] --config <FILE>

    Options:
      -L, --local <FORWARD>      [BIND:]PORT:HOST:PORT[/udp] or PATH:HOST:PORT, from this host into the tunnel
      -R, --remote <FORWARD>     [BIND:]PORT:HOST:PORT[/udp] or [BIND:]PORT:PATH, from the tunnel to this host
          --udp-timeout <S>      Seconds of silence after which a UDP client is forgotten [default: 60]
          --max-connections <N>  TCP connections at once; further ones wait [default: 4096]
      -c, --config <FILE>        Configuration in the syntax of wg-quick; `-` is standard input [env: WIRECRAFT_CONFIG]
          --timeout <S>          Seconds to wait for the first handshake [default: 10]
          --pcap <FILE>          Record the packets inside the tunnel in FILE (pcapng)
          --json                 Print one JSON object a line on standard output
      -v, --verbose...           Say more on standard error; twice for details, three times for everything
      -q, --quiet                Say nothing but errors on standard error
      -h, --help                 Print help

    -L listens on this host and connects inside the tunnel, where names are looked
    up too; without BIND it listens on loopback, with * on all addresses. -R
    listens inside the tunnel and connects on this host, to an address, localhost
    or a unix socket. Both may be repeated. With /udp behind it datagrams are
    forwarded. Port 0 takes a free one. IPv6 addresses stand in brackets.

    While the tunnel is down it keeps trying, whatever --timeout says.

    Examples:
      wirecraft forward -c wg0.conf -L 8080:intranet.example:80
      wirecraft forward -c wg0.conf -L 5353:10.0.0.1:53/udp -L [::1]:2222:10.0.0.5:22
      wirecraft forward -c wg0.conf -L ./db.sock:10.0.0.7:5432
      wirecraft forward -c wg0.conf -R 8000:localhost:8000 -R 80:/run/app.sock
    "#);
}

#[test]
fn proxy_explains_itself() {
    insta::assert_snapshot!(help(&["proxy"]), @r#"
    Serve SOCKS and HTTP proxies whose connections go through the tunnel

    Usage: wirecraft proxy [OPTIONS] --config <FILE>

    Options:
          --socks <ADDR>          Listen for SOCKS clients; may be repeated
          --http <ADDR>           Listen for HTTP clients; may be repeated
          --metrics <ADDR>        Answer GET /metrics with counters, in the form of Prometheus
          --auth <USER:PASSWORD>  Serve this user only; may be repeated
          --auth-file <FILE>      Serve the users of FILE only, a USER:PASSWORD a line
          --open                  Listen on addresses that others can reach without asking for a password
          --max-connections <N>   Connections at once; further ones wait [default: 4096]
          --connect-timeout <S>   Seconds that a connection through the tunnel may take to come about [default: 30]
          --exit-connections <N>  Connections at once of each exit
          --exit-bytes <BYTES>    Bytes that each exit may carry, both ways
      -c, --config <FILE>         Configuration in the syntax of wg-quick, or a directory of .conf files; `-` is standard input; may be repeated [env: WIRECRAFT_CONFIG]
          --rotate <WHEN>         When to take another of several tunnels: for every `connection`, `sticky` for every user, or every so many seconds [default: connection]
          --timeout <S>           Seconds to wait for the first handshake [default: 10]
          --json                  Print one JSON object a line on standard output
      -v, --verbose...            Say more on standard error; twice for details, three times for everything
      -q, --quiet                 Say nothing but errors on standard error
      -h, --help                  Print help

    SOCKS is SOCKS5 (CONNECT, UDP ASSOCIATE), SOCKS4 and SOCKS4a; HTTP is CONNECT and
    http:// addresses. Names are looked up inside the tunnel, and nowhere else. ADDR is
    a port of the loopback address, ADDRESS:PORT or the path of a unix socket. An address
    that others can reach needs --auth, --auth-file or --open.

    With several configurations each is an exit, called as its file without .conf. The
    user name of a client chooses: the name of an exit pins it, any other name keeps
    the exit it got. With --auth the choice stands behind a plus: USER+CHOICE. A
    directory is watched: files that come and go are exits that come and go. Exits
    whose peer falls silent are left out until it answers.

    While the tunnel is down it keeps trying, whatever --timeout says. With -v each
    connection is logged.

    Examples:
      wirecraft proxy -c wg0.conf --socks 1080 --http 8080
      curl --socks5-hostname 127.0.0.1:1080 https://example.org/
      wirecraft proxy -c exits/ --rotate sticky --socks 0.0.0.0:1080 --auth me:secret
      curl --socks5-hostname 127.0.0.1:1080 --proxy-user me+oslo:secret https://example.org/
    "#);
}

#[test]
fn wrong_call_is_status_2_and_says_what_would_be_right() {
    for arguments in [&["pign"][..], &["genkey", "extra"], &["--loud"], &[]] {
        let run = run_wirecraft(arguments, "");
        assert_eq!(
            (run.status, run.stdout.as_str()),
            (Some(2), ""),
            "{arguments:?}"
        );
        assert!(run.stderr.contains("Usage: wirecraft"), "{}", run.stderr);
    }
}
