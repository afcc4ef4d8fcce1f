//! Numbers that a registry names: a newtype keeps every value, names are constants on it.
//!
//! A newtype rather than an enum with an `Unknown(u8)` variant: each number has exactly one
//! representation, conversion costs nothing, and constants match as patterns do.

/// Defines a `u8` newtype with one constant and one name for each registered number.
macro_rules! registry {
    (
        $(#[$meta:meta])*
        pub struct $type:ident {
            $( $(#[$constant_meta:meta])* $constant:ident = $number:literal, $name:literal; )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(u8);

        impl $type {
            $( $(#[$constant_meta])* pub const $constant: Self = Self($number); )*

            /// Wraps a number, registered or not.
            #[must_use]
            #[inline]
            pub const fn new(number: u8) -> Self {
                Self(number)
            }

            /// Returns the number as it stands on the wire.
            #[must_use]
            #[inline]
            pub const fn number(self) -> u8 {
                self.0
            }

            /// Returns the registered name, `None` for a number this crate has no name for.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $( $number => Some($name), )*
                    _ => None,
                }
            }
        }

        impl core::fmt::Display for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self.name() {
                    Some(name) => f.pad(name),
                    None => write!(f, "{}", self.0),
                }
            }
        }

        impl core::fmt::Debug for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self.name() {
                    Some(name) => write!(f, "{}({name})", self.0),
                    None => write!(f, "{}", self.0),
                }
            }
        }

        impl From<u8> for $type {
            #[inline]
            fn from(number: u8) -> Self {
                Self(number)
            }
        }

        impl From<$type> for u8 {
            #[inline]
            fn from(value: $type) -> Self {
                value.0
            }
        }
    };
}

pub(crate) use registry;
