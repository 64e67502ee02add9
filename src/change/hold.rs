//! The hold: while an incident's fix stands, no scheduled run undoes it.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::journal::{SCHEMA, Who};

/// Who asked that nothing be applied, why, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Who.
    pub who: Who,
    /// Why, if they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when, RFC 3339 UTC.
    pub since: String,
    /// Until when, RFC 3339 UTC; nothing for until it is taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

impl Hold {
    /// A hold of whoever runs this process.
    pub fn new(reason: Option<String>, until: Option<SystemTime>) -> Self {
        let rfc3339 = |time| humantime::format_rfc3339_seconds(time).to_string();
        Self {
            schema: SCHEMA,
            who: Who::me(),
            reason,
            since: rfc3339(SystemTime::now()),
            until: until.map(rfc3339),
        }
    }

    /// Whether its time is over. One whose time makes no sense lasts.
    pub fn is_over(&self, now: SystemTime) -> bool {
        let until = self
            .until
            .as_deref()
            .and_then(|time| humantime::parse_rfc3339(time).ok());
        until.is_some_and(|until| until <= now)
    }

    /// In one line: who, why, until when.
    pub fn words(&self) -> String {
        let until = self.until.as_ref().map_or_else(
            || "until `tcptune unhold`".to_owned(),
            |time| format!("until {time}"),
        );
        let why = self
            .reason
            .as_ref()
            .map(|why| format!(": {why}"))
            .unwrap_or_default();
        format!(
            "held by {} since {}, {until}{why}",
            self.who.words(),
            self.since
        )
    }
}
