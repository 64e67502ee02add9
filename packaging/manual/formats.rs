//! The pages of section 5: profiles, the drop-in, the journal.

use std::slice;

use tcptune::host::library::Library;
use tcptune::model::catalogue::{Scope, TABLE};
use tcptune::model::dropin::DropIn;
use tcptune::model::memory::{ActiveSet, Settings, desired_hash};

use super::roff::Page;

/// Where everything is.
pub(crate) const FILES: &str = "\
`/etc/tcptune/profiles` ::Profiles of this machine, which come before all others of the same name.

`/usr/share/tcptune/profiles` ::Profiles that packages bring.

`/etc/sysctl.d/99-tcptune.conf` ::The drop-in, the only file of the system's configuration that tcptune ever writes; see
`tcptune-drop-in`(5).

`/var/lib/tcptune` ::The journal and what it sums up to; see `tcptune-journal`(5).

`tcptune-verify.service`, `tcptune-drift.timer` ::Run `tcptune verify` once the machine has booted, and every hour. They
write nothing; the unit fails where the machine is not as declared, and its log says what differs.";

/// How times are written.
pub(crate) const TIMES: &str =
    "TIME is a number with its unit, as in `30s`, `5m`, `2h`, `7d`, or several of them.";

/// What of the environment counts.
pub(crate) const ENVIRONMENT: &str = "\
`NO_COLOR` ::No colour, unless `--color always` asks for it.

`SUDO_USER` ::Shown in the history, no more.

`COMPLETE` ::Set by shells that ask for completions; it changes nothing that a verb does.";

/// All of them.
pub(crate) fn all(date: &str) -> [Page; 3] {
    [profile(date), drop_in(date), journal(date)]
}

/// An example that the tests read.
pub(crate) const PROFILE: &str = r#"
    [profile]
    description = "our edge proxies"
    extends     = ["high-traffic"]

    [tcp]
    synack_retries    = { value = 2, why = "our clients retry faster than 15 s" }
    syncookies        = "when-full"
    abort_on_overflow = false
    somaxconn         = { at_least = 32768 }
    tcp_fastopen      = ["client", "server"]

    [sysctl]
    net.ipv4.ip_default_ttl = 64
    "net/ipv4/conf/eth0.100/rp_filter" = { value = 1, optional = true }
"#;

fn profile(date: &str) -> Page {
    Page::new("tcptune-profile", '5', date, "what a machine should hold, and why")
        .section(
            "DESCRIPTION",
            &format!(
                "\
A profile is a file in TOML that says which values keys of the kernel should hold. It is called by the name of its file, without
`.toml`, where that lies in one of the directories of profiles; by its path elsewhere: whatever has a `/` in it or ends in `.toml`.

{PROFILE}

Everything is looked at before anything is touched, and all problems of all files are told at once, each with file, line and
column: an unknown table, key or word, a value that the kernel would refuse, and one that it would read otherwise than a person
does, such as `010`, which is 8 to the kernel."
            ),
        )
        .section(
            "TABLES",
            "\
`[profile]` ::`description` says what it is for. `extends` names profiles that come before this one, from left to right. An entry with
a `/`, or ending in `.toml`, is a file beside this one or below it. In a file outside the directories of profiles, a name is looked
for beside it first, then as everywhere.

`[tcp]` ::Keys of the catalogue by their short names, which are below KEYS; `tcp_` in front of them and full names mean the same.

`[sysctl]` ::Any other key by its full name, plain or between quotes. Where a part of the name has a dot in it, parts are separated by
`/`, and the name is between quotes. Nothing is known about such a key beyond what this kernel says of it.",
        )
        .section(
            "SETTINGS",
            "\
A setting is a value, or a table of these:

`value` ::What the key should hold: a number, a truth value, a word that KEYS has for it, a list of words, or text.

`at_least`, `at_most` ::Bounds of a single number. A value of somebody else within them is left as it is, so that a bound never
lowers a machine.

`why` ::The reason, which goes into plans, the drop-in and the journal.

`optional` ::Whether a kernel that has no such key is passed over; it is told. Otherwise nothing is touched.",
        )
        .section(
            "STACKING",
            "\
Profiles that `extends` names, and several profiles on one command line, stack from left to right. For each key the last value wins,
the largest lower bound and the smallest upper bound hold, and it is optional only if all say so. Contradictions are looked for
once everything is stacked, and both places are named. A setting by hand (`--set`, `tcptune set`) replaces value and bounds.",
        )
        .section("KEYS", &keys())
        .section(
            "SEE ALSO",
            "`tcptune`(8), `tcptune-check`(8), `tcptune-show`(8), `tcptune-explain`(8), `tcptune-schema`(8), `tcptune-profile-high-traffic`(7)",
        )
        .done()
}

