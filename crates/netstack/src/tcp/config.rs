//! What a TCP connection may be told before it starts.

use core::time::Duration;

/// How a connection behaves; the default suits a tunnel with the usual MTU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpConfig {
    /// The largest packet to send, in bytes with its IP header. 1420.
    ///
    /// The maximum segment size that is announced follows from it.
    pub mtu: usize,
    /// Bytes that may be received and not yet read. 1 MiB; at most 1 GiB.
    ///
    /// The window, and so the throughput over a long path, follows from it.
    pub receive_buffer_len: usize,
    /// Bytes that may be written and not yet acknowledged. 1 MiB.
    pub send_buffer_len: usize,
    /// How long the handshake may take. 30 seconds.
    pub connect_timeout: Duration,
    /// How long sent data may stay unacknowledged while nothing is heard. 5 minutes.
    ///
    /// Source: RFC 9293 §3.9.1.1, the user timeout.
    pub user_timeout: Duration,
    /// The interval of keepalive probes on an idle connection; none unless set.
    ///
    /// With it the connection fails after `user_timeout` without an answer.
    pub keepalive: Option<Duration>,
    /// Whether small writes wait for the acknowledgement of earlier ones. On.
    ///
    /// Source: RFC 896.
    pub nagle: bool,
    /// The time to live, or hop limit, of the packets; zero counts as one. 64.
    pub hop_limit: u8,
    /// How long an abandoned connection goes on trying to deliver what was written. 60 seconds.
    pub linger: Duration,
}

impl Default for TcpConfig {
    fn default() -> Self {
        Self {
            mtu: 1420,
            receive_buffer_len: 1 << 20,
            send_buffer_len: 1 << 20,
            connect_timeout: Duration::from_secs(30),
            user_timeout: Duration::from_secs(300),
            keepalive: None,
            nagle: true,
            hop_limit: 64,
            linger: Duration::from_secs(60),
        }
    }
}
