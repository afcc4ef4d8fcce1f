//! Findings in the forms that people and programs read.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;
use wirecraft::{Clock, Finding, Instant, PortState, Reason, ScanMethod, ScanTarget};

use crate::output;

/// The form of the findings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Format {
    Text,
    Ndjson,
    Json,
    // The forms of `nmap -oX` and `nmap -oG`.
    Xml,
    Grepable,
    Csv,
}

/// One finding, or a target that did not answer.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    address: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    protocol: &'static str,
    state: &'static str,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mss: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window_scale: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sack: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamps: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtt_ms: Option<f64>,
    /// Seconds since 1970.
    time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) banner: Option<String>,
}

impl Row {
    pub(super) fn of(finding: &Finding, method: ScanMethod) -> Self {
        let mut row = Self::silent(finding.target, method);
        row.time = unix_seconds_of(finding.at);
        row.state = finding.state.name();
        row.reason = finding.reason.to_string();
        row.from = Some(finding.from);
        row.ttl = Some(finding.hop_limit);
        row.rtt_ms = finding.round_trip.map(output::milliseconds);
        if let Reason::SynAck(offer) = finding.reason {
            row.window = Some(offer.window);
            row.mss = offer.mss;
            row.window_scale = offer.window_scale;
            row.sack = Some(offer.sack_permitted);
            row.timestamps = Some(offer.timestamps);
        }
        row
    }

    /// A target without an answer.
    pub(super) fn silent(target: ScanTarget, method: ScanMethod) -> Self {
        let (protocol, state) = match method {
            // As nmap says of ports that do not answer.
            ScanMethod::Syn | ScanMethod::Ack => ("tcp", "filtered"),
            ScanMethod::Udp => ("udp", "open|filtered"),
            ScanMethod::Ping => ("icmp", "no reply"),
        };
        Self {
            address: target.address,
            port: (method != ScanMethod::Ping).then_some(target.port),
            protocol,
            state,
            reason: "no-response".to_owned(),
            from: None,
            ttl: None,
            window: None,
            mss: None,
            window_scale: None,
            sack: None,
            timestamps: None,
            rtt_ms: None,
            time: unix_seconds(),
            banner: None,
        }
    }

    fn text(&self) -> String {
        let target = match (self.address, self.port) {
            (IpAddr::V6(address), Some(port)) => format!("[{address}]:{port}/{}", self.protocol),
            (address, Some(port)) => format!("{address}:{port}/{}", self.protocol),
            (address, None) => address.to_string(),
        };
        let mut line = format!("{target:<28} {:<12} {}", self.state, self.reason);
        // Writing to a string does not fail.
        if let Some(from) = self.from.filter(|from| *from != self.address) {
            let _ = write!(line, " from {from}");
        }
        if let Some(ttl) = self.ttl {
            let _ = write!(line, " ttl {ttl}");
        }
        if let Some(time) = self.rtt_ms {
            let _ = write!(line, " {time} ms");
        }
        if let Some(banner) = &self.banner {
            let _ = write!(line, "  {banner:?}");
        }
        line + "\n"
    }

    fn csv(&self) -> String {
        fn field(value: Option<impl ToString>) -> String {
            let text = value.map(|value| value.to_string()).unwrap_or_default();
            if text.contains([',', '"', '\n', '\r']) {
                return format!("\"{}\"", text.replace('"', "\"\""));
            }
            text
        }
        [
            self.address.to_string(),
            field(self.port),
            self.protocol.to_owned(),
            self.state.to_owned(),
            field(Some(&self.reason)),
            field(self.from),
            field(self.ttl),
            field(self.window),
            field(self.mss),
            field(self.rtt_ms),
            self.time.to_string(),
            field(self.banner.as_deref().map(output::printable)),
        ]
        .join(",")
            + "\n"
    }

    fn grepable(&self) -> String {
        let Self {
            address,
            port,
            protocol,
            state,
            ..
        } = self;
        match port {
            Some(port) => {
                let banner = output::printable(self.banner.as_deref().unwrap_or_default());
                let banner = banner.replace(['/', ','], "|");
                format!("Host: {address} ()\tPorts: {port}/{state}/{protocol}//{banner}///\n")
            }
            None => format!("Host: {address} ()\tStatus: {}\n", host_state(state)),
        }
    }

