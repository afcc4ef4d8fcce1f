//! `wirecraft doctor`: says in words why a tunnel does not work.

use std::net::IpAddr;

use clap::Args;
use serde::Serialize;
use tokio::sync::mpsc;
use wirecraft::Config;
use wirecraft_diagnose::{Advice, ExamineOptions, Severity, examine};

use crate::aead::connect_options;
use crate::arguments::{ConfigArgs, FormArgs};
use crate::failure::Failure;
use crate::interrupt::unless_interrupted;
use crate::output;

/// Say why a tunnel does not work
#[derive(Debug, Args)]
#[command(after_help = "\
Reads the configuration, calls the peers, brings the tunnel up and sends data
through it. Another tunnel that runs with the same keys is cut off meanwhile.
Exit status: 0 all is well, 1 something is wrong, 2 the configuration cannot be
read.

Examples:
  wirecraft doctor -c wg0.conf
  wirecraft doctor -c wg0.conf --host 10.0.0.1")]
pub(crate) struct Doctor {
    /// A host behind the tunnel that answers pings
    #[arg(long, value_name = "ADDRESS")]
    host: Option<IpAddr>,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    form: FormArgs,
}

/// A line of `--json`.
#[derive(Serialize)]
struct AdviceLine<'a> {
    severity: &'a str,
    sentence: &'a str,
}

impl Doctor {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let config = match Config::load(self.config.path()?) {
            Ok(config) => config,
            Err(error) => return Err(Failure::call(error)),
        };
        let mut options = ExamineOptions::default();
        options.host = self.host;
        options.aead_path = connect_options()?.aead_path;
        let (sender, mut found) = mpsc::unbounded_channel();
        let examining = async {
            examine(&config, &options, |advice| {
                // The receiver lives as long as the examination.
                let _ = sender.send(advice);
            })
            .await;
            drop(sender);
            Ok(())
        };
        let telling = async {
            let mut worst = Severity::Fine;
            while let Some(advice) = found.recv().await {
                worst = worst.max(advice.severity);
                self.tell(&advice)?;
            }
            Ok(worst)
        };
        let both = async { tokio::try_join!(examining, telling) };
        let ((), worst) = unless_interrupted(both).await?;
        if worst == Severity::Wrong {
            return Err(Failure::Told);
        }
        Ok(())
    }

    fn tell(&self, advice: &Advice) -> Result<(), Failure> {
        let severity = match advice.severity {
            Severity::Fine => "ok",
            Severity::Warning => "warning",
            Severity::Wrong => "wrong",
        };
        if self.form.json {
            return output::json(&AdviceLine {
                severity,
                sentence: &advice.sentence,
            });
        }
        output::line(format_args!(
            "{severity:<8} {}",
            output::printable(&advice.sentence)
        ))
    }
}
