//! The system's log: the journal of systemd where there is one, else syslog.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use log::{Level, Record};
use systemd_journal_logger::JournalLog;

use super::signals;

/// What the log calls this program.
const NAME: &str = "tcptune";

/// Facility and severity as one number (RFC 3164, 4.1.1): daemon, with error or notice.
const DAEMON_ERROR: u8 = 3 * 8 + 3;
const DAEMON_NOTICE: u8 = 3 * 8 + 5;

/// How long a log may take. One that is stuck must not keep keys from going back.
const PATIENCE: Duration = Duration::from_secs(1);

/// Leaves one record: a sentence, and fields for programs (systemd.journal-fields(7)). Whether anybody keeps it is not
/// our business: the truth is in our own journal.
pub fn tell(failed: bool, message: String, fields: Vec<(&'static str, String)>) {
    let (done, is_done) = mpsc::channel();
    let tell = move || {
        // Signals are for the thread that does the work.
        signals::hold();
        if journal(failed, &message, &fields).is_err() {
            let _nobody_may_listen = syslog(failed, &message, &fields);
        }
        let _nobody_waits_any_more = done.send(());
    };
    // Both logs wait for whoever reads them, and neither can be told not to. Where no thread can be had, nothing is told.
    let told = thread::Builder::new()
        .stack_size(signals::STACK)
        .spawn(tell);
    let _late_or_never = told.map(|_thread| is_done.recv_timeout(PATIENCE));
}

fn journal(failed: bool, message: &str, fields: &[(&str, String)]) -> io::Result<()> {
    let journal = JournalLog::empty()?
        .with_syslog_identifier(NAME.to_owned())
        .with_extra_fields(fields.iter().map(|(name, value)| (name, value)));
    let level = if failed { Level::Error } else { Level::Info };
    journal.journal_send(
        &Record::builder()
            .level(level)
            .args(format_args!("{message}"))
            .build(),
    )
}

/// One line as syslog(3) writes it. Without a time, as the reader has the same clock; this way no binary carries glibc's
/// time zones.
fn syslog(failed: bool, message: &str, fields: &[(&str, String)]) -> io::Result<usize> {
    let priority = if failed { DAEMON_ERROR } else { DAEMON_NOTICE };
    let fields: String = fields
        .iter()
        .map(|(name, value)| format!(" {name}={value:?}"))
        .collect();
    let line = format!("<{priority}>{NAME}: {message}{fields}");
    UnixDatagram::unbound()?.send_to(line.as_bytes(), "/dev/log")
}
