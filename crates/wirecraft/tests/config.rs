//! Configurations as people and providers write them.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::num::{NonZeroU16, NonZeroU32};

use wirecraft::config::{Config, Endpoint, Notice, PeerConfig, Problem, Section};

const PRIVATE: &str = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";
const PEER_A: &str = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
const PEER_B: &str = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=";
const PRESHARED: &str = "FpCyhws9cxwWoV4xELtfJvjJN+zQVRPISllRWgeopVE=";

fn parse(text: &str) -> Config {
    Config::parse(text, "wg0.conf").unwrap()
}

/// An interface section with its private key, then `lines`.
fn interface(lines: &str) -> Config {
    parse(&format!("[Interface]\nPrivateKey = {PRIVATE}\n{lines}"))
}

/// One peer with `lines` after its public key.
fn peer(lines: &str) -> PeerConfig {
    let mut config = interface(&format!("[Peer]\nPublicKey = {PEER_A}\n{lines}"));
    config.peers.remove(0)
}

fn words<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

#[test]
fn every_key_is_read() {
    let config = parse(&format!(
        "[Interface]\nPrivateKey = {PRIVATE}\nAddress = 10.0.0.2/24\nListenPort = 51820\n\
         DNS = 10.0.0.1, corp.example\nMTU = 1380\nFwMark = 0xca6c\nTable = 1234\nPreUp = a %i\n\
         PostUp = b\nPreDown = c\nPostDown = d\nSaveConfig = true\n\n[Peer]\nPublicKey = {PEER_A}\n\
         PresharedKey = {PRESHARED}\nAllowedIPs = 0.0.0.0/0, ::/0\nEndpoint = vpn.example.org:51820\n\
         PersistentKeepalive = 25\n"
    ));

    let own = &config.interface;
    assert_eq!(own.private_key.to_base64().as_str(), PRIVATE);
    assert_eq!(words(&own.addresses), ["10.0.0.2/24"]);
    assert_eq!(own.listen_port, Some(51820));
    assert_eq!(words(&own.dns.servers), ["10.0.0.1"]);
    assert_eq!(own.dns.search, ["corp.example"]);
    assert_eq!((own.mtu, own.fwmark), (Some(1380), NonZeroU32::new(0xca6c)));
    assert_eq!(own.table.as_deref(), Some("1234"));
    assert_eq!(
        (
            own.hooks.pre_up[0].as_str(),
            own.hooks.post_down[0].as_str()
        ),
        ("a %i", "d")
    );
    assert!(own.save_config);
    let peer = &config.peers[0];
    assert_eq!(peer.public_key.to_string(), PEER_A);
    assert_eq!(
        peer.preshared_key.as_ref().unwrap().to_base64().as_str(),
        PRESHARED
    );
    assert_eq!(words(&peer.allowed_ips), ["0.0.0.0/0", "::/0"]);
    let host = Endpoint::Name {
        host: "vpn.example.org".into(),
        port: 51820,
    };
    assert_eq!(peer.endpoint, Some(host));
    assert_eq!(peer.persistent_keepalive, NonZeroU16::new(25));
}

#[test]
fn byte_order_mark_crlf_case_spaces_and_comments_do_not_matter() {
    let config = parse(&format!(
        "\u{feff}# a comment\r\n [ interface ] # here\r\nPRIVATEKEY={PRIVATE}# and here\r\n\
         \taddress =10.0.0.2/32 ,fd00::2/128\r\n\r\n[PEER]\r\npublickey = {PEER_A} \r\n\
         allowedips = 10.0.0.0/24 , 10.1.0.0/24\u{a0}\r\n"
    ));

    assert_eq!(
        words(&config.interface.addresses),
        ["10.0.0.2/32", "fd00::2/128"]
    );
    assert_eq!(
        words(&config.peers[0].allowed_ips),
        ["10.0.0.0/24", "10.1.0.0/24"]
    );
    assert!(config.notices().is_empty());
}

