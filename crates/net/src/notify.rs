//! Telling systemd how a service is, where it has asked for it.

use sd_notify::NotifyState;

/// Says that the service can be used.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Says that the service has begun to end.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Without a `NOTIFY_SOCKET` nobody has asked.
fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd was not told");
    }
}
