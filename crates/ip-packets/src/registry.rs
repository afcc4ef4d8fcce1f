//! Numbers that a registry names: a newtype keeps every value, names are constants on it.
//!
//! A newtype rather than an enum with an `Unknown(u8)` variant: each number has exactly one
//! representation, conversion costs nothing, and constants match as patterns do.

/// A text is neither a name that a registry knows nor a number that fits its field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("neither a registered name nor a number from 0 to {most}")]
pub struct UnknownName {
    /// The greatest number that fits.
    pub most: u16,
}

/// Defines a `u8` newtype with one constant, one name and one meaning for each registered number.
///
/// The meaning is the documentation of the constant. A keyword after `|` is the registry's own, `same`
/// where the name is; without one, it is the name in small letters with hyphens. Numbers of fields
/// with less than eight bits end with `..=`.
macro_rules! registry {
    (
        $(#[$meta:meta])*
        pub struct $type:ident $(..= $most:literal)? {
            $(
                $(#[doc = $doc:literal])+
                $constant:ident = $number:literal, $name:literal $(| $keyword:tt)?;
            )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "serde", serde(transparent))]
        pub struct $type(u8);

        impl $type {
            $( $(#[doc = $doc])+ pub const $constant: Self = Self($number); )*

            /// Every number that has a name here, in the order of the registry.
            pub const REGISTERED: &'static [Self] = &[$( Self($number) ),*];

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

            /// Returns a name without spaces, which parses as this number again.
            #[must_use]
            pub const fn keyword(self) -> Option<&'static str> {
                match self.0 {
                    $( $number => Some($crate::registry::keyword!($name $(, $keyword)?)), )*
                    _ => None,
                }
            }

            /// Returns what the number stands for, as a sentence.
            #[must_use]
            pub const fn meaning(self) -> Option<&'static str> {
                match self.0 {
                    $( $number => Some(concat!($($doc),+).trim_ascii()), )*
                    _ => None,
                }
            }
        }

        impl core::str::FromStr for $type {
            type Err = $crate::registry::UnknownName;

            /// Reads a name or keyword in any case, with spaces, hyphens or underscores, or a
            /// number: decimal, or hexadecimal behind `0x`.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let known = Self::REGISTERED.iter().find(|known| {
                    $crate::registry::is_same_name(text, known.name())
                        || $crate::registry::is_same_name(text, known.keyword())
                });
                match known {
                    Some(known) => Ok(*known),
                    None => $crate::registry::number(text, $crate::registry::most!($($most)?)).map(Self),
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

/// The greatest number of a registry: the one given, or what fits an octet.
macro_rules! most {
    ($most:literal) => {
        $most
    };
    () => {
        u8::MAX
    };
}

/// The keyword of an entry: the one given, the name itself, or one made of it.
macro_rules! keyword {
    ($name:literal, same) => {
        $name
    };
    ($name:literal, $keyword:literal) => {
        $keyword
    };
    ($name:literal) => {{
        const BYTES: [u8; $name.len()] = $crate::registry::hyphenated($name);
        const KEYWORD: &str = match core::str::from_utf8(&BYTES) {
            Ok(text) => text,
            Err(_) => $name,
        };
        KEYWORD
    }};
}

pub(crate) use {keyword, most, registry};

/// Returns the bytes of `name`, `LEN` of them, in small letters with hyphens for spaces.
pub(crate) const fn hyphenated<const LEN: usize>(name: &str) -> [u8; LEN] {
    let mut bytes = [b'-'; LEN];
    let mut at = 0;
    while at < LEN {
        if name.as_bytes()[at] != b' ' {
            bytes[at] = name.as_bytes()[at].to_ascii_lowercase();
        }
        at += 1;
    }
    bytes
}

/// Says whether `text` is `name`, but for case and for what stands between words.
pub(crate) fn is_same_name(text: &str, name: Option<&str>) -> bool {
    let plain = |byte: u8| match byte {
        b' ' | b'_' => b'-',
        other => other.to_ascii_lowercase(),
    };
    name.is_some_and(|name| text.bytes().map(plain).eq(name.bytes().map(plain)))
}

/// Reads a number in either form, up to `most`.
pub(crate) fn number(text: &str, most: u8) -> Result<u8, UnknownName> {
    let unknown = UnknownName { most: most.into() };
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, radix) = digits.map_or((text, 10), |digits| (digits, 16));
    if digits.starts_with('+') {
        return Err(unknown);
    }
    let number = u8::from_str_radix(digits, radix).ok();
    number.filter(|it| *it <= most).ok_or(unknown)
}
