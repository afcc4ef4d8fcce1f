//! What the program says about itself.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod program;

use program::wirecraft;

fn help(command: &[&str]) -> String {
    let run = wirecraft(&[command, &["--help"]].concat(), "");
    assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""));
    run.stdout
}

#[test]
fn program_explains_itself() {
    insta::assert_snapshot!(help(&[]), @r#"
    WireGuard in user space: work through a tunnel without root and without changing the host

    Usage: wirecraft [OPTIONS] <COMMAND>

    Commands:
      genkey  Make a private key and print it, as `wg genkey` does
      genpsk  Make a preshared key and print it, as `wg genpsk` does
      pubkey  Read a private key from standard input and print its public key, as `wg pubkey` does
      help    Print this message or the help of the given subcommand(s)

    Options:
      -v, --verbose...  Say more on standard error; twice for details, three times for everything
      -q, --quiet       Say nothing but errors on standard error
      -h, --help        Print help
      -V, --version     Print version

    Exit status: 0 done; 1 the network said no; 2 the call or the configuration is wrong.
    Every command explains itself: `wirecraft ping --help`.
    "#);
}

#[test]
fn genkey_explains_itself() {
    insta::assert_snapshot!(help(&["genkey"]), @r#"
    Make a private key and print it, as `wg genkey` does

    Usage: wirecraft genkey [OPTIONS]

    Options:
      -v, --verbose...  Say more on standard error; twice for details, three times for everything
      -q, --quiet       Say nothing but errors on standard error
      -h, --help        Print help

    Example:
      umask 077; wirecraft genkey | tee private.key | wirecraft pubkey > public.key
    "#);
}

#[test]
fn genpsk_explains_itself() {
    insta::assert_snapshot!(help(&["genpsk"]), @r#"
    Make a preshared key and print it, as `wg genpsk` does

    Usage: wirecraft genpsk [OPTIONS]

    Options:
      -v, --verbose...  Say more on standard error; twice for details, three times for everything
      -q, --quiet       Say nothing but errors on standard error
      -h, --help        Print help

    Example:
      umask 077; wirecraft genpsk > preshared.key
    "#);
}

#[test]
fn pubkey_explains_itself() {
    insta::assert_snapshot!(help(&["pubkey"]), @r#"
    Read a private key from standard input and print its public key, as `wg pubkey` does

    Usage: wirecraft pubkey [OPTIONS]

    Options:
      -v, --verbose...  Say more on standard error; twice for details, three times for everything
      -q, --quiet       Say nothing but errors on standard error
      -h, --help        Print help

    Example:
      wirecraft pubkey < private.key
    "#);
}

#[test]
fn wrong_call_is_status_2_and_says_what_would_be_right() {
    for arguments in [&["pign"][..], &["genkey", "extra"], &["--loud"], &[]] {
        let run = wirecraft(arguments, "");
        assert_eq!(
            (run.status, run.stdout.as_str()),
            (Some(2), ""),
            "{arguments:?}"
        );
        assert!(run.stderr.contains("Usage: wirecraft"), "{}", run.stderr);
    }
}
