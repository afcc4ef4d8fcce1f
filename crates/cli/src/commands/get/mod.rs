//! `wirecraft get`: HTTP and HTTPS through the tunnel.

mod download;
mod progress;

use std::future::pending;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use serde::Serialize;
use tokio::time::{Instant, sleep};
use wirecraft::SocketError;
use wirecraft::dial::DialError;
use wirecraft::http::{HttpClient, HttpError, Request, Response, Resumed, Trust};
use wirecraft::network::Network;

use super::dns;
use crate::arguments::{FormArgs, Verbosity, seconds};
use crate::exits::ExitArgs;
use crate::failure::Failure;
use crate::interrupt::stop_wanted;
use crate::output;
use crate::recording;
use download::Target;
use progress::Progress;

/// Fetch an address of the web through the tunnel
#[derive(Debug, Args)]
#[command(after_help = "\
Names are looked up through the tunnel too. Redirects are followed. HTTP/2 is
spoken with servers that offer it by TLS. Of several configurations, or of a
directory of them, the first whose peer answers is taken. A status
of 400 and above is exit status 1, and its page does not go into a file.

Examples:
  wirecraft get -c wg0.conf https://example.org/
  wirecraft get -c wg0.conf -o image.iso https://example.org/image.iso
  wirecraft get -c wg0.conf -o image.iso -C - https://example.org/image.iso
  wirecraft get -c wg0.conf --head -H 'Accept-Language: eo' example.org
  wirecraft get -c exits/ --max-time 60 https://example.org/")]
pub(crate) struct Get {
    /// What to fetch; `http://` in front may be left out
    url: String,
    /// Write to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Continue FILE where it ends (`-C -`)
    #[arg(short = 'C', long, value_name = "-", requires = "output", value_parser = ["-"], allow_hyphen_values = true, hide_possible_values = true)]
    continue_at: Option<String>,
    /// Ask for the headers only and print them
    #[arg(long, conflicts_with_all = ["output", "continue_at"])]
    head: bool,
    /// Send a header of your own, `Name: value`; may be repeated
    #[arg(short = 'H', long = "header", value_name = "HEADER", value_parser = header)]
    headers: Vec<(String, String)>,
    /// Trust the certificates of FILE (PEM) instead of those of the host
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// Seconds that the whole may take
    #[arg(long, value_name = "S", value_parser = seconds)]
    max_time: Option<Duration>,
    /// Seconds that the server may take for each step: the connection, the answer, the next piece
    #[arg(long, value_name = "S", default_value = "30", value_parser = seconds)]
    step_time: Duration,
    /// Speak HTTP/1.1 even with servers that could do HTTP/2
    #[arg(long = "http1.1")]
    http1: bool,
    #[command(flatten)]
    exits: ExitArgs,
    /// Record the packets inside the tunnel in FILE (pcapng)
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    #[command(flatten)]
    form: FormArgs,
}

/// The line of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    url: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Vec<(&'a str, String)>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    seconds: f64,
}

impl Get {
    pub(crate) async fn run(self, verbosity: Verbosity) -> Result<(), Failure> {
        if self.form.json && !self.head && self.output.is_none() {
            return Err(Failure::call(anyhow!(
                "--json needs -o FILE for the page, or --head"
            )));
        }
        let target = Target::new(self.output.as_deref(), self.continue_at.is_some())?;
        let request = self.request(target.resume_from())?;
        let (tunnel, pool) = self.exits.connect_one(verbosity).await?;
        if let Some(path) = &self.pcap {
            recording::record(&tunnel, path).await?;
        }
        let trust = self.cacert.clone().map_or(Trust::Host, Trust::File);
        let mut client = HttpClient::new(tunnel.dialer().clone(), trust).step_limit(self.step_time);
        if self.http1 {
            client = client.http1_only();
        }
        let fetched = tokio::select! {
            fetched = self.fetch(&client, request, &target, verbosity) => fetched,
            () = self.time_is_up() => Err(self.not_in_time()),
            () = stop_wanted() => Err(self.interrupted()),
        };
        match pool {
            Some(pool) => pool.close().await,
            None => tunnel.close().await.map_err(Failure::network)?,
        }
        fetched
    }

    async fn time_is_up(&self) {
        match self.max_time {
            Some(limit) => sleep(limit).await,
            None => pending().await,
        }
    }

    fn not_in_time(&self) -> Failure {
        let limit = self.max_time.unwrap_or_default().as_secs_f64();
        let advice = self.advice();
        Failure::network(anyhow!("not done within {limit} s{advice}"))
    }

