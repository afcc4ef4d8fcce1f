//! Tests of the whole: what the crates do together, and what the harness programs share.
#![forbid(unsafe_code)]

mod figures;
mod usage;

pub use figures::{Figures, Target};
pub use usage::Usage;
