//! One client: its requests one after the other, each within a bounded time.

use core::ops::Range;
use core::time::Duration;
use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;
use wirecraft_tunnel::wipe_stack_after;
use zeroize::Zeroizing;

use super::answer::Answer;
use super::request::{Request, RequestError, RequestReader};
use super::set::SetRequest;
use super::snapshot::Snapshot;
use super::value::ScopeOf;
use crate::handle::{DriverGone, DriverHandle, Served};

/// How long a client may take for a request, and again to take in the answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

const BUFFER_LEN: usize = 16 * 1024;

/// A client's connection.
pub(super) struct Connection {
    stream: UnixStream,
    reader: RequestReader,
    buffer: Zeroizing<Vec<u8>>,
    /// What has been received and not been read yet.
    unread: Range<usize>,
    /// The client sends no more; it may still read.
    has_ended: bool,
}

/// Why a connection ended before its client ended it.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    #[error("the client was silent for too long")]
    Silent,
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    DriverGone(#[from] DriverGone),
}

impl Connection {
    pub(super) fn new(stream: UnixStream, scope_of: ScopeOf) -> Self {
        Self {
            stream,
            reader: RequestReader::new(scope_of),
            buffer: Zeroizing::new(vec![0; BUFFER_LEN]),
            unread: 0..0,
            has_ended: false,
        }
    }

    /// Answers requests until the client ends the connection.
    pub(super) async fn converse(mut self, driver: &DriverHandle) -> Result<(), ConnectionError> {
        loop {
            let request = timeout(PATIENCE, self.next_request()).await;
            let Some(request) = request.map_err(|_| ConnectionError::Silent)?? else {
                return Ok(());
            };
            let ends = matches!(&request, Err(error) if error.ends_connection());
            let is_last = ends || self.has_ended;
            let answer = match request {
                Ok(request) => answer(request, driver).await?,
                Err(error) => {
                    tracing::info!(%error, "configuration request refused");
                    Answer::status(error.errno())
                }
            };
            let written = timeout(PATIENCE, self.stream.write_all(answer.as_bytes())).await;
            written.map_err(|_| ConnectionError::Silent)??;
            if is_last {
                return Ok(());
            }
        }
    }

    /// Reads to the end of a request; `None` says that no more comes.
    async fn next_request(&mut self) -> io::Result<Option<Result<Request, RequestError>>> {
        loop {
            let mut input = &self.buffer[self.unread.clone()];
            let outcome = wipe_stack_after(|| self.reader.read(&mut input));
            self.unread.start = self.unread.end - input.len();
            if outcome.is_some() {
                return Ok(outcome);
            }
            let len = self.stream.read(&mut self.buffer).await?;
            self.unread = 0..len;
            if len == 0 {
                self.has_ended = true;
                return Ok(self.reader.end().err().map(Err));
            }
        }
    }
}

async fn answer(request: Request, driver: &DriverHandle) -> Result<Answer, DriverGone> {
    let snapshot = |served: &mut Served<'_>| Snapshot::take(served);
    Ok(match request {
        Request::Configuration => Answer::configuration(&*driver.serve(snapshot).await?),
        Request::State => Answer::state(&*driver.serve(snapshot).await?),
        Request::Set(request) => {
            let set = driver.serve(move |served| set(served, &request));
            Answer::status(set.await?)
        }
    })
}

/// Does what is asked for, the sockets first: they alone can refuse. Returns the error number.
fn set(served: &mut Served<'_>, request: &SetRequest) -> i32 {
    if let Err(error) = served.change_sockets(request.sockets) {
        tracing::info!(%error, "sockets not changed");
        let errno = error.io_error().raw_os_error();
        return errno.unwrap_or_else(|| rustix::io::Errno::IO.raw_os_error());
    }
    if let Err(error) = served.device.apply(served.now, &request.device) {
        // No error to the client, as in the kernel: one list of peers may serve all of them.
        tracing::info!(%error, "passed over");
    }
    0
}
