//! Sets an interface up by netlink: its addresses, the way to everywhere, and the loopback beside it.
//!
//! Source: Linux `rtnetlink(7)`, `netlink(7)`, `uapi/linux/{netlink,rtnetlink,if_link,if_addr}.h`.

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;

use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use super::{ConfineError, Plan};

const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;
const NLMSG_ERROR: u16 = 2;

const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_CREATE: u16 = 0x400;

const AF_UNSPEC: u8 = 0;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

const IFF_UP: u32 = 1;
/// An address that need not be searched for on the link first: nobody else is there.
const IFA_F_NODAD: u8 = 2;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const RTA_OIF: u16 = 4;
const RT_TABLE_MAIN: u8 = 254;
const RTPROT_STATIC: u8 = 4;
const RT_SCOPE_UNIVERSE: u8 = 0;
const RT_SCOPE_LINK: u8 = 253;
const RTN_UNICAST: u8 = 1;

/// The bytes of a message's header.
const HEADER_LEN: usize = 16;
/// An answer is an error number and the header of what it answers, perhaps with a text behind.
const ANSWER_LEN: usize = 1024;

/// Gives the interface `name` the addresses of the plan and, for each of their families, all routes.
pub(super) fn set_up(name: &str, plan: &Plan) -> Result<(), ConfineError> {
    let failed = |what| move |source| ConfineError::Link { what, source };
    let mut netlink = Netlink::open().map_err(failed("open a netlink socket"))?;
    let index = netlink.index(name).map_err(failed("find the interface"))?;
    let loopback = netlink.index("lo").map_err(failed("find the loopback"))?;
    let up = netlink.bring_up(loopback);
    up.map_err(failed("bring the loopback up"))?;
    for (address, prefix_len) in &plan.addresses {
        let added = netlink.add_address(index, *address, *prefix_len);
        added.map_err(failed("give the interface an address"))?;
    }
    let up = netlink.bring_up(index);
    up.map_err(failed("bring the interface up"))?;
    for is_v4 in [true, false] {
        let mut addresses = plan.addresses.iter();
        if addresses.any(|(address, _)| address.is_ipv4() == is_v4) {
            let added = netlink.add_default_route(index, is_v4);
            added.map_err(failed("route everything through the interface"))?;
        }
    }
    Ok(())
}

/// A socket to the kernel's routing.
struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

impl Netlink {
    fn open() -> io::Result<Self> {
        // Of netlink's protocols routing, where interfaces belong, is number 0: no other is asked for.
        let flags = SocketFlags::CLOEXEC;
        let socket =
            rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        Ok(Self {
            socket,
            sequence: 0,
        })
    }

    fn index(&self, name: &str) -> io::Result<u32> {
        Ok(name_to_index(&self.socket, name)?)
    }

    fn bring_up(&mut self, index: u32) -> io::Result<()> {
        let mut body = vec![AF_UNSPEC, 0, 0, 0];
        for word in [index, IFF_UP, IFF_UP] {
            body.extend_from_slice(&word.to_ne_bytes());
        }
        self.request(RTM_NEWLINK, 0, &body)
    }

    fn add_address(&mut self, index: u32, address: IpAddr, prefix_len: u8) -> io::Result<()> {
        let family = if address.is_ipv4() { AF_INET } else { AF_INET6 };
        let mut body = vec![family, prefix_len, IFA_F_NODAD, RT_SCOPE_UNIVERSE];
        body.extend_from_slice(&index.to_ne_bytes());
        for kind in [IFA_LOCAL, IFA_ADDRESS] {
            match address {
                IpAddr::V4(address) => push_attribute(&mut body, kind, &address.octets()),
                IpAddr::V6(address) => push_attribute(&mut body, kind, &address.octets()),
            }
        }
        self.request(RTM_NEWADDR, NLM_F_CREATE, &body)
    }

    fn add_default_route(&mut self, index: u32, is_v4: bool) -> io::Result<()> {
        let (family, scope) = match is_v4 {
            true => (AF_INET, RT_SCOPE_LINK),
            false => (AF_INET6, RT_SCOPE_UNIVERSE),
        };
        let [destination_len, source_len, service] = [0; 3];
        let mut body = vec![family, destination_len, source_len, service];
        body.extend_from_slice(&[RT_TABLE_MAIN, RTPROT_STATIC, scope, RTN_UNICAST]);
        body.extend_from_slice(&[0; 4]);
        push_attribute(&mut body, RTA_OIF, &index.to_ne_bytes());
        self.request(RTM_NEWROUTE, NLM_F_CREATE, &body)
    }

    /// Sends a request and waits for the kernel to say that it is done.
    fn request(&mut self, kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
        self.sequence += 1;
        let message = message(kind, flags, self.sequence, body)?;
        rustix::net::send(&self.socket, &message, SendFlags::empty())?;
        let mut answer = [0; ANSWER_LEN];
        let (len, _) = rustix::net::recv(&self.socket, &mut answer, RecvFlags::empty())?;
        read_answer(&answer[..len.min(ANSWER_LEN)])
    }
}

fn message(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> io::Result<Vec<u8>> {
    let len = u32::try_from(HEADER_LEN + body.len()).map_err(io::Error::other)?;
    let flags = NLM_F_REQUEST | NLM_F_ACK | flags;
    let mut message = len.to_ne_bytes().to_vec();
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(&flags.to_ne_bytes());
    message.extend_from_slice(&sequence.to_ne_bytes());
    message.extend_from_slice(&[0; 4]);
    message.extend_from_slice(body);
    Ok(message)
}

/// Appends an attribute; those used here are of multiples of four bytes, so nothing is padded.
fn push_attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    debug_assert!(value.len().is_multiple_of(4));
    let len = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    body.extend_from_slice(&len.to_ne_bytes());
    body.extend_from_slice(&kind.to_ne_bytes());
    body.extend_from_slice(value);
}

/// Reads an acknowledgement: an error number, negated, or zero.
fn read_answer(answer: &[u8]) -> io::Result<()> {
    let kind = answer.get(4..6) == Some(&NLMSG_ERROR.to_ne_bytes());
    let error = answer.get(HEADER_LEN..).and_then(<[u8]>::first_chunk);
    match error
        .filter(|_| kind)
        .map(|error| i32::from_ne_bytes(*error))
    {
        Some(0) => Ok(()),
        Some(error) => Err(io::Error::from_raw_os_error(error.wrapping_neg())),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_done_a_system_error_or_nonsense() {
        let answer = |error: i32| message(NLMSG_ERROR, 0, 1, &error.to_ne_bytes()).unwrap();
        assert!(read_answer(&answer(0)).is_ok());
        let denied = read_answer(&answer(-1)).unwrap_err();
        assert_eq!(denied.kind(), io::ErrorKind::PermissionDenied);
        let nonsense = read_answer(&message(RTM_NEWLINK, 0, 1, &[0; 4]).unwrap()).unwrap_err();
        assert_eq!(nonsense.kind(), io::ErrorKind::InvalidData);
        assert!(read_answer(&[]).is_err());
    }

    #[test]
    fn message_says_its_length_and_asks_for_an_answer() {
        let mut body = vec![0; 8];
        push_attribute(&mut body, RTA_OIF, &7_u32.to_ne_bytes());
        let message = message(RTM_NEWROUTE, NLM_F_CREATE, 3, &body).unwrap();
        assert_eq!(message[..4], 32_u32.to_ne_bytes());
        assert_eq!(message[6..8], 0x405_u16.to_ne_bytes());
        assert_eq!(message[24..26], 8_u16.to_ne_bytes());
    }
}