/// The catalogue.
fn keys() -> String {
    let rows = TABLE.iter().map(|entry| {
        let scope = match entry.scope {
            Scope::PerNamespace => "Each network namespace has its own.",
            Scope::Global => "One for the whole machine.",
            Scope::ReadOnlyInNamespace => "One for the whole machine, which namespaces see.",
        };
        let accepts = entry.shape.accepts().unwrap_or_else(|| "Not managed".to_owned());
        let risk = match entry.risk {
            "" => String::new(),
            risk => format!(" Risk: {risk}."),
        };
        format!(
            "`{}` (`{}`) ::{} Takes {accepts}; default {}. {scope} A change takes effect {}.{risk} See {}.\n\n",
            entry.short,
            entry.name,
            entry.summary,
            entry.default,
            entry.effect.words(),
            entry.source,
        )
    });
    rows.collect::<String>()
        .replace("Takes Not managed", "Not managed")
}

fn drop_in(date: &str) -> Page {
    let resolved =
        Library::of_built_ins().resolve(slice::from_ref(&"fail-fast".to_owned()), &Settings::new());
    let example = resolved.map(|desired| {
        let assigned = desired.settings.iter();
        let assigned =
            assigned.filter_map(|(key, setting)| Some((key.clone(), setting.nearest(None)?)));
        let assigned = assigned.collect();
        let active = ActiveSet {
            profiles: desired
                .profiles
                .into_iter()
                .map(|profile| profile.name)
                .collect(),
            profiles_hash: desired_hash(&desired.settings),
            settings: desired.settings,
        };
        DropIn { active, assigned }.render()
    });
    let example: String = example
        .unwrap_or_default()
        .lines()
        .map(|line| format!("    {line}\n"))
        .collect();
    Page::new("tcptune-drop-in", '5', date, "the file through which tcptune speaks to the next boot")
        .section("SYNOPSIS", "`/etc/sysctl.d/99-tcptune.conf`")
        .section(
            "DESCRIPTION",
            "\
The drop-in is the one file of `sysctl.d`(5) that belongs to tcptune. `tcptune apply --persist`, `tcptune set --persist`, `tcptune persist` and
`tcptune confirm` write it, `tcptune off --persist` and `tcptune rollback` take it away or put back what was there. No other file is ever written, and
the loaders of the system read it as any other: tcptune need not be there at boot.

It comes after nearly everything else by its name. Before it is written, tcptune computes who wins for every key at the next
boot, under systemd-sysctl, `sysctl --system` and `sysctl -p`; where another file would win under the loader that this machine boots
with, nothing is touched, and a name that would win is proposed. `--drop-in NAME` gives it another name, for good.

The same declarations give the same bytes on every machine, at any time. It is replaced whole or not at all, has the mode 0644, and
a symbolic link in its place is refused. So is an edit by hand, which is shown and never written over: change the profile, and apply
it again.",
        )
        .section(
            "FORMAT",
            &format!(
                "\
The first line marks it as tcptune's, the second holds the SHA-256 of everything below, the third names what is declared. Each
assignment stands below a comment with what is wanted, by which line of which profile, and why. A bound that the machine satisfies by
itself has no assignment; a comment says who satisfies it. An optional key has a `-` in front, so that loaders pass over a kernel
without it. The lines that begin with `#:` are JSON, from which tcptune knows all of this again, also where there is no journal:
on a copy of the machine, or one made from an image.

{}",
                blank_lines(&example)
            ),
        )
        .section(
            "SEE ALSO",
            "`tcptune-apply`(8), `tcptune-persist`(8), `tcptune-where`(8), `tcptune-verify`(8), `sysctl.d`(5), `systemd-sysctl.service`(8)",
        )
        .done()
}

