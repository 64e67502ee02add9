//! The verbs: what each does, as `--help` and the manual tell it, and which function does it.

use clap::Subcommand;

use crate::command::{
    World, apply, check, confirm, diff, doctor, explain, guard, history, hold, import, list,
    metrics, off, persist, rollback, schema, set, show, snapshot, status, verify, watch, whence,
};
use crate::report::Report;

use super::late::Late;

/// A verb with its words. Only those of the verb that is asked for are made up.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum Verb {
    /// Profiles and where they come from
    ///
    /// Names are looked for in /etc/tcptune/profiles, then in /usr/share/tcptune/profiles, then among the built-in ones;
    /// the first that is found hides the others of that name.
    #[command(after_long_help = "Examples:\n  \
        tcptune list\n      \
        names, what each is for, and its file")]
    List(Late<list::List>),

    /// Profiles resolved, with what each setting means on this kernel
    ///
    /// Several profiles stack from left to right: a later one replaces a value, and cannot loosen a bound. Each setting is
    /// told with the line that it comes from, its reason, what it means in seconds, connections and bytes, when a change
    /// is felt, and what can go wrong.
    #[command(after_long_help = "Examples:\n  \
        tcptune show high-traffic\n      \
        what it wants and why\n  \
        tcptune show ./edge.toml --flat\n      \
        one `key = value` a line\n  \
        tcptune show --active > host.toml\n      \
        what is declared on this machine, as a profile for version control\n  \
        tcptune show high-traffic --output kubernetes\n      \
        as the securityContext of a pod")]
    Show(Late<show::Show>),

    /// What `apply` would change; exit 1 if anything
    ///
    /// Compares what profiles want with the live kernel, and with --persist or --scope with what the next boot would
    /// give. Keys that `apply` would release, because they are no longer declared, are part of it. Nothing is touched, and
    /// no rights are needed, but to look into other network namespaces. Against a snapshot of another host it is the plan
    /// that host would make; of its listeners a snapshot knows nothing.
    #[command(after_long_help = "Examples:\n  \
        tcptune diff high-traffic --persist\n      \
        both the running kernel and the next boot\n  \
        tcptune diff profiles/edge.toml --against web-17.json --output markdown\n      \
        a comment for a pull request, made anywhere\n  \
        tcptune diff high-traffic --plan-hash\n      \
        what `apply --expect` takes: nothing but this very plan may happen")]
    Diff(Late<diff::Diff>),

    /// What is wrong or doubtful in profiles, without any host; exit 1 if anything counts
    ///
    /// Errors are what cannot be applied; warnings and notes are what the kernel would do otherwise than a reader of the
    /// file would think. Every problem has its file, line and column, the rule that found it, and its reason.
    #[command(after_long_help = "Examples:\n  \
        tcptune check profiles/*.toml --fail-on warning\n      \
        the gate of a pull request\n  \
        tcptune check edge.toml --output sarif > edge.sarif\n      \
        for code scanning")]
    Check(Late<check::Check>),

    /// Whether the machine complies, now and after the next boot; exit 1 if not
    ///
    /// Without profiles, of what is declared. Each key is told with what it holds, what the next boot gives, and which file
    /// and line says so. What the next boot gives is computed as the loader of this machine reads its files; what nobody
    /// can know is called unknown.
    #[command(after_long_help = "Examples:\n  \
        tcptune verify\n      \
        what is declared here; also what tcptune-verify.service runs at boot\n  \
        tcptune verify high-traffic --scope live\n      \
        whether this kernel does what the profile says, whoever made it so\n  \
        tcptune verify --root /mnt/image\n      \
        whether a machine made from this image will boot with its drop-in's values")]
    Verify(Late<verify::Verify>),

    /// Make the kernel so, all or nothing, read back and undoable
    ///
    /// What is declared afterwards is exactly these profiles: keys that only an earlier apply wanted go back to what they
    /// were. Every key is opened before the first is written, every write is read back, and after an error everything is
    /// put back. The intent is on disk before the first write, so that a run that was killed is settled by the next one.
    ///
    /// Alone it speaks of the running kernel; --persist writes the drop-in for the next boot too, unless another file would
    /// win over it there: then nothing is touched, and the line is named.
    #[command(after_long_help = "Examples:\n  \
        tcptune apply high-traffic --dry-run\n      \
        the whole plan, without root\n  \
        tcptune apply high-traffic --persist --reason \"launch day\"\n      \
        now and after every boot\n  \
        tcptune apply high-traffic --confirm-within=5m\n      \
        taken back in five minutes unless `tcptune confirm` comes, for hosts behind the network that you tune\n  \
        tcptune apply high-traffic --scope boot --root /mnt/image\n      \
        only the drop-in, in an image that is being built")]
    Apply(Late<apply::Apply>),

    /// Set single keys on top of what is declared
    ///
    /// As `apply` would with one more profile that wants only these keys. A value set by hand replaces what profiles want
    /// for the key, bounds included, until the next `apply`.
    #[command(after_long_help = "Examples:\n  \
        tcptune set synack_retries=2 --reason \"INC-4711\"\n      \
        by its short name\n  \
        tcptune set net.ipv4.ip_default_ttl=128\n      \
        any other key by its full one")]
    Set(Late<set::Set>),

    /// Declare nothing any more; every key goes back to what it was
    ///
    /// A key that still holds what tcptune wrote goes back to what it held before the first write in this boot; one that
    /// somebody else has written since is left, and named. With --persist the drop-in is removed. Run it so before the
    /// package is removed: removing the package changes neither kernel nor drop-in.
    #[command(after_long_help = "Examples:\n  \
        tcptune off --persist\n      \
        now, and at the next boot\n  \
        tcptune off --dry-run\n      \
        what would go back, and to what")]
    Off(Late<off::Off>),

    /// Make the next boot give what is declared now
    ///
    /// Writes the drop-in, and computes first who wins for every key at the next boot. Where another file would, nothing is
    /// touched, and the line is named together with a name of the drop-in that would win.
    #[command(after_long_help = "Examples:\n  \
        tcptune persist\n      \
        after an `apply` that turned out well")]
    Persist(Late<persist::Persist>),

    /// Keep what was applied with `--confirm-within`
    ///
    /// Until then nothing is on disk, so that a reboot takes it back as well. The drop-in, if the entry wants one, is
    /// written now, after all checks of the next boot once more.
    #[command(after_long_help = "Examples:\n  \
        tcptune apply high-traffic --persist --confirm-within=5m\n      \
        first, then log in once more, and from there\n  \
        tcptune confirm\n      \
        keep it")]
    Confirm(Late<confirm::Confirm>),

    /// Undo the entry in effect; once more goes one further, `--to ID` goes anywhere
    ///
    /// The entry is named before it is undone, live values and drop-in alike, and the rollback is an entry itself. A key
    /// that holds neither what was written nor what it would go back to was moved by somebody else: then nothing is
    /// touched, unless --force says that it may be overwritten.
    #[command(after_long_help = "Examples:\n  \
        tcptune rollback\n      \
        undo the last entry of this network namespace\n  \
        tcptune rollback --to 0 --dry-run\n      \
        what it would take to go back to before the first one")]
    Rollback(Late<rollback::Rollback>),

    /// Apply nothing for a while: `apply`, `off` and `persist` refuse
    ///
    /// So that a scheduled run does not undo the fix of an incident. Whoever meets it is told who holds, why, and until
    /// when; `set`, `confirm` and `rollback` go on working. It holds every network namespace.
    #[command(after_long_help = "Examples:\n  \
        tcptune hold --for 2h --reason \"INC-4711, ask Ann\"\n      \
        ends by itself\n  \
        tcptune unhold\n      \
        ends it now")]
    Hold(Late<hold::Hold>),

    /// Take the hold away
    ///
    /// Nothing happens where there is none.
    Unhold(Late<hold::Unhold>),

    /// What is declared, and whether it holds; exit 1 if not
    ///
    /// Of the running kernel and of the next boot, with the hold, an entry that waits to be confirmed or was interrupted,
    /// and the entry that the next rollback would undo. A machine made from an image has no journal: there the drop-in,
    /// which describes itself, says what is declared.
    #[command(after_long_help = "Examples:\n  \
        tcptune status\n      \
        this machine\n  \
        tcptune status --netns all --json\n      \
        every network namespace, for a program")]
    Status(Late<status::Status>),

    /// The journal
    ///
    /// Newest first: id, time, state, network namespace, what was done, by whom, and why. Beside the states that an entry
    /// has by itself, `undone` is one that a later rollback took back, `forgotten` one whose live values a reboot took,
    /// `left` one that failed and could not be put back whole, and `interrupted` one whose process died.
    #[command(after_long_help = "Examples:\n  \
        tcptune history -v\n      \
        with every change\n  \
        tcptune history --all --json\n      \
        all of it, for a program")]
    History(Late<history::History>),

    /// A sysctl.conf, or what this machine boots with, as a profile
    ///
    /// Comments go along as reasons. What the kernel would read otherwise, what another line of the same file wins over,
    /// and what says nothing new is told.
    #[command(after_long_help = "Examples:\n  \
        tcptune import /etc/sysctl.d/60-app.conf > app.toml\n      \
        one file\n  \
        tcptune import --managed > host.toml\n      \
        everything in /etc that this machine boots with, and the diff that takes it out of those files")]
    Import(Late<import::Import>),

    /// What the handshake suffers from now, who suffers, and what helps; exit 1 if anything is lost
    ///
    /// Looks at the kernel's counters and at every listener for a while, and tells what is lost, whose it is, the evidence,
    /// and a remedy, which often is no sysctl. Totals since boot are never a reason.
    #[command(after_long_help = "Examples:\n  \
        tcptune doctor\n      \
        five seconds of this namespace\n  \
        tcptune doctor --netns all --window 30s --profile high-traffic\n      \
        every namespace, and whether the profile would help")]
    Doctor(Late<doctor::Doctor>),

    /// What the kernel really does with a key; alone: the handshake in one screen
    ///
    /// In seconds, connections and bytes, with the values that this kernel holds: the times of every retransmission, how
    /// long a queue gets and what it costs, when a change is felt, which keys change what it does, and where that stands.
    #[command(after_long_help = "Examples:\n  \
        tcptune explain\n      \
        the path of a connection, with this machine's numbers\n  \
        tcptune explain syn_retries --set syn_retries=2\n      \
        as if it held another value")]
    Explain(Late<explain::Explain>),

    /// Drift, the journal and the queues for Prometheus; exit 0 also where something drifted
    ///
    /// The text format, on standard output or into a file that the node exporter collects. The file is replaced whole.
    #[command(after_long_help = "Examples:\n  \
        tcptune metrics\n      \
        to look at\n  \
        tcptune metrics --netns all --write /var/lib/prometheus/node-exporter/tcptune.prom\n      \
        from a timer")]
    Metrics(Late<metrics::Metrics>),

    /// The handshake live: rates, queues, findings, values and their drift
    ///
    /// Reads only. `p` pauses, `s` sorts, `/` filters, arrows scroll, `?` explains, `q` ends.
    #[command(after_long_help = "Examples:\n  \
        tcptune watch\n      \
        on a terminal\n  \
        tcptune watch --once --every 5s\n      \
        one look, without a terminal")]
    Watch(Late<watch::Watch>),

    /// This host's facts as JSON, for `diff --against` anywhere
    ///
    /// What the keys hold, what files say and what is declared; no secret, and nothing that is not needed to compute the
    /// diff elsewhere.
    #[command(after_long_help = "Examples:\n  \
        tcptune snapshot high-traffic > web-17.json\n      \
        with the keys that the profile speaks of")]
    Snapshot(Late<snapshot::Snapshot>),

    /// The JSON Schema of profiles, for editors and linters
    ///
    /// A profile names it in its first line: `#:schema ./tcptune.schema.json`.
    #[command(after_long_help = "Examples:\n  \
        tcptune schema > profiles/tcptune.schema.json\n      \
        beside the profiles that name it")]
    Schema(Late<schema::Schema>),

    /// Wait for the deadline of an entry
    #[command(hide = true)]
    Guard(Late<guard::Guard>),

    /// Who wins for each key at the next boot, under every loader; exit 1 if they disagree, a line is odd, or another key's line changes it later
    ///
    /// systemd-sysctl, `sysctl --system` and `sysctl -p` read other files, in another order. Each is told as it really
    /// reads them, with file and line, and with what it passes over.
    #[command(after_long_help = "Examples:\n  \
        tcptune where somaxconn\n      \
        one key\n  \
        tcptune where --root /mnt/image\n      \
        every key that a file of the image names")]
    Where(Late<whence::Where>),
}

impl Verb {
    /// Whether it can speak of an image, which has no kernel and no journal.
    pub(super) fn knows_images(&self) -> bool {
        match self {
            Verb::List(_)
            | Verb::Persist(_)
            | Verb::Rollback(_)
            | Verb::Confirm(_)
            | Verb::Hold(_)
            | Verb::Unhold(_)
            | Verb::History(_)
            | Verb::Snapshot(_)
            | Verb::Schema(_)
            | Verb::Check(_)
            | Verb::Doctor(_)
            | Verb::Explain(_)
            | Verb::Metrics(_)
            | Verb::Watch(_)
            | Verb::Guard(_) => false,
            Verb::Show(request) => request.is_active(),
            _ => true,
        }
    }

    /// Whether it asks anything of the machine that it runs on, but for files.
    pub(super) fn needs_a_host(&self) -> bool {
        match self {
            Verb::List(_) | Verb::Schema(_) | Verb::Check(_) => false,
            Verb::Diff(request) => !request.is_elsewhere(),
            _ => true,
        }
    }

    /// Does it.
    pub(super) fn run(&self, world: &World) -> Report {
        match self {
            Verb::List(_) => list::run(),
            Verb::Show(request) => show::run(world, request),
            Verb::Diff(request) => diff::run(world, request),
            Verb::Check(request) => check::run(request),
            Verb::Doctor(request) => doctor::run(world, request),
            Verb::Explain(request) => explain::run(world, request),
            Verb::Metrics(request) => metrics::run(world, request),
            Verb::Watch(request) => watch::run(world, request),
            Verb::Verify(request) => verify::run(world, request),
            Verb::Apply(request) => apply::run(world, request),
            Verb::Set(request) => set::run(world, request),
            Verb::Off(request) => off::run(world, request),
            Verb::Persist(request) => persist::run(world, request),
            Verb::Confirm(request) => confirm::run(world, request),
            Verb::Schema(_) => schema::run(),
            Verb::Snapshot(request) => snapshot::run(world, request),
            Verb::Guard(request) => guard::run(world, request),
            Verb::Import(request) => import::run(world, request),
            Verb::Rollback(request) => rollback::run(world, request),
            Verb::Hold(request) => hold::run(world, request),
            Verb::Unhold(_) => hold::end(world),
            Verb::Status(_) => status::run(world),
            Verb::History(request) => history::run(world, request),
            Verb::Where(request) => whence::run(world, request),
        }
    }
}
