//! The other end: a WireGuard server with a web page, without root: `server`.
//!
//! Prints a configuration for its one client on standard output, then serves until it is killed.

#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wirecraft::config::{Endpoint, PeerConfig};
use wirecraft::{Config, PrivateKey, SystemEntropy, Tunnel};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut entropy = SystemEntropy::default();
    let [own, client] = [(); 2].map(|()| PrivateKey::generate(&mut entropy));
    let server_key = own.public_key();

    let mut config = Config::new(own);
    config.interface.addresses = vec!["10.44.0.1/24".parse()?];
    let mut peer = PeerConfig::new(client.public_key());
    peer.allowed_ips = vec!["10.44.0.2/32".parse()?];
    config.peers.push(peer);
    let tunnel = Tunnel::listen(config).await?;
    let port = tunnel.status().await?.listen_port;

    let mut config = Config::new(client);
    config.interface.addresses = vec!["10.44.0.2/24".parse()?];
    let mut peer = PeerConfig::new(server_key);
    peer.allowed_ips = vec!["10.44.0.0/24".parse()?];
    let endpoint = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    peer.endpoint = Some(Endpoint::Address(endpoint));
    config.peers.push(peer);
    println!("{}", config.to_text_with_secrets().as_str());

    let listener = tunnel.tcp_listen(80).await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let answer = b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";
            let _ = stream.write_all(answer).await;
            let _ = stream.shutdown().await;
        });
    }
}
