//! A process of its own that outlives whoever started it: it waits for a deadline.

use std::io::{self, Read};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::SigSet;
use nix::unistd::{chdir, setsid};

use crate::error::Error;

use super::netns::Namespace;
use super::program;
use super::root::Root;

/// The hidden verb that is the guard.
pub const VERB: &str = "guard";

/// What a guard writes once nobody can take it along any more.
const READY: &[u8] = b"ready\n";

/// How long another program may take that is asked to help.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts the guard of an entry: where systemd runs, as a service of its own, so that the end of a login takes nothing
/// along; else, or in a namespace that a service could not find again, in a session of its own.
///
/// # Errors
/// [`Error::Guard`]: then nobody watches.
pub fn start(root: &Root, entry: u64, namespace: &Namespace) -> Result<(), Error> {
    let program = std::env::current_exe().map_err(Error::Guard)?;
    let words = [VERB.to_owned(), entry.to_string()];
    if root.has("/run/systemd/system") && namespace.lasts() {
        let mut service = program::named("systemd-run");
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
        if succeeds(&mut service, PATIENCE) {
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

/// Whether a program that nobody listens to succeeds in time. One that takes longer is left alone.
fn succeeds(program: &mut Command, patience: Duration) -> bool {
    let quiet = program
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let Ok(mut child) = quiet.spawn() else {
        return false;
    };
    let since = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if since.elapsed() < patience => thread::sleep(LOOK),
            _ => return false,
        }
    }
}

/// How often a program is looked at.
const LOOK: Duration = Duration::from_millis(20);

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

/// Tells everybody who is logged in, where wall(1) is there to do it. It is waited for at most so long: nothing that hangs
/// may keep the guard from its work.
pub fn tell(message: &str, patience: Duration) {
    let _perhaps_nobody_hears = succeeds(program::named("wall").arg(message), patience);
}
