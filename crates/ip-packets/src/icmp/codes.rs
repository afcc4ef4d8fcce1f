//! The codes that control messages of both versions have in common.

use crate::registry::registry;

/// Defines what a code means and is called, for the types that have codes of their own.
///
/// A type with a time or nothing in the place of the code means itself: `any`, or code 0.
macro_rules! codes {
    ($type:ident { $($constant:ident => $code:ident,)* } any { $($any:ident,)* }) => {
        /// Returns what a code means under a type, `None` for codes this crate has no name for.
        pub(crate) const fn meaning(message_type: $type, code: u8) -> Option<&'static str> {
            match message_type {
                $( $type::$constant => $code::new(code).meaning(), )*
                $( $type::$any => message_type.meaning(), )*
                _ if code == 0 => message_type.meaning(),
                _ => None,
            }
        }

        /// Returns the name of a code under a type.
        pub(crate) const fn code_name(message_type: $type, code: u8) -> Option<&'static str> {
            match message_type {
                $( $type::$constant => $code::new(code).name(), )*
                _ => None,
            }
        }
    };
}

pub(crate) use codes;

registry! {
    /// What ran out, under either version.
    ///
    /// Source: IANA icmp-parameters registry, as of January 2025; RFC 792, RFC 4443 §3.3.
    pub struct TimeExceededCode {
        /// The packet ran out of hops.
        HOP_LIMIT = 0, "hop limit exceeded in transit" | "hop-limit";
        /// Fragments of the packet are missing.
        REASSEMBLY = 1, "fragment reassembly time exceeded" | "reassembly";
    }
}

registry! {
    /// How an extended echo request was answered, under either version.
    ///
    /// Source: IANA icmp-parameters registry, as of January 2025; RFC 8335 §3.
    pub struct ExtendedEchoCode {
        /// The request was answered.
        NO_ERROR = 0, "no error";
        /// The request is malformed.
        MALFORMED_QUERY = 1, "malformed query";
        /// There is no such interface.
        NO_SUCH_INTERFACE = 2, "no such interface";
        /// There is no such entry in the neighbor table.
        NO_SUCH_TABLE_ENTRY = 3, "no such table entry";
        /// More than one interface is meant.
        MULTIPLE_INTERFACES = 4, "multiple interfaces satisfy query";
    }
}

registry! {
    /// The state of an entry in a neighbor table, as an extended echo reply says it.
    ///
    /// Source: RFC 8335 §3.
    pub struct NeighborState {
        /// Nothing is said.
        RESERVED = 0, "reserved";
        /// The entry has no link-layer address yet.
        INCOMPLETE = 1, "incomplete";
        /// The neighbor answered lately.
        REACHABLE = 2, "reachable";
        /// The neighbor has not answered lately.
        STALE = 3, "stale";
        /// The neighbor is about to be asked.
        DELAY = 4, "delay";
        /// The neighbor is asked.
        PROBE = 5, "probe";
        /// The neighbor does not answer.
        FAILED = 6, "failed";
    }
}
