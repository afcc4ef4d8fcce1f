//! Talks both ways over one TCP connection to an echo service: `two_way_tcp wg0.conf 10.0.0.1:7`.

#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

use std::env::args;
use std::error::Error;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wirecraft::{Config, Tunnel};

const LEN: usize = 1_000_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let config = args().nth(1).ok_or("which configuration?")?;
    let target = args().nth(2).ok_or("which host and port?")?;

    let tunnel = Tunnel::connect(Config::load(config)?).await?;
    let stream = tunnel.tcp_connect(target.as_str()).await?;
    let (mut reading, mut writing) = tokio::io::split(stream);
    let sent: Vec<u8> = (0_u8..=255).cycle().take(LEN).collect();
    let expected = sent.clone();
    let send = async {
        writing.write_all(&sent).await?;
        writing.shutdown().await
    };
    let mut received = Vec::new();
    let receive = reading.read_to_end(&mut received);
    let ((), _) = tokio::try_join!(send, receive)?;
    println!(
        "{LEN} bytes there and {} back, {}",
        received.len(),
        if received == expected {
            "the same"
        } else {
            "not the same"
        }
    );
    tunnel.close().await?;
    Ok(())
}
