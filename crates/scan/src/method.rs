//! What a scan sends, and so what its answers mean.

/// The kind of probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum Method {
    /// A TCP SYN: tells open ports from closed ones.
    #[default]
    Syn,
    /// A TCP ACK of no connection: tells ports that a firewall lets through from others.
    Ack,
    /// A UDP datagram, with what services of well-known ports answer to.
    Udp,
    /// An echo request: tells hosts that are up. Targets of it have port 0.
    Ping,
}

/// The TCP options of a probe, as those of a system whose connections are let through.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum ProbeShape {
    /// No options.
    None,
    /// The maximum segment size alone.
    #[default]
    Mss,
    /// As Windows 10 opens connections.
    Windows,
    /// As Linux opens connections.
    Linux,
    /// As FreeBSD opens connections.
    Bsd,
}