#[test]
fn repeated_lists_add_up_and_repeated_values_are_the_last() {
    let config = interface(&format!(
        "Address = 10.0.0.2\nAddress = fd00::2\nDNS = 10.0.0.1\nDNS = 10.0.0.3 a.example b.example\n\
         MTU = 1300\nMTU = 1400\n[Peer]\nPublicKey = {PEER_A}\nAllowedIPs = 10.0.0.0/8\n\
         AllowedIPs = 11.0.0.0/8\n"
    ));

    assert_eq!(
        words(&config.interface.addresses),
        ["10.0.0.2/32", "fd00::2/128"]
    );
    assert_eq!(
        words(&config.interface.dns.servers),
        ["10.0.0.1", "10.0.0.3"]
    );
    assert_eq!(config.interface.dns.search, ["a.example", "b.example"]);
    assert_eq!(config.interface.mtu, Some(1400));
    assert_eq!(
        words(&config.peers[0].allowed_ips),
        ["10.0.0.0/8", "11.0.0.0/8"]
    );
}

#[test]
fn later_section_of_the_same_peer_replaces_allowed_ips_and_keeps_what_it_does_not_give() {
    let config = interface(&format!(
        "[Peer]\nPublicKey = {PEER_A}\nPresharedKey = {PRESHARED}\nEndpoint = 192.0.2.1:1\n\
         PersistentKeepalive = 25\nAllowedIPs = 10.0.0.0/8\n[Peer]\nPublicKey = {PEER_B}\n\
         [Peer]\nEndpoint = 192.0.2.9:9\nAllowedIPs = 11.0.0.0/8\nPersistentKeepalive = off\n\
         PublicKey = {PEER_A}\n"
    ));

    assert_eq!(config.peers.len(), 2);
    let merged = &config.peers[0];
    assert_eq!(words(&merged.allowed_ips), ["11.0.0.0/8"]);
    assert_eq!(
        merged.endpoint,
        Some(Endpoint::Address("192.0.2.9:9".parse().unwrap()))
    );
    assert_eq!(merged.persistent_keepalive, None);
    assert!(merged.preshared_key.is_some());
    let repeated = Notice::RepeatedPeer {
        line: 11,
        public_key: merged.public_key,
    };
    assert_eq!(config.notices(), [repeated]);
}

#[test]
fn empty_allowed_ips_are_allowed() {
    assert!(peer("AllowedIPs =\n").allowed_ips.is_empty());
    assert!(peer("").allowed_ips.is_empty());
}

#[test]
fn host_bits_of_allowed_ips_are_cleared_and_reported() {
    let config = interface(&format!(
        "[Peer]\nPublicKey = {PEER_A}\nAllowedIPs = 10.1.2.3/8\n"
    ));

    assert_eq!(words(&config.peers[0].allowed_ips), ["10.0.0.0/8"]);
    let written = "10.1.2.3/8".parse().unwrap();
    assert_eq!(config.notices(), [Notice::HostBits { line: 5, written }]);
}

#[test]
fn network_of_two_peers_is_reported_with_the_peer_that_gets_it() {
    let config = interface(&format!(
        "[Peer]\nPublicKey = {PEER_A}\nAllowedIPs = 0.0.0.0/0\n\
         [Peer]\nPublicKey = {PEER_B}\nAllowedIPs = 0.0.0.0/0\n"
    ));

    let network = "0.0.0.0/0".parse().unwrap();
    let owner = config.peers[1].public_key;
    assert_eq!(config.notices(), [Notice::ClaimedTwice { network, owner }]);
}

