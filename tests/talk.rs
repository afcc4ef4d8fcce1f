//! The children's side of the talk with the conductor: a line of JSON in, a line of JSON out.

use std::io::{BufRead as _, stdin};
use std::thread;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::sync::mpsc;

/// Lines of standard input as they come; it ends when the conductor does.
pub(crate) struct Orders(mpsc::UnboundedReceiver<Value>);

impl Orders {
    pub(crate) fn listen() -> Self {
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
    pub(crate) async fn next(&mut self) -> Option<Value> {
        self.0.recv().await
    }

    /// The first order, without which nothing can begin.
    pub(crate) async fn first(&mut self) -> Result<Value> {
        self.next().await.context("the conductor said nothing")
    }

    /// [`Self::first`] for a program without a runtime.
    pub(crate) fn first_blocking(&mut self) -> Result<Value> {
        self.next_blocking().context("the conductor said nothing")
    }

    /// [`Self::next`] for a program without a runtime.
    pub(crate) fn next_blocking(&mut self) -> Option<Value> {
        self.0.blocking_recv()
    }
}

/// Answers an order.
pub(crate) fn answer(value: &Value) {
    println!("{value}");
}
