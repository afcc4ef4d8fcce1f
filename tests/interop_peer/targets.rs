//! The arguments of a client: which far ends, and what to check of each.

use anyhow::{Context, Result, bail};
use std::net::IpAddr;
use std::str::FromStr;

/// One far end and what is checked of it.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Target {
    pub(crate) address: IpAddr,
    pub(crate) checks: Vec<Check>,
}

/// One check; numbers are bytes of payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Check {
    /// A datagram comes back as it went.
    UdpEcho(usize),
    /// A stream comes back as it went.
    TcpEcho(u64),
    /// The far end gets a stream as it was sent.
    TcpUp(u64),
    /// This end gets the stream that it asks for.
    TcpDown(u64),
}

/// Reads `--target ADDRESS` and the checks behind each.
///
/// # Errors
/// When an option is unknown, stands before the first target or has a wrong value.
pub(crate) fn parse(arguments: &[&str]) -> Result<Vec<Target>> {
    let mut targets: Vec<Target> = Vec::new();
    let mut rest = arguments.iter().copied();
    while let Some(option) = rest.next() {
        let value = rest
            .next()
            .with_context(|| format!("{option} needs a value"))?;
        if option == "--target" {
            targets.push(Target {
                address: number(option, value)?,
                checks: Vec::new(),
            });
            continue;
        }
        let target = targets.last_mut().context("--target ADDRESS comes first")?;
        match option {
            "--udp-echo" => {
                for len in value.split(',') {
                    target.checks.push(Check::UdpEcho(number(option, len)?));
                }
            }
            "--tcp-echo" => target.checks.push(Check::TcpEcho(number(option, value)?)),
            "--tcp-up" => target.checks.push(Check::TcpUp(number(option, value)?)),
            "--tcp-down" => target.checks.push(Check::TcpDown(number(option, value)?)),
            _ => bail!("no option {option}"),
        }
    }
    Ok(targets)
}

fn number<T: FromStr>(option: &str, text: &str) -> Result<T> {
    text.parse()
        .ok()
        .with_context(|| format!("{option} {text}: not of that form"))
}

#[cfg(test)]
mod tests {
    use super::{Check, Target, parse};

    fn words(line: &str) -> Vec<&str> {
        line.split(' ').collect()
    }

    #[test]
    fn checks_belong_to_the_target_before_them() {
        let line = "--target 10.0.0.1 --udp-echo 0,64 --tcp-up 9 --target fd00::1 --tcp-down 8";
        let expected = vec![
            Target {
                address: "10.0.0.1".parse().unwrap(),
                checks: vec![Check::UdpEcho(0), Check::UdpEcho(64), Check::TcpUp(9)],
            },
            Target {
                address: "fd00::1".parse().unwrap(),
                checks: vec![Check::TcpDown(8)],
            },
        ];
        assert_eq!(parse(&words(line)).unwrap(), expected);
    }

    #[test]
    fn check_without_a_target_is_refused() {
        assert!(parse(&words("--tcp-up 9")).is_err());
        assert!(parse(&words("--target 10.0.0.1 --udp-echo x")).is_err());
    }
}
