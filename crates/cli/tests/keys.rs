//! `genkey`, `genpsk` and `pubkey` beside `wg`.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod program;

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use program::{Run, run, wirecraft};

/// From the manual of wireguard-tools: a key pair that `wg` made.
const PRIVATE: &str = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";
const PUBLIC: &str = "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=";

/// Runs wirecraft with `input` on standard input.
fn run_wirecraft(arguments: &[&str], input: &str) -> Run {
    run(wirecraft(arguments), input).unwrap()
}

/// What `wg` says to the same; `None` where it is not installed.
fn wg(command: &str, input: &str) -> Option<Run> {
    let mut wg = Command::new("wg");
    wg.arg(command);
    run(wg, input)
}

#[test]
fn public_key_is_that_of_wg() {
    let ours = run_wirecraft(&["pubkey"], &format!("{PRIVATE}\n"));
    assert_eq!(
        (ours.status, ours.stdout.as_str(), ours.stderr.as_str()),
        (Some(0), &*format!("{PUBLIC}\n"), "")
    );
    if let Some(theirs) = wg("pubkey", PRIVATE) {
        assert_eq!(ours, theirs);
    }
}

#[test]
fn generated_keys_are_understood_by_wg_and_the_other_way_round() {
    let ours = run_wirecraft(&["genkey"], "").stdout;
    let public = run_wirecraft(&["pubkey"], &ours);
    assert_eq!(
        (ours.len(), public.status, public.stdout.len()),
        (45, Some(0), 45)
    );
    if let Some(theirs) = wg("pubkey", &ours) {
        assert_eq!(public, theirs);
    }
    if let Some(theirs) = wg("genkey", "") {
        assert_eq!(
            Some(run_wirecraft(&["pubkey"], &theirs.stdout)),
            wg("pubkey", &theirs.stdout)
        );
    }
}

#[test]
fn preshared_keys_have_the_form_of_keys_and_differ() {
    let (one, other) = (
        run_wirecraft(&["genpsk"], ""),
        run_wirecraft(&["genpsk"], ""),
    );
    assert_eq!(
        (one.status, one.stdout.len(), one.stderr.as_str()),
        (Some(0), 45, "")
    );
    assert_ne!(one.stdout, other.stdout);
}

#[test]
fn white_space_and_zeros_may_follow_a_key() {
    for tail in ["", "\n", "\r\n", " \t\x0b\x0c\0\n\n"] {
        assert_eq!(
            run_wirecraft(&["pubkey"], &format!("{PRIVATE}{tail}")).stdout,
            format!("{PUBLIC}\n")
        );
    }
}

#[test]
fn what_is_no_key_is_refused_in_the_words_of_wg() {
    for input in [
        "",
        "short\n",
        &PRIVATE[1..],
        &format!(" {PRIVATE}"),
        &format!("{PRIVATE}x"),
        &PRIVATE.replace('=', "A"),
    ] {
        let ours = run_wirecraft(&["pubkey"], input);
        assert_eq!(
            (ours.status, ours.stdout.as_str()),
            (Some(2), ""),
            "{input:?}"
        );
        if let Some(theirs) = wg("pubkey", input) {
            assert_eq!(
                ours.stderr,
                theirs.stderr.replace("wg:", "wirecraft:"),
                "{input:?}"
            );
        }
    }
}

#[cfg(unix)]
#[test]
fn writing_a_key_for_everybody_to_read_is_warned_about() {
    use std::fs::{self, File, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    for (mode, warned) in [(0o644, true), (0o600, false)] {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("key-{mode:o}"));
        let file = File::create(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let mut command = wirecraft(&[]);
        let output = command.arg("genkey").stdout(file).output().unwrap();
        assert_eq!(!output.stderr.is_empty(), warned, "{mode:o}");
        assert_eq!(fs::read_to_string(&path).unwrap().len(), 45);
    }
}

#[cfg(unix)]
#[test]
fn key_in_a_file_for_everybody_is_remarked_upon_unless_quiet() {
    use std::os::unix::fs::PermissionsExt;

    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("world.key");
    for (arguments, is_told) in [(&["genkey"][..], true), (&["genkey", "-q"], false)] {
        let file = File::create(&path).unwrap();
        file.set_permissions(fs::Permissions::from_mode(0o644))
            .unwrap();
        let output = wirecraft(arguments).stdout(file).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(told.contains("world accessible file"), is_told, "{told}");
        assert_eq!(fs::read(&path).unwrap().len(), 45);
    }
}
