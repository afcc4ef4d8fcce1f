//! Neighbor discovery: what routers and neighbors on a link say of themselves.

mod domain;
mod option;
mod prefix;

use core::net::Ipv6Addr;

use crate::Sequence;

pub use domain::{DomainName, DomainNameLabels};
pub use option::{NdpOption, NdpOptionKind};
pub use prefix::{Pref64, PrefixFlags, PrefixInformation, RouteInformation, RouterPreference};

/// Options of neighbor discovery.
pub type NdpOptions<'a> = Sequence<'a, NdpOption<'a>>;

/// Defines the flags of a message or option: one octet, of which every bit is kept.
macro_rules! flags {
    (
        $(#[$meta:meta])*
        pub struct $type:ident {
            $( $(#[$flag_meta:meta])* $flag:ident = $bits:literal; )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
        pub struct $type(u8);

        impl $type {
            /// No flag.
            pub const NONE: Self = Self(0);
            $( $(#[$flag_meta])* pub const $flag: Self = Self($bits); )*

            /// Takes the octet as it stands on the wire.
            #[must_use]
            pub const fn from_bits(bits: u8) -> Self {
                Self(bits)
            }

            /// Returns the octet as it stands on the wire.
            #[must_use]
            pub const fn bits(self) -> u8 {
                self.0
            }

            /// Says whether all of `flags` are set.
            #[must_use]
            pub const fn contains(self, flags: Self) -> bool {
                self.0 & flags.0 == flags.0
            }

            /// Returns these flags and `flags`.
            #[must_use]
            pub const fn with(self, flags: Self) -> Self {
                Self(self.0 | flags.0)
            }
        }
    };
}

use flags;

flags! {
    /// The flags of a router advertisement.
    ///
    /// Source: RFC 4861 §4.2, RFC 4191 §2.2, RFC 6275 §7.1, RFC 4389 §4.1.3.3.
    pub struct RouterFlags {
        /// Addresses come from DHCPv6.
        MANAGED = 0x80;
        /// Other settings come from DHCPv6.
        OTHER = 0x40;
        /// The router is a home agent.
        HOME_AGENT = 0x20;
        /// A proxy sent it.
        PROXY = 0x04;
    }
}

impl RouterFlags {
    /// Returns how the router is to be preferred to others.
    #[must_use]
    pub const fn preference(self) -> RouterPreference {
        RouterPreference::from_bits(self.0 >> 3)
    }

    /// Replaces how the router is to be preferred to others.
    #[must_use]
    pub const fn with_preference(self, preference: RouterPreference) -> Self {
        Self(self.0 & !0x18 | (preference as u8) << 3)
    }
}

flags! {
    /// The flags of a neighbor advertisement.
    ///
    /// Source: RFC 4861 §4.4.
    pub struct NeighborFlags {
        /// The sender is a router.
        ROUTER = 0x80;
        /// It answers a solicitation.
        SOLICITED = 0x40;
        /// It shall override what is known.
        OVERRIDE = 0x20;
    }
}

/// What a router says of itself and its link.
///
/// Source: RFC 4861 §4.2.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RouterAdvertisement<'a> {
    /// The hop limit that hosts shall use; 0 says nothing.
    pub hop_limit: u8,
    /// The flags, the preference among them.
    pub flags: RouterFlags,
    /// How long it is a default router, in seconds; 0: it is none.
    pub lifetime: u16,
    /// How long a neighbor is taken to be reachable, in milliseconds; 0 says nothing.
    pub reachable_time: u32,
    /// The time between solicitations, in milliseconds; 0 says nothing.
    pub retransmit_timer: u32,
    /// More about link and router.
    pub options: NdpOptions<'a>,
}

/// A question for the link-layer address of a neighbor.
///
/// Source: RFC 4861 §4.3.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NeighborSolicitation<'a> {
    /// Whose address is asked for.
    pub target: Ipv6Addr,
    /// The link-layer address of who asks, and others.
    pub options: NdpOptions<'a>,
}

/// A neighbor says its link-layer address.
///
/// Source: RFC 4861 §4.4.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NeighborAdvertisement<'a> {
    /// Who says it, and why.
    pub flags: NeighborFlags,
    /// Whose address it is.
    pub target: Ipv6Addr,
    /// The link-layer address, and others.
    pub options: NdpOptions<'a>,
}

/// A router knows a better next hop.
///
/// Source: RFC 4861 §4.5.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NdpRedirect<'a> {
    /// The better next hop; the destination itself if it is on the link.
    pub target: Ipv6Addr,
    /// Whereto it is better.
    pub destination: Ipv6Addr,
    /// The link-layer address of the target, the packet that was redirected, and others.
    pub options: NdpOptions<'a>,
}
