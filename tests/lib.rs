//! Tests of the whole: what the crates do together, and what the harness programs share.
#![forbid(unsafe_code)]

mod figures;
mod part;
mod silent;
mod talk;
mod usage;

pub use figures::{Figures, Target};
pub use part::Part;
pub use silent::Silent;
pub use talk::{Orders, answer};
pub use usage::{Usage, cpu_time};
