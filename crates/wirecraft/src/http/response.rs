//! An answer: its status and headers, and the body piece by piece.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::CONTENT_RANGE;
use hyper::{HeaderMap, StatusCode, Version};
use tokio::time::timeout;
use url::Url;

use super::error::HttpError;

/// The answer to a request, after redirects.
#[derive(Debug)]
pub struct Response {
    url: Url,
    answer: hyper::Response<Incoming>,
    resume_from: u64,
    step_limit: Duration,
}

/// What a server made of the wish to resume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    /// The body starts at this offset of the content, in bytes.
    At(u64),
    /// The body is the content from its start: the server does not resume, or was not asked to.
    FromStart,
    /// There is nothing behind the offset: what is there already is the whole content.
    Complete,
}

impl Response {
    pub(super) fn new(
        url: Url,
        answer: hyper::Response<Incoming>,
        resume_from: u64,
        step_limit: Duration,
    ) -> Self {
        Self {
            url,
            answer,
            resume_from,
            step_limit,
        }
    }

    /// The address that answered, the last one of the redirects.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The status, such as 200.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.answer.status()
    }

    /// The version of HTTP that the server speaks.
    #[must_use]
    pub fn version(&self) -> Version {
        self.answer.version()
    }

    /// The headers in their order.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.answer.headers()
    }

    /// The length of the body in bytes, if the server told it.
    #[must_use]
    pub fn body_len(&self) -> Option<u64> {
        self.answer.body().size_hint().exact()
    }

    /// Where the body belongs if the request asked to resume.
    #[must_use]
    pub fn resumed(&self) -> Resumed {
        let range = self
            .answer
            .headers()
            .get(CONTENT_RANGE)
            .and_then(|range| range.to_str().ok());
        let offset = self.resume_from;
        match (self.status(), range.and_then(parse_content_range)) {
            (StatusCode::PARTIAL_CONTENT, Some(ContentRange::From(start))) => Resumed::At(start),
            (StatusCode::RANGE_NOT_SATISFIABLE, Some(ContentRange::Total(total)))
                if offset > 0 && offset == total =>
            {
                Resumed::Complete
            }
            _ => Resumed::FromStart,
        }
    }

    /// Waits for the next piece of the body; `None` is its end.
    ///
    /// # Errors
    /// [`HttpError::Protocol`] if the body ends early, [`HttpError::TimedOut`] if nothing comes.
    ///
    /// # Cancel safety
    /// No piece is lost if the future is dropped.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        loop {
            let next = timeout(self.step_limit, self.answer.body_mut().frame()).await;
            let limit = self.step_limit;
            let frame = next.map_err(|_| HttpError::TimedOut {
                step: "data",
                limit,
            })?;
            match frame.transpose()?.map(hyper::body::Frame::into_data) {
                None => return Ok(None),
                Some(Ok(data)) => return Ok(Some(data)),
                // Trailers say nothing about the content.
                Some(Err(_trailers)) => {}
            }
        }
    }
}

/// The two forms of `Content-Range`.
#[derive(Debug, PartialEq, Eq)]
enum ContentRange {
    /// `bytes START-END/TOTAL`: the part from START.
    From(u64),
    /// `bytes */TOTAL`: no part, as there are only so many bytes.
    Total(u64),
}

/// Source: RFC 9110 §14.4.
fn parse_content_range(text: &str) -> Option<ContentRange> {
    let (range, total) = text.strip_prefix("bytes ")?.trim().split_once('/')?;
    match range.split_once('-') {
        Some((start, _end)) => start.parse().ok().map(ContentRange::From),
        None if range == "*" => total.parse().ok().map(ContentRange::Total),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_range_has_two_forms() {
        assert_eq!(
            parse_content_range("bytes 10-19/20"),
            Some(ContentRange::From(10))
        );
        assert_eq!(
            parse_content_range("bytes 10-19/*"),
            Some(ContentRange::From(10))
        );
        assert_eq!(
            parse_content_range("bytes */20"),
            Some(ContentRange::Total(20))
        );
        for text in [
            "",
            "bytes",
            "bytes 1",
            "bytes x-/",
            "items 1-2/3",
            "bytes */*",
        ] {
            assert_eq!(parse_content_range(text), None, "{text}");
        }
    }
}
