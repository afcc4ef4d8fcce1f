//! TLS for HTTPS: whom to trust, and the handshake.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::error::HttpError;

/// Whose word on the identity of servers is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trust {
    /// The store of the host, or what `SSL_CERT_FILE` and `SSL_CERT_DIR` name; without a store Mozilla's roots.
    #[default]
    Host,
    /// The certificates of one PEM file and no others.
    File(PathBuf),
}

/// HTTP/2 as the TLS handshake names it (RFC 9113 §3.2).
pub(super) const HTTP_2: &[u8] = b"h2";

/// HTTP/1.1 as the TLS handshake names it (RFC 7301 §6).
const HTTP_1: &[u8] = b"http/1.1";

/// A trust store that is read when it is needed for the first time.
#[derive(Debug)]
pub(super) struct Tls {
    trust: Trust,
    /// What servers may choose from, the preferred first.
    protocols: Vec<Vec<u8>>,
    config: OnceLock<Arc<ClientConfig>>,
}

impl Tls {
    pub(super) fn new(trust: Trust) -> Self {
        Self {
            trust,
            protocols: vec![HTTP_2.to_vec(), HTTP_1.to_vec()],
            config: OnceLock::new(),
        }
    }

    pub(super) fn speak_http1_only(&mut self) {
        self.protocols = vec![HTTP_1.to_vec()];
        self.config = OnceLock::new();
    }

    /// Speaks TLS with `host` over `stream`.
    pub(super) async fn handshake<S>(
        &self,
        host: &str,
        stream: S,
    ) -> Result<TlsStream<S>, HttpError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let failed = |reason: String| HttpError::Tls {
            host: host.to_owned(),
            reason,
        };
        let name =
            ServerName::try_from(host.to_owned()).map_err(|error| failed(error.to_string()))?;
        let connector = TlsConnector::from(self.config(host)?);
        connector
            .connect(name, stream)
            .await
            .map_err(|error| match certificate_fault(&error) {
                Some(reason) => HttpError::Certificate {
                    host: host.to_owned(),
                    reason,
                },
                None => failed(error.to_string()),
            })
    }

    fn config(&self, host: &str) -> Result<Arc<ClientConfig>, HttpError> {
        if let Some(config) = self.config.get() {
            return Ok(config.clone());
        }
        let roots = match &self.trust {
            Trust::Host => host_roots()?,
            Trust::File(path) => file_roots(path)?,
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| HttpError::Tls {
                host: host.to_owned(),
                reason: error.to_string(),
            })?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols.clone_from(&self.protocols);
        Ok(self.config.get_or_init(|| Arc::new(config)).clone())
    }
}

/// What is wrong with the certificate, if that is what ended the handshake.
fn certificate_fault(error: &io::Error) -> Option<String> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(fault) => Some(fault.to_string()),
        _ => None,
    }
}

fn host_roots() -> Result<RootCertStore, HttpError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _unusable) = roots.add_parsable_certificates(found.certs);
    if added > 0 {
        return Ok(roots);
    }
    // Whoever chose the store by hand wants no other certificates than these.
    if let Some(path) = env::var_os("SSL_CERT_FILE").or_else(|| env::var_os("SSL_CERT_DIR")) {
        let reasons: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        return Err(HttpError::Trust {
            path: path.into(),
            reason: reasons.join("; "),
        });
    }
    Ok(RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    })
}

fn file_roots(path: &Path) -> Result<RootCertStore, HttpError> {
    let unusable = |reason: String| HttpError::Trust {
        path: path.to_owned(),
        reason,
    };
    let mut roots = RootCertStore::empty();
    for certificate in
        CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))?
    {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| unusable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable(
            "the file holds no certificate in PEM form".to_owned(),
        ));
    }
    Ok(roots)
}
