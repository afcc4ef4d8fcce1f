//! The targets of a scan as they are named on the command line and in files.

use std::fs;
use std::net::IpAddr;

use anyhow::anyhow;
use wirecraft::{AddressRange, TargetError, Tunnel};

use crate::commands::dns;
use crate::failure::Failure;

/// What stands in a list: ranges of addresses, and names that are still to be looked up.
#[derive(Debug, Default)]
pub(super) struct TargetList {
    pub(super) ranges: Vec<AddressRange>,
    pub(super) names: Vec<String>,
}

impl TargetList {
    /// Reads words: addresses, prefixes, ranges, names, and `@FILE` for a file of them.
    pub(super) fn read(words: &[String]) -> Result<Self, Failure> {
        let mut list = Self::default();
        for word in words {
            if let Some(path) = word.strip_prefix('@') {
                list.read_file(path)?;
                continue;
            }
            for item in word.split(',').filter(|item| !item.is_empty()) {
                list.add(item)
                    .map_err(|error| Failure::call(anyhow!("target {item:?}: {error}")))?;
            }
        }
        Ok(list)
    }

    /// Reads a file: items are set apart by spaces, commas and lines; `#` starts a remark.
    fn read_file(&mut self, path: &str) -> Result<(), Failure> {
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::call(anyhow!("targets {path}: {error}")))?;
        for (number, line) in text.lines().enumerate() {
            let items = line.split('#').next().unwrap_or_default();
            let items = items.split(|c: char| c == ',' || c.is_whitespace());
            for item in items.filter(|item| !item.is_empty()) {
                self.add(item).map_err(|error| {
                    let line = number + 1;
                    Failure::call(anyhow!("{path}:{line}: target {item:?}: {error}"))
                })?;
            }
        }
        Ok(())
    }

    fn add(&mut self, item: &str) -> Result<(), TargetError> {
        match item.parse() {
            Ok(range) => self.ranges.push(range),
            Err(TargetError::Syntax) if is_name(item) => self.names.push(item.to_owned()),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Looks the names up through the tunnel; all addresses of the families that it has are taken.
    pub(super) async fn look_up(&mut self, tunnel: &Tunnel) -> Result<(), Failure> {
        let has = |is_v4| {
            let mut addresses = tunnel.addresses().iter();
            addresses.any(|address| address.addr().is_ipv4() == is_v4)
        };
        let (has_v4, has_v6) = (has(true), has(false));
        for name in core::mem::take(&mut self.names) {
            let addresses = tunnel.resolver().addresses(&name).await;
            let addresses = addresses.map_err(dns::failure)?;
            let is_reached = |address: &IpAddr| if address.is_ipv4() { has_v4 } else { has_v6 };
            self.ranges.extend(
                addresses
                    .into_iter()
                    .filter(is_reached)
                    .map(AddressRange::from),
            );
        }
        Ok(())
    }
}

/// Tells names from misspelt addresses: the last label of a name has a letter (RFC 3696 §2).
fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let last = text
        .trim_end_matches('.')
        .rsplit('.')
        .next()
        .unwrap_or_default();
    text.bytes().all(is_allowed) && last.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_addresses_that_are_misspelt() {
        for name in ["example.org", "gate", "a.b.", "3com.com", "x-1.test"] {
            assert!(is_name(name), "{name}");
        }
        for text in [
            "10.0.0",
            "10.0.0.0/33",
            "1.2.3.4.5",
            "fd00::zz",
            "a b",
            "10.0.0.1-x/",
        ] {
            assert!(!is_name(text), "{text}");
        }
    }

    #[test]
    fn a_broken_item_of_a_file_is_named_with_its_line() {
        let path = std::env::temp_dir().join(format!("wirecraft-targets-{}", std::process::id()));
        fs::write(
            &path,
            "10.0.0.1 # gate\n10.0.0.0/24,fd00::1\n10.0.0.9-10.0.0.1\n",
        )
        .unwrap();
        let word = format!("@{}", path.display());
        let Failure::Call(error) = TargetList::read(&[word]).unwrap_err() else {
            panic!("the call is wrong");
        };
        fs::remove_file(&path).unwrap();
        let expected = ":3: target \"10.0.0.9-10.0.0.1\": 10.0.0.1 comes before 10.0.0.9";
        assert!(error.to_string().ends_with(expected), "{error}");
    }
}
