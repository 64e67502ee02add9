//! Thousands of runs in a row beside other writers: nothing is lost, and nothing grows.
//!
//! `APPLIES=10000 cargo test --test it thousands -- --nocapture` is the long run, and prints its figures.

use std::time::{Duration, Instant};

use crate::chain;
use crate::sandbox::{Sandbox, binary};
use crate::tally::{number, tally};

/// Entries that the journal keeps, and a few that are being written.
const KEPT: u64 = 1000;

/// A third program, without a lock; and another tcptune. Each says how often it came to its turn when it is told to end.
const WRITERS: &str = r"
(n=0; while [ ! -e /run/end ]; do n=$((n + 1)); sysctl -q -w net.ipv4.tcp_fin_timeout=$((30 + n % 30)); done; echo $n > /run/stranger) &
(n=0; while [ ! -e /run/end ]; do n=$((n + 1)); TCPTUNE set keepalive_time=$((1000 + n % 1000)) --wait=10m >/dev/null || touch /run/failed; done; echo $n > /run/competitor) &
wait
";

/// A number of applies, in a shell loop that says how much memory the largest of them took.
fn applies(sandbox: &Sandbox, count: usize) -> (Duration, u64) {
    let since = Instant::now();
    let seen = sandbox.run(
        "python3",
        &["-c", MANY, binary().to_str().unwrap(), &count.to_string()],
    );
    assert_eq!(seen.code, Some(0), "{seen:?}");
    let peak = seen.out.trim().parse().unwrap();
    (since.elapsed() / u32::try_from(count).unwrap(), peak)
}

/// Two profiles in turn; the largest resident set of any of the children, in kilobytes.
const MANY: &str = r#"
import resource, subprocess, sys
for turn in range(int(sys.argv[2])):
    profile = ("one", "two")[turn % 2]
    subprocess.run([sys.argv[1], "apply", profile, "--yes", "--wait=10m"], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"#;

#[test]
fn thousands_of_applies_beside_other_writers() {
    let sandbox = Sandbox::with_systemd();
    let runs = number("APPLIES", 300);
    for (name, value) in [("one", 3), ("two", 2)] {
        let text = format!("[tcp]\nsomaxconn = {value}00\nsynack_retries = {value}\n");
        sandbox.file(&format!("/etc/tcptune/profiles/{name}.toml"), &text);
    }
    let script = WRITERS.replace("TCPTUNE", binary().to_str().unwrap());
    let mut writers = sandbox.command("sh").args(["-c", &script]).spawn().unwrap();
    let tenth = runs / 10;
    let (early, early_peak) = applies(&sandbox, tenth);
    applies(&sandbox, runs - 2 * tenth);
    let (late, late_peak) = applies(&sandbox, tenth);
    sandbox.sh("touch /run/end");
    writers.wait().unwrap();
    sandbox.sh("test ! -e /run/failed && ! pgrep -x tcptune");
    let count = |path: &str| sandbox.sh(&format!("cat {path}")).parse::<usize>().unwrap();
    let (competitor, stranger) = (count("/run/competitor"), count("/run/stranger"));

    assert!(competitor > 0 && stranger > 0, "{competitor}, {stranger}");

    chain::is_whole(&sandbox, std::collections::BTreeMap::new());
    let entries = chain::entries(&sandbox);
    assert!(entries.len() as u64 <= KEPT, "{}", entries.len());
    let last = entries.last().unwrap()["id"].as_u64().unwrap();
    assert_eq!(last, (runs + competitor) as u64, "one entry a run");
    sandbox.tcptune("status").exits(0);
    let bytes = sandbox.sh("du -sb /var/lib/tcptune | cut -f 1");
    eprintln!(
        "{runs} applies, {competitor} sets of another tcptune, {stranger} writes of a stranger: {} entries, {bytes} bytes; the first tenth {early:?} each, {early_peak} KiB at most, the last tenth {late:?} each, {late_peak} KiB",
        entries.len()
    );
    assert!(
        late_peak < early_peak + early_peak / 4 + 1024,
        "{late_peak} KiB"
    );
    tally("applies in a row, beside other writers", "apply", runs);
}
