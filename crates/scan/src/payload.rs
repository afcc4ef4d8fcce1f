//! What UDP services of well-known ports answer to.

/// The longest payload, in bytes.
pub(crate) const PAYLOAD_MAX_LEN: usize = 160;

/// Returns the payload of a probe for `port`, empty where no service is known.
///
/// Each is a question that any server of the protocol may be asked and that changes nothing.
pub(crate) fn payload(port: u16) -> &'static [u8] {
    match port {
        53 => DNS_VERSION,
        69 => TFTP_READ,
        111 => RPC_NULL,
        123 => NTP_CLIENT,
        137 => NETBIOS_STATUS,
        161 => SNMP_DESCRIPTION,
        1900 => {
            b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\
              MAN: \"ssdp:discover\"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n"
        }
        3478 => b"\0\x01\0\0\x21\x12\xa4\x42scan-by-wire",
        5060 => b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n",
        5353 => MDNS_SERVICES,
        5683 => b"\x40\x01\x57\x43\xbb.well-known\x04core",
        11211 => b"\0\x01\0\0\0\x01\0\0version\r\n",
        27015 => b"\xff\xff\xff\xffTSource Engine Query\0",
        _ => b"",
    }
}

/// `version.bind`, class CH, type TXT.
const DNS_VERSION: &[u8] = b"\x57\x43\x01\0\0\x01\0\0\0\0\0\0\x07version\x04bind\0\0\x10\0\x03";
/// A read request for a file that nobody has (RFC 1350).
const TFTP_READ: &[u8] = b"\0\x01wirecraft-probe\0octet\0";
/// The null procedure of the port mapper, version 2 (RFC 5531).
const RPC_NULL: &[u8] = b"\x57\x43\0\x01\0\0\0\0\0\0\0\x02\0\x01\x86\xa0\0\0\0\x02\0\0\0\0\
    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// A client's question, version 4 (RFC 5905).
const NTP_CLIENT: &[u8] = b"\x23\0\x06\xec\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xc5\x4f\x23\x4b\x71\xb1\x52\xf3";
/// A node status request for any name (RFC 1002 §4.2.17).
const NETBIOS_STATUS: &[u8] =
    b"\x57\x43\0\0\0\x01\0\0\0\0\0\0 CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\0\0\x21\0\x01";
/// `sysDescr` of the community `public`, version 1 (RFC 1157).
const SNMP_DESCRIPTION: &[u8] = b"\x30\x29\x02\x01\0\x04\x06public\xa0\x1c\x02\x04\x57\x43\0\x01\
    \x02\x01\0\x02\x01\0\x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x01\0\x05\0";
/// All services, answered to who asks (RFC 6763 §9).
const MDNS_SERVICES: &[u8] = b"\0\0\0\0\0\x01\0\0\0\0\0\0\
    \x09_services\x07_dns-sd\x04_udp\x05local\0\0\x0c\x80\x01";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_payload_fits_a_probe() {
        let longest = (0..=u16::MAX).map(|port| payload(port).len()).max();
        assert!(longest.unwrap() <= PAYLOAD_MAX_LEN, "{longest:?}");
    }

    #[test]
    fn messages_are_as_long_as_they_say() {
        assert_eq!(usize::from(SNMP_DESCRIPTION[1]) + 2, SNMP_DESCRIPTION.len());
        assert_eq!(NTP_CLIENT.len(), 48);
        assert_eq!(RPC_NULL.len(), 40);
        assert_eq!(payload(3478).len(), 20);
        assert_eq!(NETBIOS_STATUS.len(), 50);
    }
}
