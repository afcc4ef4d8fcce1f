//! Being told that the file of a socket was removed, or that another took its place.

#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::FileEvents;
#[cfg(target_os = "linux")]
pub(super) use linux::FileEvents;

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::path::Path;

    use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
    use rustix::io::Errno;
    use tokio::io::unix::AsyncFd;

    /// More than some events take; what they are about has to be looked up.
    const EVENTS_LEN: usize = 1024;

    /// Hears of changes to what a file is called.
    #[derive(Debug)]
    pub(crate) struct FileEvents(AsyncFd<OwnedFd>);

    impl FileEvents {
        /// Watches the file at `path`. The file of a socket that is open stays when its name goes: that
        /// changes the number of its names, one of its attributes.
        #[expect(
            deprecated,
            reason = "its successor is unsafe for types that change their descriptor, which an OwnedFd does not"
        )]
        pub(crate) fn open(path: &Path) -> io::Result<Self> {
            let inotify = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
            let names = WatchFlags::ATTRIB | WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF;
            add_watch(&inotify, path, names)?;
            Ok(Self(AsyncFd::new(inotify)?))
        }

        /// Waits until something may have changed.
        ///
        /// # Cancel safety
        /// May be dropped and called again.
        pub(crate) async fn changed(&self) -> io::Result<()> {
            let mut events = [MaybeUninit::uninit(); EVENTS_LEN];
            loop {
                let mut ready = self.0.readable().await?;
                match rustix::io::read(self.0.get_ref(), &mut events) {
                    Err(Errno::AGAIN) => ready.clear_ready(),
                    Ok(_) => return Ok(()),
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::future::pending;
    use std::io;
    use std::path::Path;

    /// Elsewhere nothing is heard.
    #[derive(Debug)]
    pub(crate) struct FileEvents;

    impl FileEvents {
        pub(crate) fn open(_: &Path) -> io::Result<Self> {
            Ok(Self)
        }

        pub(crate) async fn changed(&self) -> io::Result<()> {
            pending().await
        }
    }
}
