//! One packet at a time, by a library: AWS-LC, or the one in Rust without the feature `aws-lc`.

#[cfg(feature = "aws-lc")]
mod aws_lc;
#[cfg(any(test, not(feature = "aws-lc")))]
pub(crate) mod rust;

#[cfg(feature = "aws-lc")]
pub(crate) use aws_lc::SingleKey;
#[cfg(not(feature = "aws-lc"))]
pub(crate) use rust::SingleKey;

/// Why sealing cannot fail: the only limit is on the length.
const LENGTH_LIMIT: &str = "ChaCha20-Poly1305 seals any message below 256 GiB";