#[test]
fn what_wg_quick_would_execute_is_one_notice() {
    let config = interface(
        "PostDown = c\nPostUp = a; b\nPostUp = c\nTable = auto\nFwMark = 0x10\nSaveConfig = false\n\
         IncludedApplications = org.example\n",
    );

    let keys = vec!["FwMark", "PostUp", "PostDown", "IncludedApplications"];
    assert_eq!(config.notices(), [Notice::NotExecuted { keys }]);
    assert_eq!(
        config.notices()[0].to_string(),
        "FwMark, PostUp, PostDown, IncludedApplications: read, but not executed"
    );
}

#[test]
fn numbers_are_read_as_wg_reads_them() {
    assert_eq!(interface("FwMark = off").interface.fwmark, None);
    assert_eq!(interface("FwMark = 0").interface.fwmark, None);
    assert_eq!(
        interface("FwMark = 51820").interface.fwmark,
        NonZeroU32::new(51820)
    );
    assert_eq!(
        interface("FwMark = 0XFFFFFFFF").interface.fwmark,
        NonZeroU32::new(u32::MAX)
    );
    assert_eq!(interface("ListenPort = 0").interface.listen_port, Some(0));
    assert_eq!(peer("PersistentKeepalive = OFF").persistent_keepalive, None);
    assert_eq!(peer("PersistentKeepalive = 0").persistent_keepalive, None);
    assert_eq!(
        peer("PersistentKeepalive = 65535").persistent_keepalive,
        NonZeroU16::new(65535)
    );
}

#[test]
fn address_keeps_its_host_bits() {
    let config = interface("Address = 10.1.2.3/8");
    assert_eq!(words(&config.interface.addresses), ["10.1.2.3/8"]);
}

#[test]
fn amnezia_keys_are_not_plain_wireguard() {
    for key in ["Jc", "jmin", "Jmax", "S1", "S4", "H1", "H4", "I1", "i5"] {
        let text = format!("[Interface]\nPrivateKey = {PRIVATE}\n{key} = 1\n");
        let error = Config::parse(&text, "wg0.conf").unwrap_err();
        assert!(
            matches!(error.problem(), Problem::NotPlainWireGuard { .. }),
            "{error}"
        );
        assert!(error.to_string().contains("not plain WireGuard"), "{error}");
    }
}

#[test]
fn key_of_the_other_section_says_where_it_belongs() {
    let text = format!("[Interface]\nPrivateKey = {PRIVATE}\nEndpoint = 192.0.2.1:1\n");
    let error = Config::parse(&text, "wg0.conf").unwrap_err();

    let Problem::WrongSection { key, belongs } = error.problem() else {
        panic!("{error}")
    };
    assert_eq!(
        (*key, *belongs, error.line()),
        ("Endpoint", Section::Peer, Some(3))
    );
}

/// The message for a configuration whose only fault is `line`.
fn complaint(line: &str) -> String {
    let text =
        format!("[Interface]\nPrivateKey = {PRIVATE}\n[Peer]\nPublicKey = {PEER_A}\n{line}\n");
    Config::parse(&text, "wg0.conf").unwrap_err().to_string()
}

/// The same inside `[Interface]`.
fn own_complaint(line: &str) -> String {
    let text = format!("[Interface]\nPrivateKey = {PRIVATE}\n{line}\n");
    Config::parse(&text, "wg0.conf").unwrap_err().to_string()
}

