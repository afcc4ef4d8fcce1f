//! Which code works on a batch.

use core::fmt;
use core::str::FromStr;

/// The code that works on a batch. All of them compute the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Path {
    /// One packet after the other.
    Single,
    /// Eight blocks at once with AVX2, where that is faster than one packet after the other.
    Avx2,
    /// Sixteen blocks at once with AVX-512 and its integer multiplication (IFMA), where that is faster
    /// than one packet after the other.
    Avx512,
}

impl Path {
    /// Every path, the one that needs the least of a processor first.
    pub const ALL: [Self; 3] = [Self::Single, Self::Avx2, Self::Avx512];

    /// Returns the fastest path that this processor has.
    #[must_use]
    pub fn detect() -> Self {
        Self::Avx512.or_below()
    }

    /// Whether this processor has it, and this build the code for it (feature `batch`).
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Single => true,
            #[cfg(all(feature = "batch", target_arch = "x86_64"))]
            Self::Avx2 => crate::vector::Avx2::detect().is_some(),
            #[cfg(all(feature = "batch", target_arch = "x86_64"))]
            Self::Avx512 => crate::vector::Avx512::detect().is_some(),
            #[cfg(not(all(feature = "batch", target_arch = "x86_64")))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }

    /// Returns this path, or where it is not available the fastest of those that need less.
    #[must_use]
    pub fn or_below(self) -> Self {
        let mut below = Self::ALL.into_iter().rev().filter(|path| *path <= self);
        below
            .find(|path| path.is_available())
            .unwrap_or(Self::Single)
    }

    /// Returns the name that [`FromStr`] reads.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no path.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not one of single, avx2 and avx512")]
pub struct PathError;

/// Reads `single`, `avx2` or `avx512`: what `WIRECRAFT_AEAD` may hold.
impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let mut all = Self::ALL.into_iter();
        all.find(|path| path.name() == text).ok_or(PathError)
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::{Path, PathError};

    #[test]
    fn every_path_reads_its_own_name() {
        for path in Path::ALL {
            assert_eq!(path.to_string().parse(), Ok(path));
        }
        assert_eq!("AVX2".parse::<Path>(), Err(PathError));
        assert_eq!("".parse::<Path>(), Err(PathError));
    }

    #[test]
    fn path_that_is_missing_gives_way_to_one_that_needs_less() {
        for path in Path::ALL {
            assert!(path.or_below() <= path);
            assert!(path.or_below().is_available());
            assert_eq!(path.or_below() == path, path.is_available());
        }
        assert_eq!(Path::detect(), Path::Avx512.or_below());
    }
}