    /// What helps after half a download.
    fn advice(&self) -> &'static str {
        if self.output.is_some() {
            " (-C - continues)"
        } else {
            ""
        }
    }

    fn interrupted(&self) -> Failure {
        let advice = self.advice();
        Failure::network(anyhow!("interrupted{advice}"))
    }

    fn request(&self, resume_from: u64) -> Result<Request, Failure> {
        let url = match self.url.contains("://") {
            true => self.url.clone(),
            false => format!("http://{}", self.url),
        };
        let request = if self.head {
            Request::head(&url)
        } else {
            Request::get(&url)
        };
        let mut request = request.map_err(failure)?.resume_from(resume_from);
        for (name, value) in &self.headers {
            request = request.header(name, value).map_err(failure)?;
        }
        Ok(request)
    }

    async fn fetch<N: Network>(
        &self,
        client: &HttpClient<N>,
        request: Request,
        target: &Target,
        verbosity: Verbosity,
    ) -> Result<(), Failure> {
        let started_at = Instant::now();
        let mut response = client.send(request).await.map_err(failure)?;
        let saved = if self.head {
            self.print_head(&response)?;
            None
        } else if is_refused(&response) && matches!(target, Target::File { .. }) {
            None
        } else {
            Some(self.save(&mut response, target, verbosity).await?)
        };
        if self.form.json {
            output::json(&Line {
                url: response.url().as_str(),
                status: response.status().as_u16(),
                headers: self.head.then(|| headers(&response).collect()),
                bytes: saved,
                seconds: started_at.elapsed().as_secs_f64(),
            })?;
        }
        if is_refused(&response) {
            let (url, status) = (response.url(), response.status());
            return Err(Failure::network(anyhow!(
                "{url}: the server answered {status}"
            )));
        }
        Ok(())
    }

    async fn save(
        &self,
        response: &mut Response,
        target: &Target,
        verbosity: Verbosity,
    ) -> Result<u64, Failure> {
        let start = match response.resumed() {
            Resumed::At(start) => start,
            Resumed::FromStart | Resumed::Complete => 0,
        };
        let total = response.body_len().map(|len| start + len);
        let page_on_terminal = self.output.is_none() && io::stdout().is_terminal();
        let progress = Progress::new(start, total, !page_on_terminal && !verbosity.is_quiet());
        let starts_again = target.resume_from() > 0 && response.resumed() == Resumed::FromStart;
        if starts_again && !verbosity.is_quiet() {
            output::remark("the server cannot continue: starting again");
        }
        let saved = download::save(target, response, &progress).await;
        progress.finish();
        saved
    }

    fn print_head(&self, response: &Response) -> Result<(), Failure> {
        if self.form.json {
            return Ok(());
        }
        output::line(format_args!(
            "{:?} {}",
            response.version(),
            response.status()
        ))?;
        headers(response)
            .try_for_each(|(name, value)| output::line(format_args!("{name}: {value}")))
    }
}

/// Whether the server said no. That there is nothing to add to a complete file is no refusal.
fn is_refused(response: &Response) -> bool {
    let status = response.status();
    let is_complete = response.resumed() == Resumed::Complete;
    !is_complete && (status.is_client_error() || status.is_server_error())
}

/// The headers as text, control characters escaped.
fn headers(response: &Response) -> impl Iterator<Item = (&str, String)> {
    response.headers().iter().map(|(name, value)| {
        let text = String::from_utf8_lossy(value.as_bytes());
        (name.as_str(), output::printable(&text))
    })
}

/// Sorts failures, and says what helps.
fn failure(error: HttpError) -> Failure {
    match error {
        HttpError::BadUrl { .. } | HttpError::BadHeader { .. } | HttpError::Trust { .. } => {
            Failure::call(error)
        }
        HttpError::Dial(DialError::Resolve(error)) => dns::failure(error),
        HttpError::Dial(DialError::Connect { ref reason, .. }) => {
            match lack_of_configuration(reason) {
                Some(cause) => Failure::from(cause),
                None => Failure::network(error),
            }
        }
        HttpError::Certificate { .. } => Failure::Network(anyhow!(
            "{error} (--cacert FILE trusts a certificate of your own)"
        )),
        _ => Failure::network(error),
    }
}

/// What the configuration lacks for the connection, if that is why there is none.
fn lack_of_configuration(reason: &io::Error) -> Option<SocketError> {
    let lacks = |error: &SocketError| {
        matches!(
            error,
            SocketError::NoPeer { .. } | SocketError::NoSource { .. }
        )
    };
    reason.get_ref()?.downcast_ref().copied().filter(lacks)
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected `Name: value`")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
