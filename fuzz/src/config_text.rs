//! Configuration files, and the texts that name endpoints, targets and DNS records.

use wirecraft::ToTarget;
use wirecraft::config::{Config, Endpoint};
use wirecraft::dns::RecordType;

/// A configuration that parses is written and read again as the same, and its secrets stay hidden.
pub fn config_text(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let config = match Config::parse(&text, "wg0.conf") {
        Ok(config) => config,
        Err(error) => {
            let line_count = text.split(['\n', '\r']).count();
            assert!(
                error
                    .line()
                    .is_none_or(|line| (1..=line_count).contains(&line))
            );
            let message = error.to_string();
            assert!(message.starts_with("wg0.conf:"));
            assert!(!could_be_a_key(&message), "{message}");
            return;
        }
    };
    let written = config.to_text_with_secrets();
    let again = Config::parse(&written, "written").expect("what was written can be read");
    assert_eq!(again.interface, config.interface);
    assert_eq!(again.peers, config.peers);
    assert_eq!(again.to_text_with_secrets(), written);
    check_secrets(&config, &format!("{config}"));
    check_secrets(&config, &format!("{config:?}"));
    for notice in config.notices() {
        assert!(!notice.to_string().is_empty());
    }
    for peer in &config.peers {
        let networks = &peer.allowed_ips;
        assert!(networks.iter().all(|network| *network == network.trunc()));
    }
}

/// What is configured elsewhere, such as a hook, may repeat a key; no secret field may be shown.
fn check_secrets(config: &Config, shown: &str) {
    let private = config.interface.private_key.to_base64();
    let preshared = config
        .peers
        .iter()
        .filter_map(|peer| peer.preshared_key.as_ref());
    let secrets = preshared.map(|key| key.to_base64()).chain([private]);
    let elsewhere = elsewhere(config);
    for secret in secrets {
        let is_known = elsewhere.contains(secret.as_str());
        assert!(
            is_known || !shown.contains(secret.as_str()),
            "a secret is shown"
        );
    }
}

/// The texts of a configuration that are shown as they are.
fn elsewhere(config: &Config) -> String {
    let interface = &config.interface;
    let hooks = &interface.hooks;
    let mut texts = [
        &hooks.pre_up,
        &hooks.post_up,
        &hooks.pre_down,
        &hooks.post_down,
    ]
    .map(|commands| commands.join("\n"))
    .to_vec();
    texts.extend(interface.table.clone());
    texts.extend(interface.dns.search.clone());
    for peer in &config.peers {
        texts.push(peer.public_key.to_string());
        texts.extend(peer.endpoint.as_ref().map(ToString::to_string));
    }
    texts.join("\n")
}

/// Whether as many characters of base64 stand in a row as a key has digits.
fn could_be_a_key(text: &str) -> bool {
    let is_digit = |c: char| c.is_ascii_alphanumeric() || c == '+' || c == '/';
    text.split(|c| !is_digit(c)).any(|run| run.len() >= 43)
}

/// An endpoint, a target or a type of DNS records that parses is written and read again as the same.
pub fn endpoint_text(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Ok(endpoint) = text.parse::<Endpoint>() {
        check_endpoint(&endpoint, &text);
    }
    if let Ok(target) = (&*text).to_target() {
        let is_v6 = target.host.contains(':');
        let host = if is_v6 {
            format!("[{}]", target.host)
        } else {
            target.host.clone()
        };
        let written = format!("{host}:{}", target.port);
        assert_eq!((&*written).to_target().ok(), Some(target), "{written}");
    }
    if let Ok(record_type) = text.parse::<RecordType>() {
        let written = record_type.to_string();
        assert_eq!(written.parse(), Ok(record_type), "{written}");
        assert_eq!(written.to_lowercase().parse(), Ok(record_type), "{written}");
    }
}

fn check_endpoint(endpoint: &Endpoint, text: &str) {
    assert_ne!(endpoint.port(), 0);
    let written = endpoint.to_string();
    assert_eq!(written.parse().as_ref(), Ok(endpoint), "{written}");
    match endpoint {
        Endpoint::Address(address) => assert_eq!(address.to_string(), written),
        Endpoint::Name { host, .. } => {
            assert!(!host.is_empty() && text.contains(host));
            assert!(!host.contains(|c: char| c.is_whitespace() || c.is_control()));
        }
    }
}
