#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod demo;
mod name_server;
mod relay;
mod rules;
mod services;

pub use demo::{DemoError, DemoGateway, GATEWAY_NAME, GATEWAY_V4, GATEWAY_V6};
pub use name_server::{NameServer, NameServerError};
pub use relay::{Relay, RelayCounters};
pub use rules::{PeerRules, Place, PlaceError, Rules, RulesError};
pub use services::{DNS_PORT, ECHO_PORT, HTTP_PORT, ServiceConfig, ServiceError, Services};
