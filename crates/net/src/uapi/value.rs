//! Values of the lines of a request.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::str::FromStr;

use wirecraft_tunnel::AllowedIpChange;

/// Finds the index of a network interface by its name, for scoped addresses such as `fe80::1%eth0`.
pub type ScopeOf = fn(name: &str) -> Option<u32>;

/// Reads decimal digits: no sign, no blanks.
pub(super) fn number<T: FromStr>(text: &str) -> Option<T> {
    let only_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    only_digits.then(|| text.parse().ok())?
}

/// Reads the one value that a switch may have.
pub(super) fn switch(text: &str) -> Option<()> {
    (text == "true").then_some(())
}

/// Reads `ADDRESS:PORT`, or `[ADDRESS]:PORT` and `[ADDRESS%SCOPE]:PORT` for IPv6.
///
/// An IPv4 address in the form of an IPv6 one is the IPv4 address, as our sockets are for one version each.
pub(super) fn endpoint(text: &str, scope_of: ScopeOf) -> Option<SocketAddr> {
    let Some(bracketed) = text.strip_prefix('[') else {
        return text.parse().ok().map(|v4: SocketAddrV4| v4.into());
    };
    let (host, port) = bracketed.split_once("]:")?;
    let (address, scope) = match host.split_once('%') {
        Some((address, scope)) => (address, number(scope).or_else(|| scope_of(scope))?),
        None => (host, 0),
    };
    let (address, port): (Ipv6Addr, u16) = (address.parse().ok()?, number(port)?);
    Some(match address.to_ipv4_mapped() {
        Some(v4) => SocketAddr::new(v4.into(), port),
        None => SocketAddrV6::new(address, port, 0, scope).into(),
    })
}

/// Reads `ADDRESS/LENGTH` to be added, or the same after a `-` to be taken away.
pub(super) fn allowed_ip(text: &str) -> Option<AllowedIpChange> {
    Some(match text.strip_prefix('-') {
        Some(prefix) => AllowedIpChange::Remove(prefix.parse().ok()?),
        None => AllowedIpChange::Add(text.parse().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint_of(text: &str) -> Option<SocketAddr> {
        endpoint(text, |name| (name == "eth0").then_some(7))
    }

    #[test]
    fn endpoints_of_both_ip_versions_are_read() {
        for text in ["192.0.2.1:51820", "[2001:db8::1]:1", "[fe80::1%3]:65535"] {
            assert_eq!(endpoint_of(text), text.parse().ok(), "{text}");
            assert!(endpoint_of(text).is_some());
        }
    }

    #[test]
    fn the_scope_of_an_endpoint_may_be_a_name() {
        let scoped = "[fe80::1%7]:51820".parse().ok();
        assert_eq!(endpoint_of("[fe80::1%eth0]:51820"), scoped);
        assert_eq!(endpoint_of("[fe80::1%eth1]:51820"), None);
        assert_eq!(endpoint_of("[fe80::1%]:51820"), None);
    }

    #[test]
    fn a_mapped_endpoint_is_the_ipv4_endpoint_that_it_means() {
        let meant = "192.0.2.1:51820".parse().ok();
        assert_eq!(endpoint_of("[::ffff:192.0.2.1]:51820"), meant);
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for text in [
            "",
            "192.0.2.1",
            "192.0.2.1:",
            "192.0.2.1:65536",
            "192.0.2.1:+1",
            "192.0.2.1: 1",
            "2001:db8::1:51820",
            "[2001:db8::1]",
            "[2001:db8::1]51820",
            "[192.0.2.1]:51820",
            "example.org:51820",
        ] {
            assert_eq!(endpoint_of(text), None, "{text}");
        }
    }

    #[test]
    fn prefixes_need_a_length_that_their_ip_version_has() {
        assert!(matches!(
            allowed_ip("10.1.2.3/8"),
            Some(AllowedIpChange::Add(_))
        ));
        assert!(matches!(
            allowed_ip("-::/0"),
            Some(AllowedIpChange::Remove(_))
        ));
        for text in [
            "",
            "-",
            "10.0.0.0",
            "10.0.0.0/",
            "10.0.0.0/33",
            "::/129",
            "::/-1",
            "--::/0",
        ] {
            assert_eq!(allowed_ip(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_digits_within_their_range() {
        assert_eq!(number("65535"), Some(u16::MAX));
        assert_eq!(number("007"), Some(7_u16));
        for text in ["", "65536", "+1", "-1", " 1", "1 ", "0x10", "off"] {
            assert_eq!(number::<u16>(text), None, "{text:?}");
        }
    }
}
