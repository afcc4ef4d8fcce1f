#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod demo;
mod services;

pub use demo::{DemoError, DemoGateway, GATEWAY_NAME, GATEWAY_V4, GATEWAY_V6};
pub use services::{DNS_PORT, ECHO_PORT, HTTP_PORT, ServiceConfig, ServiceError, Services};
