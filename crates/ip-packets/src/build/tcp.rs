//! The TCP header of a packet in the making.

use super::options::Options;
use super::{BuildError, PacketBuilder, Upper, in_words, word, write_words};
use crate::checksum::PseudoHeader;
use crate::error::Layer;
use crate::header::IpVersion;
use crate::tcp::TCP_HEADER_LEN;
use crate::tcp_options::{own_encoded_len, write_own};
use crate::{Protocol, SackBlock, SackBlocks, TcpFlags, TcpOption, TcpOptionCodec, TcpOptionKind};

const DEFAULT_WINDOW: u16 = 65_535;

/// A packet with a TCP segment in the making.
pub type TcpBuilder<'a, P = &'a [u8]> = PacketBuilder<'a, Tcp, P>;

/// A TCP header in the making; [`TcpBuilder`] sets its fields.
#[derive(Clone, Copy, Debug)]
pub struct Tcp {
    source_port: u16,
    destination_port: u16,
    seq: u32,
    ack: u32,
    flags: TcpFlags,
    reserved: u8,
    window: u16,
    urgent_pointer: u16,
    options: Options,
    header_len: Option<u8>,
    checksum: Option<u16>,
}

impl Tcp {
    #[inline]
    pub(super) const fn new(source_port: u16, destination_port: u16) -> Self {
        Self {
            source_port,
            destination_port,
            seq: 0,
            ack: 0,
            flags: TcpFlags::NONE,
            reserved: 0,
            window: DEFAULT_WINDOW,
            urgent_pointer: 0,
            options: Options::NONE,
            header_len: None,
            checksum: None,
        }
    }
}

impl<P> TcpBuilder<'_, P> {
    /// Sets the sequence number.
    #[inline]
    pub const fn seq(mut self, seq: u32) -> Self {
        self.upper.seq = seq;
        self
    }

    /// Sets the ACK flag and the acknowledgment number.
    #[inline]
    pub const fn ack(mut self, ack: u32) -> Self {
        self.upper.ack = ack;
        self.flag(TcpFlags::ACK)
    }

    /// Sets the acknowledgment number and leaves the ACK flag as it is.
    #[inline]
    pub const fn ack_number(mut self, ack: u32) -> Self {
        self.upper.ack = ack;
        self
    }

    /// Replaces all flags.
    #[inline]
    pub const fn flags(mut self, flags: TcpFlags) -> Self {
        self.upper.flags = flags;
        self
    }

    #[inline]
    const fn flag(mut self, flag: TcpFlags) -> Self {
        self.upper.flags = self.upper.flags.with(flag);
        self
    }

    /// Sets the SYN flag.
    #[inline]
    pub const fn syn(self) -> Self {
        self.flag(TcpFlags::SYN)
    }

    /// Sets the FIN flag.
    #[inline]
    pub const fn fin(self) -> Self {
        self.flag(TcpFlags::FIN)
    }

    /// Sets the RST flag.
    #[inline]
    pub const fn rst(self) -> Self {
        self.flag(TcpFlags::RST)
    }

    /// Sets the PSH flag.
    #[inline]
    pub const fn psh(self) -> Self {
        self.flag(TcpFlags::PSH)
    }

    /// Sets the URG flag and the urgent pointer.
    #[inline]
    pub const fn urg(mut self, pointer: u16) -> Self {
        self.upper.urgent_pointer = pointer;
        self.flag(TcpFlags::URG)
    }

    /// Sets the ECE flag.
    #[inline]
    pub const fn ece(self) -> Self {
        self.flag(TcpFlags::ECE)
    }

    /// Sets the CWR flag.
    #[inline]
    pub const fn cwr(self) -> Self {
        self.flag(TcpFlags::CWR)
    }

    /// Sets the AE flag.
    #[inline]
    pub const fn ae(self) -> Self {
        self.flag(TcpFlags::AE)
    }

    /// Sets the reserved bits; the low three count.
    #[inline]
    pub const fn reserved(mut self, bits: u8) -> Self {
        self.upper.reserved = bits & 0b111;
        self
    }

    /// Sets the window, before scaling.
    #[inline]
    pub const fn window(mut self, window: u16) -> Self {
        self.upper.window = window;
        self
    }

    /// Sets the urgent pointer and leaves the URG flag as it is.
    #[inline]
    pub const fn urgent_pointer(mut self, pointer: u16) -> Self {
        self.upper.urgent_pointer = pointer;
        self
    }

    /// Adds an option.
    ///
    /// There is room for 40 bytes; zeros fill options up to a multiple of 4.
    #[inline(always)]
    pub fn option(mut self, option: TcpOption<'_>) -> Self {
        let options = &mut self.upper.options;
        if let TcpOption::UserTimeout(timeout) = option
            && !timeout.fits()
        {
            options.cut(timeout.number());
        }
        options.push(option.encoded_len(), |room| option.write(room));
        self
    }

    /// Adds an option of the caller's own type.
    pub fn own_option<'o>(mut self, option: &impl TcpOptionCodec<'o>) -> Self {
        let options = &mut self.upper.options;
        options.push(own_encoded_len(option), |room| write_own(option, room));
        self
    }

    /// Adds the maximum segment size, in bytes.
    #[inline(always)]
    pub fn mss(mut self, mss: u16) -> Self {
        let [high, low] = mss.to_be_bytes();
        let kind = TcpOptionKind::MSS.number();
        self.upper.options.push_bytes([kind, 4, high, low]);
        self
    }

    /// Adds the window scale: the power of two by which windows are scaled.
    #[inline(always)]
    pub fn window_scale(mut self, shift: u8) -> Self {
        let kind = TcpOptionKind::WINDOW_SCALE.number();
        self.upper.options.push_bytes([kind, 3, shift]);
        self
    }

    /// Adds the permission of selective acknowledgments.
    #[inline(always)]
    pub fn sack_permitted(mut self) -> Self {
        let kind = TcpOptionKind::SACK_PERMITTED.number();
        self.upper.options.push_bytes([kind, 2]);
        self
    }

    /// Adds selective acknowledgments.
    pub fn sack(mut self, blocks: &[SackBlock]) -> Self {
        match SackBlocks::new(blocks) {
            Some(blocks) => self.option(TcpOption::Sack(blocks)),
            None => {
                self.upper.options.leave_out(2 + size_of_val(blocks));
                self
            }
        }
    }

    /// Adds timestamps.
    #[inline(always)]
    pub fn timestamps(mut self, value: u32, echo: u32) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (value.to_be_bytes(), echo.to_be_bytes());
        let kind = TcpOptionKind::TIMESTAMPS.number();
        let option = [kind, 10, a, b, c, d, e, f, g, h];
        self.upper.options.push_bytes(option);
        self
    }

    /// Adds one byte of padding.
    #[inline(always)]
    pub fn nop(mut self) -> Self {
        let kind = TcpOptionKind::NO_OPERATION.number();
        self.upper.options.push_bytes([kind]);
        self
    }

    /// Replaces all options by bytes as they are on the wire, right or wrong.
    pub fn raw_options(mut self, bytes: &[u8]) -> Self {
        self.upper.options.set(bytes);
        self
    }

    /// Overrides the data offset, in bytes, rounded down to 4 and modulo 64.
    #[inline]
    pub const fn header_len(mut self, len: u8) -> Self {
        self.upper.header_len = Some(len);
        self
    }

    /// Overrides the checksum.
    #[inline]
    pub const fn checksum(mut self, checksum: u16) -> Self {
        self.upper.checksum = Some(checksum);
        self
    }
}

