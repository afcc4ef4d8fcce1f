//! Lists of offloads.

use std::str::FromStr;

use anyhow::bail;
use wirecraft::Offloads;

/// Offloads without those of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Without(pub(super) Offloads);

impl FromStr for Without {
    type Err = anyhow::Error;

    fn from_str(list: &str) -> Result<Self, Self::Err> {
        let mut offloads = Offloads::default();
        for name in list.split(',').filter(|name| !name.is_empty()) {
            match name {
                "tso" => offloads.tso = false,
                "uso" => offloads.uso = false,
                "gso" => offloads.gso = false,
                "gro" => offloads.gro = false,
                _ => bail!("no offload is called {name}: tso, uso, gso, gro"),
            }
        }
        Ok(Self(offloads))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offloads_are_left_out_by_name() {
        let Without(offloads) = "uso".parse().unwrap();
        assert!(offloads.tso && !offloads.uso);
        let Without(offloads) = "tso,uso,gso,gro".parse().unwrap();
        assert!(!offloads.tso && !offloads.uso && !offloads.gso && !offloads.gro);
        assert_eq!("".parse::<Without>().unwrap().0, Offloads::default());
        assert!("lro".parse::<Without>().is_err());
    }
}
