//! A process of its own that outlives whoever started it: it waits for a deadline.

use std::io::{self, Read};
use std::process::{Command, Stdio};

use nix::sys::signal::SigSet;
use nix::unistd::{chdir, setsid};

use crate::error::Error;

use super::netns::Namespace;
use super::root::Root;

/// The hidden verb that is the guard.
pub const VERB: &str = "guard";

/// What a guard writes once nobody can take it along any more.
const READY: &[u8] = b"ready\n";

/// Starts the guard of an entry: where systemd runs, as a service of its own, so that the end of a login takes nothing
/// along; else, or in a namespace that a service could not find again, in a session of its own.
///
/// # Errors
/// [`Error::Guard`]: then nobody watches.
pub fn start(root: &Root, entry: u64, namespace: &Namespace) -> Result<(), Error> {
    let program = std::env::current_exe().map_err(Error::Guard)?;
    let words = [VERB.to_owned(), entry.to_string()];
    let findable = namespace.init || !namespace.is_nameless();
    if root.has("/run/systemd/system") && findable {
        let mut service = Command::new("systemd-run");
        service.args([
            "--quiet",
            "--collect",
            "--service-type=exec",
            "--property=StandardOutput=null",
            "--unit",
        ]);
        service
            .arg(format!("tcptune-guard-{entry}"))
            .arg("--")
            .arg(&program)
            .args(&words);
        if !namespace.init {
            service.args(["--netns", &namespace.label]);
        }
        let run = service
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if run.is_ok_and(|status| status.success()) {
            return Ok(());
        }
    }
    let mut session = Command::new(&program);
    session
        .args(&words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut guard = session.spawn().map_err(Error::Guard)?;
    let mut said = [0; READY.len()];
    let ready = guard.stdout.take().map(|mut out| out.read_exact(&mut said));
    match ready {
        Some(Ok(())) if said == READY => Ok(()),
        _ => Err(Error::Guard(io::Error::other("it did not start"))),
    }
}

/// Leaves the session, the directory and the signals of whoever started this process, and says so.
///
/// # Errors
/// What the kernel answers.
pub fn stand_alone() -> io::Result<()> {
    // A service leads a session already.
    let _may_lead_one = setsid();
    chdir("/")?;
    SigSet::empty().thread_set_mask()?;
    let mut out = io::stdout();
    io::Write::write_all(&mut out, READY)
        .and_then(|()| io::Write::flush(&mut out))
        .or(Ok(()))
}

/// Tells everybody who is logged in, where wall(1) is there to do it.
pub fn tell(message: &str) {
    let mut wall = Command::new("wall");
    wall.arg(message)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let _perhaps_nobody_hears = wall.status();
}
