//! Answers that send the client elsewhere.

use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, COOKIE, HOST, LOCATION, PROXY_AUTHORIZATION};
use hyper::{Method, StatusCode};
use url::Url;

use super::error::HttpError;
use super::request::{Request, is_fetchable};

/// Where `answer` sends whoever asked for `url`; `None` if it is the answer itself.
pub(super) fn target(
    url: &Url,
    answer: &hyper::Response<Incoming>,
) -> Result<Option<Url>, HttpError> {
    let redirects = matches!(
        answer.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    let Some(location) = answer.headers().get(LOCATION).filter(|_| redirects) else {
        return Ok(None);
    };
    let location = String::from_utf8_lossy(location.as_bytes());
    let target = url.join(&location).ok().filter(is_fetchable);
    let mut target = target.ok_or_else(|| HttpError::BadRedirect {
        location: location.to_string(),
    })?;
    if target.fragment().is_none() {
        target.set_fragment(url.fragment());
    }
    Ok(Some(target))
}

/// Turns `request` into the one for `target`.
///
/// Source: RFC 9110 §15.4.
pub(super) fn apply(request: &mut Request, target: Url, status: StatusCode) {
    let keeps_method = matches!(
        status,
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
    ) || matches!(request.method, Method::GET | Method::HEAD);
    if !keeps_method {
        request.method = Method::GET;
        request.body.clear();
    }
    if request.url.origin() != target.origin() {
        for secret in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, HOST] {
            request.headers.remove(secret);
        }
    }
    request.url = target;
}