    fn xml(&self) -> String {
        let kind = if self.address.is_ipv4() {
            "ipv4"
        } else {
            "ipv6"
        };
        let (address, time) = (self.address, self.time);
        let reason = escaped(&self.reason);
        let ttl = self.ttl.unwrap_or(0);
        let state = format!(
            "state=\"{}\" reason=\"{reason}\" reason_ttl=\"{ttl}\"",
            self.state
        );
        let host = format!("<host endtime=\"{time}\"><status state=\"");
        let address = format!("<address addr=\"{address}\" addrtype=\"{kind}\"/>");
        let Some(port) = self.port else {
            let up = host_state(self.state).to_lowercase();
            return format!(
                "{host}{up}\" reason=\"{reason}\" reason_ttl=\"{ttl}\"/>{address}</host>\n"
            );
        };
        let service = self.banner.as_deref().map(|banner| {
            let banner = escaped(banner);
            format!("<script id=\"banner\" output=\"{banner}\"/>")
        });
        format!(
            "{host}up\" reason=\"{reason}\" reason_ttl=\"{ttl}\"/>{address}<ports>\
             <port protocol=\"{}\" portid=\"{port}\"><state {state}/>{}</port></ports></host>\n",
            self.protocol,
            service.unwrap_or_default()
        )
    }
}

fn host_state(state: &str) -> &'static str {
    if state == PortState::Up.name() {
        "Up"
    } else {
        "Down"
    }
}

/// Writes rows in one form: what stands before, between and after them.
#[derive(Debug)]
pub(super) struct Report {
    format: Format,
    method: ScanMethod,
    began_at: u64,
    rows: u64,
}

/// How a JSON array and an XML document end; what goes on with one takes its end away.
const JSON_END: &str = "\n]\n";
pub(super) const XML_END: &str = "<runstats>";

impl Report {
    /// Makes a report; `goes_on` says that rows of it are written already.
    pub(super) fn new(format: Format, method: ScanMethod, goes_on: bool) -> Self {
        Self {
            format,
            method,
            began_at: unix_seconds(),
            rows: goes_on.into(),
        }
    }

    /// What stands before the first row of a new report.
    pub(super) fn head(&self, call: &str) -> String {
        let method = match self.method {
            ScanMethod::Syn => "type=\"syn\" protocol=\"tcp\"",
            ScanMethod::Ack => "type=\"ack\" protocol=\"tcp\"",
            ScanMethod::Udp => "type=\"udp\" protocol=\"udp\"",
            ScanMethod::Ping => "type=\"ping\" protocol=\"icmp\"",
        };
        let (version, began_at, call) = (env!("CARGO_PKG_VERSION"), self.began_at, escaped(call));
        match self.format {
            Format::Text | Format::Ndjson => String::new(),
            Format::Json => "[".to_owned(),
            Format::Grepable => format!("# wirecraft {version} scan initiated as: {call}\n"),
            Format::Csv => {
                "address,port,protocol,state,reason,from,ttl,window,mss,rtt_ms,time,banner\n"
                    .to_owned()
            }
            Format::Xml => format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE nmaprun>\n\
                 <nmaprun scanner=\"wirecraft\" args=\"{call}\" start=\"{began_at}\" \
                 version=\"{version}\" xmloutputversion=\"1.05\">\n<scaninfo {method}/>\n"
            ),
        }
    }

    pub(super) fn row(&mut self, row: &Row) -> String {
        self.rows += 1;
        match self.format {
            Format::Text => row.text(),
            Format::Ndjson => json(row) + "\n",
            Format::Json if self.rows == 1 => format!("\n{}", json(row)),
            Format::Json => format!(",\n{}", json(row)),
            Format::Xml => row.xml(),
            Format::Grepable => row.grepable(),
            Format::Csv => row.csv(),
        }
    }

    /// What stands behind the last row.
    pub(super) fn tail(&self, elapsed: Duration, is_complete: bool) -> String {
        match self.format {
            Format::Json => JSON_END.to_owned(),
            Format::Xml => {
                let exit = if is_complete { "success" } else { "error" };
                let (time, seconds) = (unix_seconds(), elapsed.as_secs_f64());
                format!(
                    "{XML_END}<finished time=\"{time}\" elapsed=\"{seconds:.2}\" exit=\"{exit}\"/>\
                     </runstats>\n</nmaprun>\n"
                )
            }
            Format::Grepable => format!("# scan done in {:.2} s\n", elapsed.as_secs_f64()),
            Format::Text | Format::Ndjson | Format::Csv => String::new(),
        }
    }
}

