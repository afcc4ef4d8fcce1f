//! The operating system's randomness, unbuffered: neither a fork nor a restored snapshot repeats it.

use getrandom::SysRng;
use rand_core::UnwrapErr;

/// A generator that asks the operating system every time.
///
/// It panics if the operating system has no randomness to give, which on a running Linux it has.
pub type SystemEntropy = UnwrapErr<SysRng>;