#[test]
fn messages_name_file_line_key_and_expectation() {
    let messages = [
        complaint("AllowedIPs = 10.0.0.0/33"),
        complaint("AllowedIPs = 10.0.0.0/8,"),
        complaint("AllowedIPs = 10.0.0.0/8 10.1.0.0/16"),
        complaint("AllowedIPs = example.org"),
        complaint("Endpoint = vpn.example.org"),
        complaint("PersistentKeepalive = 65536"),
        complaint("PublicKey = short"),
        complaint("PresharedKey ="),
        complaint("Keepalive = 25"),
        complaint("MTU = 1420"),
        complaint("[Server]"),
        complaint("some words"),
        complaint("[Peer]"),
        own_complaint("Address = 10.0.0.1/"),
        own_complaint("ListenPort = 70000"),
        own_complaint("DNS = 10.0.0.300"),
        own_complaint("DNS = two;words"),
        own_complaint("MTU = 9"),
        own_complaint("FwMark = -1"),
        own_complaint("Table ="),
        own_complaint("SaveConfig = maybe"),
        own_complaint("Jc = 4"),
        own_complaint("PrivateKey = nonsense"),
        Config::parse("Address = 10.0.0.1\n", "wg0.conf")
            .unwrap_err()
            .to_string(),
        Config::parse("[Interface]\n", "wg0.conf")
            .unwrap_err()
            .to_string(),
        Config::load("does/not/exist.conf").unwrap_err().to_string(),
    ];
    insta::assert_snapshot!(messages.join("\n"), @r#"
    wg0.conf:5: AllowedIPs: expected an address with an optional /prefix, found "10.0.0.0/33"
    wg0.conf:5: AllowedIPs: expected an address with an optional /prefix, found ""
    wg0.conf:5: AllowedIPs: expected an address with an optional /prefix, found "10.0.0.0/810.1.0.0/16"
    wg0.conf:5: AllowedIPs: expected an address with an optional /prefix, found "example.org"
    wg0.conf:5: Endpoint: expected ADDRESS:PORT, [IPV6]:PORT or HOST:PORT, found "vpn.example.org"
    wg0.conf:5: PersistentKeepalive: expected `off` or seconds from 0 to 65535, found "65536"
    wg0.conf:5: PublicKey: expected a public key as `wirecraft pubkey` prints it
    wg0.conf:5: PresharedKey: expected a preshared key as `wirecraft genpsk` prints it
    wg0.conf:5: Keepalive: unknown key; [Peer] may have PublicKey, PresharedKey, AllowedIPs, Endpoint, PersistentKeepalive
    wg0.conf:5: MTU: belongs into [Interface]
    wg0.conf:5: expected [Interface] or [Peer], found another section
    wg0.conf:5: expected `Key = value`, [Interface] or [Peer]
    wg0.conf:5: PublicKey: missing from [Peer]
    wg0.conf:3: Address: expected an address with an optional /prefix, found "10.0.0.1/"
    wg0.conf:3: ListenPort: expected a port from 0 to 65535, found "70000"
    wg0.conf:3: DNS: expected an IP address, found "10.0.0.300"
    wg0.conf:3: DNS: expected IP addresses and search domains, found "two;words"
    wg0.conf:3: MTU: expected bytes from 68 to 65535, found "9"
    wg0.conf:3: FwMark: expected `off` or a mark from 0 to 0xffffffff, found "-1"
    wg0.conf:3: Table: expected `off`, `auto` or a routing table, found ""
    wg0.conf:3: SaveConfig: expected `true` or `false`, found "maybe"
    wg0.conf:3: Jc: a key of AmneziaWG: this is not plain WireGuard, its server would not understand us
    wg0.conf:3: PrivateKey: expected a private key as `wirecraft genkey` prints it
    wg0.conf:1: Address: expected [Interface] or [Peer] before the first key
    wg0.conf: PrivateKey: missing from [Interface]
    does/not/exist.conf: cannot be read: No such file or directory (os error 2)
    "#);
}

#[test]
fn messages_never_show_what_could_be_a_key() {
    let secret = "aGVsbG8gd29ybGQgdGhpcyBpcyBhIHNlY3JldCBrZXk";
    for line in [
        format!("{secret}="),
        format!("PublicKey = {secret}"),
        format!("PresharedKey = {secret}x"),
        format!("Endpoint = {secret}="),
        format!("AllowedIPs = 10.0.0.0/8,{secret}="),
        format!("PersistentKeepalive = {secret}="),
        format!("PrivatKey = {secret}="),
        format!("[{secret}="),
        secret.to_owned(),
    ] {
        let message = complaint(&line);
        assert!(!message.contains(&secret[..12]), "{message}");
    }
    let debug = format!(
        "{:?}",
        interface(&format!(
            "[Peer]\nPublicKey={PEER_A}\nPresharedKey={PRESHARED}"
        ))
    );
    assert!(
        !debug.contains(&PRIVATE[..12]) && !debug.contains(&PRESHARED[..12]),
        "{debug}"
    );
}

#[test]
fn display_hides_secrets_and_text_with_secrets_can_be_loaded_again() {
    let config = interface(&format!(
        "Address = 10.0.0.2/24, fd00::2/64\nListenPort = 51820\nDNS = 10.0.0.1, corp.example\n\
         MTU = 1380\nFwMark = 51820\nTable = off\nPostUp = echo %i\nSaveConfig = true\n[Peer]\n\
         PublicKey = {PEER_A}\nPresharedKey = {PRESHARED}\nAllowedIPs = 0.0.0.0/0\n\
         Endpoint = [2001:db8::1]:51820\nPersistentKeepalive = 25\n"
    ));

    insta::assert_snapshot!(config, @r#"
    [Interface]
    PrivateKey = (hidden)
    Address = 10.0.0.2/24, fd00::2/64
    ListenPort = 51820
    DNS = 10.0.0.1, corp.example
    MTU = 1380
    FwMark = 0xca6c
    Table = off
    PostUp = echo %i
    SaveConfig = true

    [Peer]
    PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
    PresharedKey = (hidden)
    AllowedIPs = 0.0.0.0/0
    Endpoint = [2001:db8::1]:51820
    PersistentKeepalive = 25
    "#);
    let text = config.to_text_with_secrets();
    assert_eq!(*parse(&text).to_text_with_secrets(), *text);
    assert!(text.contains(PRIVATE) && text.contains(PRESHARED));
}

#[test]
fn config_can_be_built_without_text() {
    let mut config = Config::new(PRIVATE.parse().unwrap());
    config
        .interface
        .addresses
        .push("10.0.0.2/32".parse().unwrap());
    let mut peer = PeerConfig::new(PEER_A.parse().unwrap());
    peer.endpoint = Some("192.0.2.1:51820".parse().unwrap());
    config.peers.push(peer);

    let again: Config = config.to_text_with_secrets().parse().unwrap();
    assert_eq!(again.to_string(), config.to_string());
}

#[cfg(unix)]
mod files {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;

    /// Writes `bytes` to a file of its own with `mode`.
    fn file(name: &str, bytes: &[u8], mode: u32) -> PathBuf {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn notices(name: &str, mode: u32) -> Vec<String> {
        let text = format!("[Interface]\nPrivateKey = {PRIVATE}\n");
        let path = file(name, text.as_bytes(), mode);
        let notices = Config::load(&path).unwrap();
        words(notices.notices())
            .into_iter()
            .map(|notice| notice.replace(&path.display().to_string(), "FILE"))
            .collect()
    }

    #[test]
    fn file_that_others_can_read_is_reported() {
        assert_eq!(
            notices("world.conf", 0o644),
            ["Warning: `FILE' is world accessible"]
        );
        assert_eq!(
            notices("group.conf", 0o640),
            ["Warning: `FILE' is group accessible"]
        );
        assert!(notices("own.conf", 0o600).is_empty());
    }

    #[test]
    fn utf_16_is_named_as_such() {
        let path = file("utf16.conf", b"\xff\xfe[\0I\0", 0o600);
        let error = Config::load(&path).unwrap_err();
        assert!(matches!(error.problem(), Problem::Utf16), "{error}");
    }

    #[test]
    fn comment_in_latin_1_does_no_harm() {
        let text = [b"# caf\xe9\n[Interface]\nPrivateKey = ", PRIVATE.as_bytes()].concat();
        assert!(Config::load(file("latin1.conf", &text, 0o600)).is_ok());
    }
}
