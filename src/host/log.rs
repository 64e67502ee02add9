//! The system's log: the journal of systemd where there is one, else syslog.

use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use log::{Level, Record};
use nix::syslog::{Facility, Priority, Severity, syslog};
use systemd_journal_logger::JournalLog;

use super::signals;

/// What the log calls this program.
const NAME: &str = "tcptune";

/// How long a log may take. One that is stuck must not keep keys from going back.
const PATIENCE: Duration = Duration::from_secs(1);

/// Leaves one record: a sentence, and fields for programs (systemd.journal-fields(7)). Whether anybody keeps it is not
/// our business: the truth is in our own journal.
pub fn tell(failed: bool, message: String, fields: Vec<(&'static str, String)>) {
    let (done, is_done) = mpsc::channel();
    // Both logs wait for whoever reads them, and neither can be told not to.
    thread::spawn(move || {
        // Signals are for the thread that does the work.
        signals::hold();
        if journal(failed, &message, &fields).is_err() {
            system(failed, &message, &fields);
        }
        let _nobody_waits_any_more = done.send(());
    });
    let _late_or_never = is_done.recv_timeout(PATIENCE);
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

/// syslog(3), which puts the name of the program in front.
fn system(failed: bool, message: &str, fields: &[(&str, String)]) {
    let severity = if failed {
        Severity::LOG_ERR
    } else {
        Severity::LOG_NOTICE
    };
    let fields: String = fields
        .iter()
        .map(|(name, value)| format!(" {name}={value:?}"))
        .collect();
    let line = format!("{message}{fields}");
    let _nobody_may_listen = syslog(Priority::new(severity, Facility::LOG_DAEMON), &line);
}
