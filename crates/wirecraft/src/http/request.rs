//! What is asked for, and how it goes over the wire.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCEPT, CONNECTION, HOST, HeaderName, HeaderValue, RANGE, TE, TRANSFER_ENCODING, UPGRADE,
    USER_AGENT,
};
use hyper::{HeaderMap, Method};
use url::{Position, Url};

use super::error::HttpError;

/// How many redirects are followed unless told otherwise.
const MAX_REDIRECTS: u8 = 10;

/// One request: a method, an address, headers, perhaps a body.
///
/// ```
/// use wirecraft::http::Request;
///
/// let request = Request::get("https://example.org/file")?
///     .header("Accept", "text/html")?
///     .resume_from(1_000);
/// # Ok::<(), wirecraft::http::HttpError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) max_redirects: u8,
    pub(super) resume_from: u64,
}

impl Request {
    /// Asks for the content of `url`.
    ///
    /// # Errors
    /// [`HttpError::BadUrl`] for what is not an http or https address.
    pub fn get(url: &str) -> Result<Self, HttpError> {
        Self::new(Method::GET, url)
    }

    /// Asks for the headers of `url` alone.
    ///
    /// # Errors
    /// [`HttpError::BadUrl`] for what is not an http or https address.
    pub fn head(url: &str) -> Result<Self, HttpError> {
        Self::new(Method::HEAD, url)
    }

    /// Asks with a method of any kind.
    ///
    /// # Errors
    /// [`HttpError::BadUrl`] for what is not an http or https address.
    pub fn new(method: Method, url: &str) -> Result<Self, HttpError> {
        Ok(Self {
            method,
            url: parse_url(url)?,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            max_redirects: MAX_REDIRECTS,
            resume_from: 0,
        })
    }

    /// Adds a header; the same name again adds another line.
    ///
    /// # Errors
    /// [`HttpError::BadHeader`] for names and values that would break the request.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, HttpError> {
        let bad = || HttpError::BadHeader {
            name: name.to_owned(),
        };
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let value = HeaderValue::from_str(value).map_err(|_| bad())?;
        self.headers.append(parsed, value);
        Ok(self)
    }

    /// Sets the body to send.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets how many redirects are followed, 10 if not called; 0 returns the first redirect as an error.
    #[must_use]
    pub fn max_redirects(mut self, limit: u8) -> Self {
        self.max_redirects = limit;
        self
    }

    /// Asks for the content behind its first `offset` bytes. [`Response::resumed`] tells what the server made of it.
    ///
    /// [`Response::resumed`]: super::Response::resumed
    #[must_use]
    pub fn resume_from(mut self, offset: u64) -> Self {
        self.resume_from = offset;
        self
    }

    /// The address that is asked for.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The host without brackets, and the port that the scheme implies if none is given.
    pub(super) fn host_and_port(&self) -> (String, u16) {
        let host = self.url.host_str().unwrap_or_default();
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        (host, self.url.port_or_known_default().unwrap_or_default())
    }

    /// The request as hyper sends it by HTTP/1.1.
    pub(super) fn to_hyper(&self) -> Result<hyper::Request<Full<Bytes>>, HttpError> {
        let host = &self.url[Position::BeforeHost..Position::AfterPort];
        let path = &self.url[Position::BeforePath..Position::AfterQuery];
        self.build(path, Some(host))
    }

    /// The request as hyper sends it by HTTP/2: the address names the host, and nothing that concerns one connection is
    /// there (RFC 9113 §8.2.2, §8.3.1).
    pub(super) fn to_hyper2(&self) -> Result<hyper::Request<Full<Bytes>>, HttpError> {
        let mut request = self.build(&self.url[..Position::AfterQuery], None)?;
        for name in [HOST, CONNECTION, TE, TRANSFER_ENCODING, UPGRADE] {
            request.headers_mut().remove(name);
        }
        Ok(request)
    }

    /// Headers of the caller go before our own.
    fn build(
        &self,
        address: &str,
        host: Option<&str>,
    ) -> Result<hyper::Request<Full<Bytes>>, HttpError> {
        let mut headers = self.headers.clone();
        let mut default = |name: HeaderName, value: &str| {
            if let (false, Ok(value)) = (headers.contains_key(&name), HeaderValue::from_str(value))
            {
                headers.insert(name, value);
            }
        };
        if let Some(host) = host {
            default(HOST, host);
        }
        default(USER_AGENT, concat!("wirecraft/", env!("CARGO_PKG_VERSION")));
        default(ACCEPT, "*/*");
        if self.resume_from > 0 {
            default(RANGE, &format!("bytes={}-", self.resume_from));
        }
        let mut request = hyper::Request::builder()
            .method(self.method.clone())
            .uri(address)
            .body(Full::new(self.body.clone()))
            .map_err(|_| HttpError::BadUrl {
                url: self.url.to_string(),
                reason: "cannot be asked for",
            })?;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

fn parse_url(text: &str) -> Result<Url, HttpError> {
    let bad = |reason| HttpError::BadUrl {
        url: without_user(text),
        reason,
    };
    let url = Url::parse(text).map_err(|_| bad("not an address of the web"))?;
    if !is_fetchable(&url) {
        return Err(bad("only http:// and https:// can be fetched"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(HttpError::BadUrl {
            url: url[Position::BeforeHost..Position::AfterPath].to_owned(),
            reason: "user names in addresses are not sent: use an Authorization header",
        });
    }
    Ok(url)
}

/// Leaves out what could be a user name and a password: they are not repeated in errors.
fn without_user(text: &str) -> String {
    let scheme_len = text.find("://").map_or(0, |at| at + "://".len());
    let (scheme, rest) = text.split_at(scheme_len);
    match rest.rsplit_once('@') {
        Some((_user, rest)) => format!("{scheme}..@{rest}"),
        None => text.to_owned(),
    }
}

/// Whether `url` has one of the two schemes, and thereby a host and a port.
pub(super) fn is_fetchable(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}