/// An empty line within a text that is shown as it is would end its paragraph.
fn blank_lines(text: &str) -> String {
    text.replace("    \n", "    \u{a0}\n")
}

fn journal(date: &str) -> Page {
    Page::new("tcptune-journal", '5', date, "what tcptune did, and what was there before")
        .section("SYNOPSIS", "`/var/lib/tcptune/journal/`ID`.json`")
        .section(
            "DESCRIPTION",
            "\
Each transaction is an entry, which is a file: one verb in one network namespace, all or nothing. It is on disk before the first key is
written, and says by its state how far it came, so that the next run settles one that was killed: it did happen, or it is put
back. `tcptune history` tells the entries, `tcptune rollback` undoes them. Files are for reading; an edit is no way to change
anything.

An entry of another boot still counts for the drop-in, while its live values are gone with that boot. Old entries that nothing
needs any more are removed by themselves, beyond a thousand.",
        )
        .section(
            "FILES",
            "\
`/var/lib/tcptune/journal/`ID`.json` ::One entry. Ids are small and increase.

`/var/lib/tcptune/state.json` ::What all entries sum up to. It only spares reading them, and is made again where it is missing.

`/var/lib/tcptune/hold.json` ::The hold, while there is one.

`/var/lib/tcptune/lock` ::Held by the one tcptune that writes. Readers need none.",
        )
        .section("FIELDS", FIELDS)
        .section(
            "SEE ALSO",
            "`tcptune-history`(8), `tcptune-rollback`(8), `tcptune-confirm`(8), `tcptune-drop-in`(5)",
        )
        .done()
}

/// What is in an entry; a test holds it against one that has everything.
pub(crate) const FIELDS: &str = "\
`schema` ::Version of the format, 1. A file of a later one is told, and left alone.

`id`, `time`, `verb` ::Which entry, when it began (RFC 3339, UTC), and what was asked for.

`who`, `reason` ::`uid`, and `sudo_user` where sudo told it; the reason that was given. For display only.

`boot`, `kernel`, `netns`, `netns_id` ::The boot id, the kernel's release, what the network namespace was called, and which it was:
its `inode` and that of its routing `socket`, which no later namespace has again.

`pid`, `started` ::The process, and when that started, in clock ticks since boot: whether it is still at work.

`state` ::`pending` while it is at work or was killed; `unconfirmed` until somebody confirms it; `committed` once everything was read back;
`reverted` where it was given up and put back.

`error` ::Why it was given up.

`parent`, `back_to` ::The entry that was in effect before, 0 for none; of a rollback, the entry as of which things stand again.

`before`, `after` ::What was remembered before and after it: the `active` set (its `profiles` with `profiles_hash`, and `settings`), and
what keys `held` before tcptune first wrote them in this boot.

`changes` ::What was written, in order: `key`, `from`, `to`, and the `cause`: set, released or restored.

`files` ::The drop-in: its `path`, and all of its text `from` and `to`.

`found` ::What the keys of the drop-in would hold without tcptune, as far as that could be told.

`confirm` ::The `deadline` of an entry that waits to be confirmed, in milliseconds of the clock that goes on while the machine sleeps;
`until` says it for readers. `boot` is what the next boot shall have then.

`persisted` ::The entries that made the drop-in what it is.
";
