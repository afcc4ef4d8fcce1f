//! Lists of ports as text.

/// Why a text is no list of ports.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PortListError {
    /// A part of it is no port.
    #[error("{text:?} is no port: expected a number from 1 to 65535")]
    NotAPort {
        /// The part.
        text: String,
    },
    /// A range ends before it starts.
    #[error("{last} comes before {first}")]
    Backwards {
        /// The first port.
        first: u16,
        /// The last port.
        last: u16,
    },
}

/// Reads a list of ports such as `22,80,8000-8010`; `-` alone is all of them.
///
/// A range may leave out an end: `-1023`, `49152-`.
///
/// # Errors
/// [`PortListError`].
pub fn parse_ports(text: &str) -> Result<Vec<u16>, PortListError> {
    let mut is_listed = vec![false; usize::from(u16::MAX) + 1];
    for part in text.split(',').map(str::trim) {
        let (first, last) = match part.split_once('-') {
            None => (port(part)?, port(part)?),
            Some((first, last)) => (
                if first.is_empty() { 1 } else { port(first)? },
                if last.is_empty() {
                    u16::MAX
                } else {
                    port(last)?
                },
            ),
        };
        if last < first {
            return Err(PortListError::Backwards { first, last });
        }
        is_listed[usize::from(first)..=usize::from(last)].fill(true);
    }
    let ports = (0..=u16::MAX).filter(|port| is_listed[usize::from(*port)]);
    Ok(ports.collect())
}

fn port(text: &str) -> Result<u16, PortListError> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|port| is_number && *port != 0)
        .ok_or_else(|| PortListError::NotAPort { text: text.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_ranges_are_taken_once() {
        assert_eq!(parse_ports("80,22-24,23"), Ok(vec![22, 23, 24, 80]));
        assert_eq!(parse_ports("-2, 65535-"), Ok(vec![1, 2, 65_535]));
        assert_eq!(parse_ports("-").unwrap().len(), 65_535);
        let again = format!("{}7", "-,".repeat(99));
        assert_eq!(parse_ports(&again).unwrap().len(), 65_535);
    }

    #[test]
    fn what_is_no_port_is_named() {
        for text in [
            "0",
            "65536",
            "",
            "http",
            "+1",
            "99999999999",
            "0-5",
            "1-65536",
            "1--2",
        ] {
            let error = parse_ports(&format!("80,{text}")).unwrap_err();
            assert!(matches!(error, PortListError::NotAPort { .. }), "{text}");
        }
        let error = parse_ports("90-80").unwrap_err();
        assert_eq!(
            error,
            PortListError::Backwards {
                first: 90,
                last: 80
            }
        );
    }
}
