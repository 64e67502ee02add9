//! A verb from a prepared state, tried again and again: all old, all new, or an exact list of what is left.

use std::collections::BTreeMap;

use crate::sandbox::{Run, Sandbox};

/// The keys that the verbs below write, or that the kernel sets along; the one that sets others comes first.
pub(crate) const KEYS: [&str; 8] = [
    "net.ipv4.ip_forward",
    "net.ipv4.conf.default.forwarding",
    "net.ipv4.conf.lo.forwarding",
    "net.core.somaxconn",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syn_retries",
    "net.ipv4.tcp_synack_retries",
];

pub(crate) type Values = BTreeMap<&'static str, String>;

/// What the kernel holds, and what is declared, in each namespace that takes part.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct End {
    values: Values,
    /// Whatever a loader would read: no file is ever half written, and no other file stays.
    fragments: String,
    declared: Vec<serde_json::Value>,
    /// What `status` answers, the entry that waits to be confirmed, and whether there is a hold.
    answer: (Option<i32>, serde_json::Value, bool),
}

/// Which end a run may lead to, once the next one has settled what is pending.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Expected {
    Before,
    After,
    Either,
}

/// A verb, from a prepared state.
pub(crate) struct Bench {
    pub(crate) sandbox: Sandbox,
    pub(crate) verb: &'static str,
    pub(crate) before: End,
    pub(crate) after: End,
    pub(crate) tries: u32,
}

pub(crate) fn values(sandbox: &Sandbox) -> Values {
    let text = sandbox.sh(&format!("sysctl -n {}", KEYS.join(" ")));
    let values = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    KEYS.into_iter().zip(values).collect()
}

pub(crate) fn fragments(sandbox: &Sandbox) -> String {
    sandbox.sh("cd /etc/sysctl.d 2>/dev/null || exit 0; find . -name '*.conf' | sort | while read -r f; do echo \"== $f\"; cat $f; done")
}

