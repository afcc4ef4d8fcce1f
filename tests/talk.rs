//! The children's side of the talk with the conductor: a line of JSON in, a line of JSON out.

use std::io::{BufRead as _, stdin};
use std::thread;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::sync::mpsc::{self, error::TryRecvError};

/// Lines of standard input as they come; it ends when the conductor does.
pub struct Orders(mpsc::UnboundedReceiver<Value>);

impl Orders {
    /// Begins to read standard input.
    #[must_use]
    pub fn listen() -> Self {
        let (sender, orders) = mpsc::unbounded_channel();
        thread::spawn(move || {
            let values = stdin().lock().lines().map_while(Result::ok);
            for value in values.map_while(|line| serde_json::from_str(&line).ok()) {
                if sender.send(value).is_err() {
                    return;
                }
            }
        });
        Self(orders)
    }

    /// The next order, `None` when there will be no more.
    pub async fn next(&mut self) -> Option<Value> {
        self.0.recv().await
    }

    /// An order if one has come.
    ///
    /// # Errors
    /// When there will be no more.
    pub fn take(&mut self) -> Result<Option<Value>> {
        match self.0.try_recv() {
            Ok(order) => Ok(Some(order)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(gone @ TryRecvError::Disconnected) => Err(gone.into()),
        }
    }

    /// The first order, without which nothing can begin.
    ///
    /// # Errors
    /// When there is none.
    pub async fn first(&mut self) -> Result<Value> {
        self.next().await.context("the conductor said nothing")
    }

    /// [`Self::first`] for a program without a runtime.
    ///
    /// # Errors
    /// When there is none.
    pub fn first_blocking(&mut self) -> Result<Value> {
        self.next_blocking().context("the conductor said nothing")
    }

    /// [`Self::next`] for a program without a runtime.
    pub fn next_blocking(&mut self) -> Option<Value> {
        self.0.blocking_recv()
    }
}

/// Answers an order.
#[expect(clippy::print_stdout, reason = "the conductor reads what is printed")]
pub fn answer(value: &Value) {
    println!("{value}");
}
