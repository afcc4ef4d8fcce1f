//! The numbers that registries name.

use std::collections::HashSet;
use std::fmt::Debug;
use std::str::FromStr;

use wirecraft_ip_packets::{
    Dscp, Ecn, ExtendedEchoCode, Icmpv4ParameterCode, Icmpv4PhoturisCode, Icmpv4RedirectCode,
    Icmpv4RouterCode, Icmpv4Type, Icmpv4Unreachable, Icmpv6NodeQueryCode, Icmpv6NodeResponseCode,
    Icmpv6ParameterCode, Icmpv6RenumberingCode, Icmpv6Type, Icmpv6Unreachable, Ipv4OptionKind,
    Ipv6OptionKind, Ipv6RoutingKind, Protocol, TcpOptionKind, TimeExceededCode, UnknownName,
};

/// What every registered number must hold to: its names are its own and parse as it.
fn check<T>(registered: &[T], names: impl Fn(&T) -> [&'static str; 3])
where
    T: FromStr<Err = UnknownName> + PartialEq + Debug,
{
    let mut seen = HashSet::new();
    for number in registered {
        let [name, keyword, meaning] = names(number);
        assert_eq!(name.parse::<T>().as_ref(), Ok(number));
        assert_eq!(keyword.parse::<T>().as_ref(), Ok(number));
        assert_eq!(keyword.to_uppercase().parse::<T>().as_ref(), Ok(number));
        assert!(!keyword.contains(char::is_whitespace), "{keyword}");
        assert!(keyword.parse::<u8>().is_err(), "{keyword}");
        assert!(
            meaning.ends_with('.') && !meaning.starts_with(' '),
            "{meaning}"
        );
        assert!(seen.insert(name.to_lowercase()), "{name} stands twice");
        if !name.eq_ignore_ascii_case(keyword) {
            assert!(
                seen.insert(keyword.to_lowercase())
                    || name.replace(' ', "-").eq_ignore_ascii_case(keyword),
                "{keyword} stands twice"
            );
        }
    }
}

/// Checks each registry and returns how many numbers it names.
macro_rules! checked {
    ($($type:ident),+) => {
        [$({
            check($type::REGISTERED, |number| {
                [number.name().unwrap(), number.keyword().unwrap(), number.meaning().unwrap()]
            });
            assert!($type::REGISTERED.iter().all(|number| $type::new(number.number()) == *number));
            ($type::REGISTERED.len())
        }),+]
    };
}

#[test]
fn names_are_unique_and_parse_as_their_number() {
    let icmpv4 = checked!(
        Icmpv4Type,
        Icmpv4Unreachable,
        Icmpv4RedirectCode,
        Icmpv4ParameterCode,
        Icmpv4RouterCode,
        Icmpv4PhoturisCode
    );
    assert_eq!(icmpv4, [33, 16, 4, 3, 2, 6]);
    let icmpv6 = checked!(
        Icmpv6Type,
        Icmpv6Unreachable,
        Icmpv6ParameterCode,
        Icmpv6RenumberingCode,
        Icmpv6NodeQueryCode,
        Icmpv6NodeResponseCode
    );
    assert_eq!(icmpv6, [44, 9, 11, 3, 3, 3]);
    let others = checked!(
        Protocol,
        Dscp,
        TimeExceededCode,
        ExtendedEchoCode,
        TcpOptionKind,
        Ipv4OptionKind,
        Ipv6OptionKind,
        Ipv6RoutingKind
    );
    assert_eq!(others, [151, 23, 2, 5, 36, 29, 28, 9]);
}

#[test]
fn every_protocol_up_to_147_has_a_name_and_the_unassigned_have_none() {
    for number in 0..=255 {
        let is_named = Protocol::new(number).name().is_some();
        assert_eq!(is_named, !(148..=252).contains(&number), "{number}");
    }
}

#[test]
fn protocols_are_found_by_the_keywords_of_their_registry() {
    let all = [
        ("icmp", Protocol::ICMPV4),
        ("IPv6-ICMP", Protocol::ICMPV6),
        ("icmpv6", Protocol::ICMPV6),
        ("hopopt", Protocol::HOP_BY_HOP_OPTIONS),
        ("hop_by_hop options", Protocol::HOP_BY_HOP_OPTIONS),
        ("udplite", Protocol::UDP_LITE),
        ("132", Protocol::SCTP),
        ("0x84", Protocol::SCTP),
    ];
    for (text, protocol) in all {
        assert_eq!(text.parse(), Ok(protocol), "{text}");
    }
}

#[test]
fn extension_headers_are_told_from_upper_layers() {
    let numbers: Vec<u8> = (0..=255)
        .filter(|number| Protocol::new(*number).is_extension_header())
        .collect();
    assert_eq!(numbers, [0, 43, 44, 50, 51, 60, 135, 139, 140, 253, 254]);
}

#[test]
fn what_is_neither_a_name_nor_a_number_is_refused() {
    for text in ["", "256", "-1", "+6", "0x", "0x+6", "tcp ", "six"] {
        assert_eq!(
            text.parse::<Protocol>(),
            Err(UnknownName { most: 255 }),
            "{text:?}"
        );
    }
}

#[test]
fn unregistered_numbers_are_kept_and_shown_as_numbers() {
    let protocol = Protocol::new(200);
    assert_eq!((protocol.number(), protocol.name()), (200, None));
    assert_eq!(
        (protocol.to_string(), format!("{protocol:?}")),
        ("200".into(), "200".into())
    );
    assert_eq!("200".parse(), Ok(protocol));
}

#[test]
fn code_points_and_congestion_marks_parse_by_name() {
    assert_eq!("ef".parse(), Ok(Dscp::EF));
    assert_eq!("voice-admit".parse(), Ok(Dscp::VOICE_ADMIT));
    for ecn in [Ecn::NotEct, Ecn::Ect0, Ecn::Ect1, Ecn::Ce] {
        assert_eq!(ecn.to_string().parse(), Ok(ecn));
        assert_eq!(ecn.keyword().parse(), Ok(ecn));
        assert_eq!(ecn.bits().to_string().parse(), Ok(ecn));
    }
    assert_eq!("4".parse::<Ecn>(), Err(UnknownName { most: 3 }));
    assert_eq!("64".parse::<Dscp>(), Err(UnknownName { most: 63 }));
    assert_eq!("63".parse(), Ok(Dscp::new(63)));
}
