//! The arguments of a run.

use anyhow::{Result, bail};

pub(crate) const USAGE: &str = "\
Usage: cargo xtask oracle [OPTIONS]

Builds packets of every kind and has tshark and tcpdump read them: none is malformed,
every checksum is good, and fields are what this workspace reads.

  --packets N   how many (10000)
  --quick       1000, and nothing at all where a reader is not installed
  --seed N      another choice of packets (1)
  --keep        leave the file with the packets where it is";

pub(crate) struct Options {
    pub(crate) packets: usize,
    pub(crate) seed: u64,
    pub(crate) keep: bool,
    /// Whether it is fine if a reader is not installed.
    pub(crate) may_skip: bool,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self {
            packets: 10_000,
            seed: 1,
            keep: false,
            may_skip: false,
        };
        while let Some(argument) = arguments.next() {
            let mut number = || match arguments.next().map(|it| it.parse::<u64>()) {
                Some(Ok(number)) => Ok(number),
                _ => bail!("{argument} needs a number"),
            };
            match argument.as_str() {
                "--packets" => options.packets = usize::try_from(number()?)?,
                "--seed" => options.seed = number()?,
                "--keep" => options.keep = true,
                "--quick" => {
                    options.packets = 1000;
                    options.may_skip = true;
                }
                _ => bail!("unknown argument {argument}"),
            }
        }
        Ok(options)
    }
}
