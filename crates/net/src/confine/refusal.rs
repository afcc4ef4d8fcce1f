//! Which setting of the system forbids it.

use std::fs::{self, File};
use std::io;

/// Settings that forbid namespaces to users, what they are when they do, and how to allow them.
const SETTINGS: [(&str, &str, &str); 3] = [
    (
        "/proc/sys/kernel/unprivileged_userns_clone",
        "0",
        "sysctl kernel.unprivileged_userns_clone=1",
    ),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    (
        "/proc/sys/user/max_user_namespaces",
        "0",
        "sysctl user.max_user_namespaces=10000",
    ),
];

const DEVICE: &str = "/dev/net/tun";

/// Returns what to say behind an error about namespaces.
pub(super) fn of_namespaces() -> String {
    setting(|path| fs::read_to_string(path).ok())
        .map_or_else(String::new, |remedy| format!(" ({remedy} allows it)"))
}

fn setting(read: impl Fn(&str) -> Option<String>) -> Option<&'static str> {
    let forbids = |(path, forbidding, _): &&(&str, &str, &str)| {
        read(path).is_some_and(|value| value.trim() == *forbidding)
    };
    let found = SETTINGS.iter().find(forbids);
    found.map(|(_, _, remedy)| *remedy)
}

/// Returns what to say behind an error about the interface.
pub(super) fn of_interfaces() -> String {
    match File::options().read(true).write(true).open(DEVICE) {
        Ok(_) => of_namespaces(),
        Err(error) => device(error.kind()).to_owned(),
    }
}

fn device(error: io::ErrorKind) -> &'static str {
    match error {
        io::ErrorKind::NotFound => " (there is no /dev/net/tun: modprobe tun makes it)",
        io::ErrorKind::PermissionDenied => {
            " (not everybody may use /dev/net/tun: chmod 666 /dev/net/tun allows it)"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_that_forbids_namespaces_is_named() {
        let with = |wanted: &'static str, value: &'static str| {
            setting(move |path| (path == wanted).then(|| format!("{value}\n")))
        };
        for (path, forbidding, remedy) in SETTINGS {
            assert_eq!(with(path, forbidding), Some(remedy));
            assert_eq!(with(path, "31000"), None);
        }
    }

    #[test]
    fn device_that_is_missing_or_closed_is_named() {
        assert!(device(io::ErrorKind::NotFound).contains("modprobe"));
        assert!(device(io::ErrorKind::PermissionDenied).contains("chmod"));
        assert_eq!(device(io::ErrorKind::Other), "");
    }
}
