//! Packets as text and out of files.

use std::cell::Cell;
use std::io::{self, Read};

use wirecraft_ip_packets::{CaptureReader, Defaults, Expression, IpPacket};

/// What parses is shown so that it parses to the same, and builds; errors point into the text.
pub fn expression_text(input: &[u8]) {
    let Ok(text) = core::str::from_utf8(input) else {
        return;
    };
    let defaults = Defaults::default();
    match text.parse::<Expression>() {
        Ok(expression) => {
            let shown = expression.to_string();
            let again: Expression = shown.parse().expect("what is shown parses");
            assert_eq!(again, expression);
            assert_eq!(again.to_string(), shown);
            let packet = expression
                .build(&defaults)
                .expect("it was built as it was parsed");
            assert_eq!(again.build(&defaults), Ok(packet));
        }
        Err(error) => {
            assert!(error.column() <= text.chars().count() + 1, "{error}");
            assert_eq!(error.to_string().lines().count(), 3);
        }
    }
}

/// Packets of any bytes are shown: one line, and one with every field.
pub fn packet_text(input: &[u8]) {
    let Ok(packet) = IpPacket::parse_lenient(input) else {
        return;
    };
    let line = packet.read.to_string();
    assert_eq!(line.lines().count(), 1, "{line}");
    let long = format!("{:#}", packet.read);
    assert!(long.lines().count() > 8, "{long}");
}

/// Counts the bytes that are read.
struct Counted<'a> {
    bytes: &'a [u8],
    read: &'a Cell<usize>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.bytes.read(buf)?;
        self.read.set(self.read.get() + len);
        Ok(len)
    }
}

/// A file of packets ends: no packet is more than was read, and nothing follows an error.
pub fn capture_file(input: &[u8]) {
    let read = Cell::new(0);
    let bytes = Counted {
        bytes: input,
        read: &read,
    };
    let Ok(mut reader) = CaptureReader::new(bytes) else {
        return;
    };
    let mut total = 0;
    let mut is_over = false;
    while let Some(captured) = reader.next() {
        assert!(!is_over, "something follows an error");
        let Ok(captured) = captured else {
            is_over = true;
            continue;
        };
        total += captured.data.len();
        assert!(total <= read.get(), "a packet has bytes that were not read");
        let interface = &reader.interfaces()[captured.interface];
        assert_eq!(interface.link, captured.link);
        if let Some(packet) = captured.packet() {
            assert!(captured.data.ends_with(packet));
        }
    }
}
