//! An interface that is open: by this process, or by another that hands it over.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use rustix::cmsg_space;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use tun_rs::{DeviceBuilder, SyncDevice};

use super::{TunConfig, TunError, TunOffloads};

/// Longer than what is said of an interface: its name, its MTU and two letters.
const DESCRIPTION_LEN_MAX: usize = 64;

/// An open interface on its way to who serves it: [`Tun::adopt`](super::Tun::adopt).
///
/// It goes when this is dropped, unless another process holds it as well.
#[derive(Debug)]
pub struct TunParcel {
    pub(super) device: Device,
    pub(super) name: String,
    pub(super) mtu: u16,
    /// Those that are on.
    pub(super) offloads: TunOffloads,
}

/// The descriptor of an interface.
pub(super) enum Device {
    /// It was opened here: its name and MTU can be asked for.
    Own(SyncDevice),
    /// It was handed over.
    Given(OwnedFd),
}

impl TunParcel {
    /// Creates an interface in the network namespace of this thread. Needs the right to administrate it.
    ///
    /// # Errors
    /// [`TunError::Open`].
    pub fn open(config: &TunConfig) -> Result<Self, TunError> {
        Self::create(config).map_err(|source| TunError::Open {
            name: config.name.clone(),
            source,
        })
    }

    fn create(config: &TunConfig) -> io::Result<Self> {
        let TunOffloads { tcp, udp } = config.offloads;
        let device = DeviceBuilder::new()
            .name(&config.name)
            .mtu(config.mtu)
            .offload(tcp)
            .inherit_enable_state()
            .build_sync()?;
        device.set_nonblocking(true)?;
        let offloads = TunOffloads {
            tcp: device.tcp_gso(),
            udp: udp && device.udp_gso(),
        };
        Ok(Self {
            name: device.name()?,
            mtu: device.mtu()?,
            offloads,
            device: Device::Own(device),
        })
    }

    /// The name of the interface.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Hands the interface to the process at the other end of `socket`. Both have it until this is dropped.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn send(&self, socket: &UnixStream) -> io::Result<()> {
        let Self {
            name,
            mtu,
            offloads: TunOffloads { tcp, udp },
            ..
        } = self;
        let description = format!("{name} {mtu} {tcp} {udp}");
        let descriptors = [self.device.as_fd()];
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&descriptors));
        let slices = [IoSlice::new(description.as_bytes())];
        rustix::net::sendmsg(socket, &slices, &mut control, SendFlags::empty())?;
        Ok(())
    }

    /// Waits for an interface that [`send`](Self::send) hands over.
    ///
    /// # Errors
    /// Those of the socket; [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if it was closed instead, and
    /// [`InvalidData`](io::ErrorKind::InvalidData) for anything else.
    pub fn receive(socket: &UnixStream) -> io::Result<Self> {
        let mut description = [0; DESCRIPTION_LEN_MAX];
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut slices = [IoSliceMut::new(&mut description)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = rustix::net::recvmsg(socket, &mut slices, &mut control, flags)?;
        if received.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let descriptor = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        let text = std::str::from_utf8(&description[..received.bytes]).ok();
        text.zip(descriptor)
            .and_then(|(text, descriptor)| Self::read(text, descriptor))
            .ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn read(description: &str, descriptor: OwnedFd) -> Option<Self> {
        let mut words = description.split(' ');
        Some(Self {
            name: words.next()?.to_owned(),
            mtu: words.next()?.parse().ok()?,
            offloads: TunOffloads {
                tcp: words.next()?.parse().ok()?,
                udp: words.next()?.parse().ok()?,
            },
            device: Device::Given(descriptor),
        })
    }
}

impl Device {
    /// Returns the MTU; nothing if that is not known, as the interface may be in another namespace.
    ///
    /// # Errors
    /// Somebody deleted the interface.
    pub(super) fn mtu(&self) -> io::Result<Option<usize>> {
        let Self::Own(device) = self else {
            return Ok(None);
        };
        device.name()?;
        // An interface that was moved to another namespace keeps its MTU as far as we know.
        Ok(device.mtu().map(usize::from).ok())
    }

    /// Whether the interface is set up; where that is not known, it is.
    pub(super) fn is_up(&self) -> bool {
        let Self::Own(device) = self else {
            return true;
        };
        device.is_running().unwrap_or(true)
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Own(device) => device.as_fd(),
            Self::Given(descriptor) => descriptor.as_fd(),
        }
    }
}

impl AsRawFd for Device {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_fd().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    /// Any descriptor can be handed over: a socket stands for the interface.
    fn parcel() -> (TunParcel, UnixStream) {
        let (device, other) = UnixStream::pair().unwrap();
        let parcel = TunParcel {
            device: Device::Given(device.into()),
            name: "wg0".to_owned(),
            mtu: 1420,
            offloads: TunOffloads {
                tcp: true,
                udp: false,
            },
        };
        (parcel, other)
    }

    #[test]
    fn interface_arrives_as_it_was_handed_over() {
        let (sender, receiver) = UnixStream::pair().unwrap();
        let (parcel, mut other) = parcel();
        parcel.send(&sender).unwrap();
        let arrived = TunParcel::receive(&receiver).unwrap();
        assert_eq!((arrived.name(), arrived.mtu), ("wg0", 1420));
        assert_eq!(arrived.offloads, parcel.offloads);
        let Device::Given(descriptor) = arrived.device else {
            panic!("it was not opened here");
        };
        UnixStream::from(descriptor).write_all(b"same").unwrap();
        let mut bytes = [0; 4];
        other.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"same");
    }

    #[test]
    fn socket_that_closes_or_brings_no_descriptor_is_an_error() {
        let (mut sender, receiver) = UnixStream::pair().unwrap();
        sender.write_all(b"wg0 1420 true true").unwrap();
        let kind = |result: io::Result<TunParcel>| result.map(|_| ()).unwrap_err().kind();
        let error = kind(TunParcel::receive(&receiver));
        assert_eq!(error, io::ErrorKind::InvalidData);
        drop(sender);
        let error = kind(TunParcel::receive(&receiver));
        assert_eq!(error, io::ErrorKind::UnexpectedEof);
    }
}
