//! The system's log: the journal of systemd where there is one, else syslog.

use log::{Level, Record};
use nix::syslog::{Facility, Priority, Severity, syslog};
use systemd_journal_logger::JournalLog;

/// What the log calls this program.
const NAME: &str = "tcptune";

/// Leaves one record: a sentence, and fields for programs (systemd.journal-fields(7)). Whether anybody keeps it is not
/// our business: the truth is in our own journal.
pub fn tell(failed: bool, message: &str, fields: &[(&str, String)]) {
    let journal = JournalLog::empty().and_then(|journal| {
        let journal = journal
            .with_syslog_identifier(NAME.to_owned())
            .with_extra_fields(fields.iter().map(|(name, value)| (name, value)));
        let level = if failed { Level::Error } else { Level::Info };
        journal.journal_send(
            &Record::builder()
                .level(level)
                .args(format_args!("{message}"))
                .build(),
        )
    });
    if journal.is_err() {
        let severity = if failed {
            Severity::LOG_ERR
        } else {
            Severity::LOG_NOTICE
        };
        let fields: String = fields
            .iter()
            .map(|(name, value)| format!(" {name}={value:?}"))
            .collect();
        let line = format!("{NAME}: {message}{fields}");
        let _nobody_may_listen = syslog(Priority::new(severity, Facility::LOG_DAEMON), &line);
    }
}
