//! Values for serde that are something else than their fields.
//!
//! Registered numbers and flags are numbers, expressions are their text, packets that are kept are bytes.

use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use crate::TcpFlags;

impl Serialize for TcpFlags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.bits())
    }
}

impl<'de> Deserialize<'de> for TcpFlags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bits = u16::deserialize(deserializer)?;
        let flags = Self::from_bits(bits);
        if flags.bits() == bits {
            Ok(flags)
        } else {
            let found = de::Unexpected::Unsigned(bits.into());
            Err(de::Error::invalid_value(found, &"nine flags, at most 511"))
        }
    }
}

#[cfg(feature = "alloc")]
mod owned {
    use alloc::vec::Vec;

    use serde::de::{self, Deserialize, Deserializer};
    use serde::ser::{Serialize, Serializer};

    use crate::IpPacketBuf;

    impl Serialize for IpPacketBuf {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.as_bytes().serialize(serializer)
        }
    }

    impl<'de> Deserialize<'de> for IpPacketBuf {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let bytes = Vec::deserialize(deserializer)?;
            Self::new(bytes).map_err(de::Error::custom)
        }
    }
}

#[cfg(feature = "text")]
mod expression {
    use core::fmt;

    use serde::de::{self, Deserialize, Deserializer, Visitor};
    use serde::ser::{Serialize, Serializer};

    use crate::Expression;

    impl Serialize for Expression {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(self)
        }
    }

    impl<'de> Deserialize<'de> for Expression {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_str(Text)
        }
    }

    /// Reads an expression.
    struct Text;

    impl Visitor<'_> for Text {
        type Value = Expression;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the expression of a packet")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            text.parse().map_err(E::custom)
        }
    }
}