fn json(row: &Row) -> String {
    serde_json::to_string(row).expect("a row has only strings and finite numbers")
}

/// Escapes text for attributes of XML; characters that it cannot have are left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push_str("&#9;"),
            '\u{fffe}' | '\u{ffff}' => {}
            other if other.is_control() => {}
            other => escaped.push(other),
        }
    }
    escaped
}

fn unix_seconds() -> u64 {
    Clock::new().since_unix_epoch().as_secs()
}

fn unix_seconds_of(at: Instant) -> u64 {
    let clock = Clock::new();
    let age = clock.now().since(at);
    clock.since_unix_epoch().saturating_sub(age).as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        let target = ScanTarget {
            address: "10.0.0.1".parse().unwrap(),
            port: 80,
        };
        Row {
            state: "open",
            reason: "syn-ack".to_owned(),
            from: Some(target.address),
            ttl: Some(63),
            mss: Some(1460),
            rtt_ms: Some(1.5),
            time: 1_700_000_000,
            banner: Some("a \"b\", <c>\n".to_owned()),
            ..Row::silent(target, ScanMethod::Syn)
        }
    }

    fn rows(format: Format) -> String {
        let mut report = Report::new(format, ScanMethod::Syn, false);
        report.began_at = 1_700_000_000;
        let rows = report.row(&row()) + &report.row(&row());
        report.head("scan -p 80 <x>") + &rows
    }

    #[test]
    fn every_form_is_as_its_readers_expect() {
        insta::assert_snapshot!(rows(Format::Text).lines().next().unwrap(), @r#"10.0.0.1:80/tcp              open         syn-ack ttl 63 1.5 ms  "a \"b\", <c>\n""#);
        insta::assert_snapshot!(rows(Format::Csv), @r#"
        address,port,protocol,state,reason,from,ttl,window,mss,rtt_ms,time,banner
        10.0.0.1,80,tcp,open,syn-ack,10.0.0.1,63,,1460,1.5,1700000000,"a ""b"", <c>\n"
        10.0.0.1,80,tcp,open,syn-ack,10.0.0.1,63,,1460,1.5,1700000000,"a ""b"", <c>\n"
        "#);
        assert!(rows(Format::Grepable).contains("Host: 10.0.0.1 ()\tPorts: 80/open/tcp//"));
        let xml = rows(Format::Xml);
        for part in [
            "args=\"scan -p 80 &lt;x&gt;\" start=\"1700000000\"",
            "<port protocol=\"tcp\" portid=\"80\"><state state=\"open\" reason=\"syn-ack\" reason_ttl=\"63\"/>",
            "output=\"a &quot;b&quot;, &lt;c&gt;&#10;\"",
        ] {
            assert!(xml.contains(part), "{xml}");
        }
    }

    #[test]
    fn a_banner_writes_no_rows_of_its_own_and_nothing_to_the_terminal() {
        let mut row = row();
        row.banner = Some("x\r\nHost: 10.0.0.9 ()\tPorts: 22/open/tcp//\u{1b}[2J".to_owned());
        for format in [Format::Text, Format::Grepable, Format::Csv, Format::Ndjson] {
            let text = Report::new(format, ScanMethod::Syn, false).row(&row);
            assert_eq!(text.lines().count(), 1, "{text}");
            let controls = text.chars().filter(|it| it.is_control());
            // The tabs of the grepable form and the end of the line.
            assert!(controls.count() <= 2, "{text:?}");
        }
    }

    #[test]
    fn json_is_one_array_whether_or_not_something_was_found() {
        let report = Report::new(Format::Json, ScanMethod::Syn, false);
        let tail = report.tail(Duration::ZERO, true);
        let empty = report.head("") + &tail;
        let parse = |text: &str| serde_json::from_str::<Vec<serde_json::Value>>(text).unwrap();
        assert_eq!(parse(&empty).len(), 0);
        let full = parse(&(rows(Format::Json) + &tail));
        assert_eq!((full.len(), &full[1]["mss"]), (2, &1460.into()));
    }
}
