//! One TCP connection: whole IP packets on one side, a byte stream on the other.

mod bare;
mod config;
mod connection;
mod device;
mod error;
mod held;
mod incoming;
mod offered;
mod quiet;
mod segment;
mod sequence;
mod state;
mod stream;
mod stretch;

pub use config::TcpConfig;
pub use connection::TcpConnection;
pub use error::TcpError;
pub use state::TcpState;
pub use stream::ReadyWakers;