pub(crate) fn end(sandbox: &Sandbox) -> End {
    let run = sandbox.tcptune("status --json");
    let status = run.json();
    let live = &status["live"];
    let wants = live["settings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| serde_json::json!([row["key"], row["want"]]));
    let declared = [live["profiles"].clone()]
        .into_iter()
        .chain(wants)
        .collect();
    End {
        values: values(sandbox),
        fragments: fragments(sandbox),
        declared,
        answer: (
            run.code,
            status["unconfirmed"]["id"].clone(),
            !status["hold"].is_null(),
        ),
    }
}

impl Bench {
    pub(crate) fn new(preparation: &[&str], verb: &'static str) -> Self {
        Self::on(Sandbox::with_systemd(), preparation, verb)
    }

    /// The same in a sandbox with something special.
    pub(crate) fn on(sandbox: Sandbox, preparation: &[&str], verb: &'static str) -> Self {
        sandbox.file("/etc/tcptune/profiles/one.toml", "[tcp]\nsomaxconn = 100\nkeepalive_time = 100\nrmem = [4097, 140000, 6291456]\nsynack_retries = 3\n");
        sandbox.file(
            "/etc/tcptune/profiles/two.toml",
            "[tcp]\nsyn_retries = 3\nsynack_retries = 2\nrmem = [4098, 150000, 6291456]\n",
        );
        // Of what is set along one differs.
        sandbox.stranger("net.ipv4.conf.lo.forwarding", "1");
        for words in preparation {
            sandbox.tcptune(words).exits(0);
        }
        let before = end(&sandbox);
        sandbox.sh("rm -rf /run/prepared; mkdir /run/prepared; cp -a /etc/sysctl.d /run/prepared; cp -a /var/lib/tcptune /run/prepared 2>/dev/null || true");
        let mut bench = Self {
            sandbox,
            verb,
            after: before.clone(),
            before,
            tries: 0,
        };
        bench.sandbox.tcptune(verb).exits(0);
        bench.after = end(&bench.sandbox);
        assert_ne!(bench.before, bench.after, "{verb} does something");
        bench.prepare();
        bench
    }

    /// Puts keys and state back to where the verb starts from.
    pub(crate) fn prepare(&self) {
        let mut script = "pkill -KILL -f '[g]uard [0-9]' || true
                          rm -rf /var/lib/tcptune; find /etc/sysctl.d -mindepth 1 -delete
                          cp -a /run/prepared/sysctl.d/. /etc/sysctl.d
                          cp -a /run/prepared/tcptune /var/lib 2>/dev/null || true\n"
            .to_owned();
        for key in KEYS {
            let (value, path) = (&self.before.values[key], key.replace('.', "/"));
            script += &format!("echo '{value}' > /proc/sys/{path}\n");
        }
        self.sandbox.sh(&script);
    }

    /// Whether the state and the kernel agree on one of the two ends, once the next run has settled what is pending.
    pub(crate) fn settles(&self, expected: Expected, what: &str) {
        let next = self.sandbox.tcptune("rollback --to 4000000000 --json");
        let code = next.json()["error"]["code"].clone();
        let settled = code == "no-entry" || code == "unconfirmed";
        assert!(settled, "{what}: {next:?}");
        let now = end(&self.sandbox);
        let ends: &[&End] = match expected {
            Expected::Before => &[&self.before],
            Expected::After => &[&self.after],
            Expected::Either => &[&self.before, &self.after],
        };
        assert!(
            ends.contains(&&now),
            "{what}: {now:#?}\nis none of {ends:#?}"
        );
    }

    /// The exit code and the JSON say what the kernel now holds.
    pub(crate) fn told_truly(&self, run: &Run, what: &str) -> Expected {
        let now = values(&self.sandbox);
        let text = fragments(&self.sandbox);
        let (before, after) = (&self.before.values, &self.after.values);
        // Where the fault hit standard output itself, there is only the code.
        let json = (!run.out.is_empty()).then(|| run.json());
        if let Some(json) = &json {
            assert_eq!(json["exit"].as_i64(), run.code.map(i64::from), "{what}");
            assert_eq!(
                json["error"].is_null(),
                run.code == Some(0),
                "{what}: {}",
                run.out
            );
        }
        // Where the report could not be written, standard error says how the verb ended.
        let (_, own) = run
            .err
            .rsplit_once("the verb itself ended with exit ")
            .unzip();
        let code = own.map_or(run.code, |code| code.trim().parse().ok());
        if code == Some(4) && run.out.is_empty() && run.err.is_empty() {
            // Nothing could be said at all, be it good or bad.
            assert!(now == *before || now == *after, "{what}: {now:?}");
            return Expected::Either;
        }
        match code {
            Some(0) => {
                assert_eq!(now, *after, "{what}: done");
                assert_eq!(text, self.after.fragments, "{what}: done");
                Expected::After
            }
            Some(2..=4) => {
                assert_eq!(
                    now, *before,
                    "{what}: nothing touched, or put back\n{}",
                    run.out
                );
                assert_eq!(
                    text, self.before.fragments,
                    "{what}: nothing touched, or put back"
                );
                Expected::Before
            }
            Some(5) => {
                let left = json
                    .map(|json| json["namespaces"][0]["left"].clone())
                    .unwrap_or_default();
                let left: Vec<_> = left
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|one| {
                        one["key"]
                            .as_str()
                            .or(one["path"].as_str())
                            .unwrap()
                            .to_owned()
                    })
                    .collect();
                let file =
                    text == self.before.fragments || left.iter().any(|one| one.starts_with('/'));
                assert!(
                    run.out.is_empty() || file,
                    "{what}: the drop-in is not in {left:?}"
                );
                // What is left is told from where it should have gone: back, or, for a rejection, on.
                let all_told = |end: &Values| {
                    now.iter()
                        .all(|(key, value)| end[key] == *value || left.iter().any(|one| one == key))
                };
                assert!(
                    run.out.is_empty() || all_told(before) || all_told(after),
                    "{what}: {now:?} is not in {left:?}"
                );
                // The next run puts back what is left; or, where even the failure could not be recorded, finds that
                // everything had been written.
                Expected::Either
            }
            _ => panic!("{what}: {run:?}"),
        }
    }
}