impl Upper for Tcp {
    #[inline]
    fn protocol(&self, _: IpVersion) -> Protocol {
        Protocol::TCP
    }

    #[inline(always)]
    fn header_len(&self) -> usize {
        TCP_HEADER_LEN + self.options.padded_len()
    }

    #[inline(always)]
    fn check(&self, _: usize) -> Result<(), BuildError> {
        self.options.check(Layer::Tcp)
    }

    #[inline(always)]
    fn write(&self, segment: &mut [u8], pseudo_header: &PseudoHeader) {
        let (len, own_len) = (segment.len(), self.header_len());
        let Some((fixed, rest)) = segment.split_first_chunk_mut::<TCP_HEADER_LEN>() else {
            return;
        };
        let header_len = self.header_len.map_or(own_len, usize::from);
        let offset = in_words(header_len);
        let [high_flag, low_flags] = self.flags.bits().to_be_bytes();
        let fourth = [offset << 4 | self.reserved << 1 | high_flag, low_flags];
        let mut words = [
            word(self.source_port, self.destination_port),
            self.seq,
            self.ack,
            word(u16::from_be_bytes(fourth), self.window),
            word(0, self.urgent_pointer),
        ];
        let (options, payload) = rest.split_at_mut(own_len - TCP_HEADER_LEN);
        let options = self.options.write(options);
        let sum = self.checksum.unwrap_or_else(|| {
            pseudo_header
                .sum(Protocol::TCP, len)
                .add_words(&words)
                .add(options)
                .add_bytes(payload)
                .finish()
        });
        words[4] |= word(sum, 0);
        write_words(fixed, &words);
    }
}
