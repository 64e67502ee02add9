//! Who wins at boot: our answer against what systemd-sysctl and procps really leave in the kernel.
//!
//! `TREES=20000 SEED=7 cargo test --test it random_trees` tries more of them, or the same ones again.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use tcptune::host::fragments;
use tcptune::host::root::Root;
use tcptune::model::catalogue::Taken;
use tcptune::model::key::Key;
use tcptune::model::sysctld::{Loader, Sequence};
use tcptune::model::value::Value;

use crate::sandbox::Sandbox;

/// The keys that the trees speak of, with what they hold before a loader runs: no tree assigns that.
const KEYS: [(&str, &str); 8] = [
    ("net.core.somaxconn", "777"),
    ("net.ipv4.conf.all.rp_filter", "777"),
    ("net.ipv4.conf.eth0/100.rp_filter", "777"),
    ("net.ipv4.conf.lo.rp_filter", "777"),
    ("net.ipv4.ip_local_reserved_ports", "7777"),
    ("net.ipv4.tcp_rmem", "4097 131073 6291457"),
    ("net.ipv4.tcp_syn_retries", "77"),
    ("net.ipv4.tcp_synack_retries", "77"),
];

const DIRECTORIES: [&str; 4] = [
    "etc/sysctl.d",
    "run/sysctl.d",
    "usr/local/lib/sysctl.d",
    "usr/lib/sysctl.d",
];

/// Where credentials of the machine are.
const CREDENTIALS: &str = "run/credentials/@system";

/// Both loaders, in a sandbox whose directories are those of a tree.
struct Peers {
    _sandbox: Sandbox,
    shell: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
    root: tempfile::TempDir,
}

impl Peers {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let root = tempfile::tempdir().unwrap();
        for directory in DIRECTORIES.iter().chain([&CREDENTIALS]) {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        let keys: Vec<Key> = KEYS.iter().map(|(name, _)| name.parse().unwrap()).collect();
        let paths: Vec<String> = keys
            .iter()
            .map(|key| format!("/proc/sys/{}", key.path()))
            .collect();
        let resets = paths
            .iter()
            .zip(KEYS)
            .map(|(path, (_, value))| format!("echo '{value}' > {path}\n"));
        let script = format!(
            "set -eu
             ip link add eth0.100 type veth peer name other
             mkdir -p /run/local/upper /run/local/work /run/sysctl.d
             mount -t overlay -o lowerdir=/usr/local,upperdir=/run/local/upper,workdir=/run/local/work overlay /usr/local
             mkdir -p /usr/local/lib/sysctl.d
             for d in run/sysctl.d usr/local/lib/sysctl.d usr/lib/sysctl.d; do mount --bind {root}/$d /$d; done
             mkdir -p /{CREDENTIALS}
             mount --bind {root}/{CREDENTIALS} /{CREDENTIALS}
             mount --bind {root}/etc /etc
             reset() {{ {resets} }}
             tell() {{ cat {paths} /run/end; }}
             echo END > /run/end
             while read -r _; do
                 reset; CREDENTIALS_DIRECTORY=/{CREDENTIALS} /lib/systemd/systemd-sysctl >/dev/null 2>&1 || true; tell
                 reset; sysctl -q --system >/dev/null 2>&1 || true; tell
                 reset; sysctl -q -p >/dev/null 2>&1 || true; tell
             done",
            root = root.path().display(),
            resets = resets.collect::<String>(),
            paths = paths.join(" "),
        );
        let mut command = sandbox.command("sh");
        command
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut shell = command.spawn().unwrap();
        Self {
            asks: shell.stdin.take().unwrap(),
            answers: BufReader::new(shell.stdout.take().unwrap()),
            shell,
            root,
            _sandbox: sandbox,
        }
    }

    /// What each loader leaves in the kernel.
    fn load(&mut self) -> [BTreeMap<&'static str, Value>; 3] {
        self.asks.write_all(b"go\n").unwrap();
        [(); 3].map(|()| {
            let mut values = BTreeMap::new();
            for (key, _) in KEYS {
                let mut line = String::new();
                self.answers.read_line(&mut line).unwrap();
                values.insert(key, Value::new(&line));
            }
            let mut end = String::new();
            self.answers.read_line(&mut end).unwrap();
            assert_eq!(end, "END\n");
            values
        })
    }

    /// What we say that they leave; nothing where we do not know.
    fn predicted(&self, loader: Loader) -> BTreeMap<&'static str, Option<Value>> {
        let tree = fragments::read(&Root::image(self.root.path()).unwrap());
        let sequence = Sequence::read(&tree, loader);
        let value = |(name, before): (&'static str, &str)| {
            let key: Key = name.parse().unwrap();
            let value = match sequence.outcome(&key).winner.map(|winner| winner.taken) {
                None => Some(Value::new(before)),
                Some(Taken::Value(value)) => Some(value),
                Some(_) => None,
            };
            (name, value)
        };
        KEYS.into_iter().map(value).collect()
    }

    /// Compares a tree that was written; how many answers were certain.
    fn compare(&mut self) -> Result<usize, String> {
        let loaders = [Loader::Systemd, Loader::Procps, Loader::SysctlP];
        let left = self.load();
        let mut certain = 0;
        for (loader, left) in loaders.into_iter().zip(left) {
            for (key, predicted) in self.predicted(loader) {
                let Some(predicted) = predicted else { continue };
                certain += 1;
                if predicted != left[key] {
                    let name = loader.name();
                    return Err(format!(
                        "{key}: {name} leaves `{}`, we said `{predicted}`",
                        left[key]
                    ));
                }
            }
        }
        Ok(certain)
    }

    fn clear(&self) {
        for directory in DIRECTORIES.iter().chain([&CREDENTIALS]) {
            let path = self.root.path().join(directory);
            for entry in fs::read_dir(&path).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && !path.is_symlink() {
                    fs::remove_dir(&path).unwrap();
                } else {
                    fs::remove_file(&path).unwrap();
                }
            }
        }
        let _perhaps_absent = fs::remove_file(self.root.path().join("etc/sysctl.conf"));
    }

    fn write(&self, tree: &Files) {
        self.clear();
        for (path, kind) in tree {
            let path = self.root.path().join(path);
            match kind {
                Kind::Text(text) => fs::write(&path, bytes(text)).unwrap(),
                Kind::Long(length) => {
                    let long = "#".repeat(*length);
                    let text = format!("{0} = 5\n{long}\n{0} = 6\n", KEYS[0].0);
                    fs::write(&path, text).unwrap();
                }
                Kind::Link(to) => symlink(to, &path).unwrap(),
                Kind::Directory => fs::create_dir(&path).unwrap(),
            }
        }
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        let _gone_already = self.shell.kill();
        let _reaped = self.shell.wait();
    }
}

/// Stands for a byte that is no text.
const NO_TEXT: char = '\u{f8ff}';

fn bytes(text: &str) -> Vec<u8> {
    let bytes = text.split(NO_TEXT).map(str::as_bytes);
    bytes.collect::<Vec<_>>().join(&[0xff][..])
}

#[derive(Debug, Clone)]
enum Kind {
    Text(String),
    /// With a line of this length in the middle.
    Long(usize),
    Link(&'static str),
    Directory,
}

/// Files by path.
type Files = BTreeMap<String, Kind>;

fn name() -> impl Strategy<Value = &'static str> {
    select(&[
        "net.core.somaxconn",
        "net.ipv4.tcp_syn_retries",
        "net.ipv4.tcp_synack_retries",
        "net.ipv4.tcp_rmem",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.conf.all.rp_filter",
        "net.ipv4.conf.lo.rp_filter",
        "net/core/somaxconn",
        "net/ipv4/tcp_synack_retries",
        "net/ipv4/conf/eth0.100/rp_filter",
        "net.ipv4.conf.eth0/100.rp_filter",
        "net.ipv4.conf.eth0.100.rp_filter",
        "net.core/somaxconn",
        "net/core.somaxconn",
        "net..core.somaxconn",
        "net//core/somaxconn",
        "/net/core/somaxconn",
        ".net.core.somaxconn",
        "net/core/./somaxconn",
        "net/core/../core/somaxconn",
        "/proc/sys/net/core/somaxconn",
        "net/core/somaxconn/",
        "net.core.*",
        "net.core.soma*",
        "net/core/*axconn",
        "net.core.somaxcon?",
        "net.ipv4.tcp_syn*retries",
        "net.ipv4.tcp_syn{,ack}_retrie[s]",
        "net.ipv4.conf.*.rp_filter",
        "net/ipv4/conf/*/rp_filter",
        "net.ipv4.conf.[!l]*.rp_filter",
        "net.ipv4.conf.[a-e]*.rp_filter",
        "net.ipv4.conf.{lo,all}.rp_filte?",
        "net.ipv4.*",
        "*.core.somaxconn",
        r"net.core.s\omax*",
        "net.no.such_key",
        "somaxconn",
        "",
    ])
}

fn value() -> impl Strategy<Value = &'static str> {
    // Plain numbers most of the time: a value that is refused decides nothing.
    prop_oneof![
        3 => select(&["1", "2", "3", "4", "5", "6"]),
        1 => select(&[
            "010", "08", "0x10", "0x", "0", "-1", "300", "128", "+1", "3 4", "4 # note", "4# note", "\"3\"", "x", "",
            "4096 131072 6291456", "4096\t131072  6291456", "1 2 3 4", "8080,9000-9010", "99999999999999999999999", "=1",
            "4\u{f8ff}", "4 \u{f8ff}",
        ]),
    ]
}

fn line() -> impl Strategy<Value = String> {
    let assignment = (
        select(&["", "", "", "-", "- ", "--", " ", "\t", "\t- "]),
        name(),
        prop_oneof![6 => select(&["=", " = ", "\t=", "= "]).prop_map(Some), 1 => Just(None)],
        value(),
        select(&["", "", "", " ", "\t", "\x0b", "\x0c"]),
    );
    let assignment =
        assignment.prop_map(|(before, name, separator, value, after)| match separator {
            Some(separator) => format!("{before}{name}{separator}{value}{after}"),
            None => format!("{before}{name}{after}"),
        });
    let other = select(&[
        "",
        "# net.core.somaxconn = 6",
        "; net.core.somaxconn = 6",
        "junk",
        " ",
        "a",
        "=3",
        "-",
        "-=3",
        "\u{feff}",
        "# \u{f8ff}",
        "net.core.soma\u{f8ff}conn = 3",
    ]);
    prop_oneof![9 => assignment, 1 => other.prop_map(str::to_owned)]
}

fn text() -> impl Strategy<Value = String> {
    let ended = (
        line(),
        select(&["\n", "\n", "\n", "\n", "\r\n", "\n\r", "\r", "\0", ""]),
    );
    let lines = proptest::collection::vec(ended, 0..6);
    let text = lines.prop_map(|lines| {
        lines
            .into_iter()
            .map(|(line, end)| line + end)
            .collect::<String>()
    });
    (select(&["", "", "", "", "\u{feff}"]), text).prop_map(|(start, text)| format!("{start}{text}"))
}

fn tree() -> impl Strategy<Value = Files> {
    let names = select(&[
        "10-a.conf",
        "9-a.conf",
        "99-Z.conf",
        "99-a.conf",
        "99_b.conf",
        "50.conf",
        "50-x.conf",
        ".99-h.conf",
        ".conf",
        "zz.CONF",
        "b.conf~",
        "c.conf.rpmsave",
        "99-sysctl.conf",
        "99-tcptune.conf",
        "\u{e9}.conf",
    ]);
    let kind = prop_oneof![
        24 => text().prop_map(Kind::Text),
        1 => (0xf_fffe_usize..0x10_0002).prop_map(Kind::Long),
        // The last one is there, but nobody can read it.
        2 => select(&["/dev/null", "/nowhere", "../sysctl.conf", "/etc/sysctl.conf", "loop.conf", "/proc/self/mem"]).prop_map(Kind::Link),
        2 => Just(Kind::Directory),
    ];
    let file = (select(&DIRECTORIES), names, kind)
        .prop_map(|(directory, name, kind)| (format!("{directory}/{name}"), kind));
    let sysctl_conf = proptest::option::of(text());
    let credential = proptest::option::weighted(0.2, text());
    let files = proptest::collection::vec(file, 0..7);
    (files, sysctl_conf, credential).prop_map(|(files, conf, credential)| {
        let conf = conf.map(|text| ("etc/sysctl.conf".to_owned(), Kind::Text(text)));
        let credential =
            credential.map(|text| (format!("{CREDENTIALS}/sysctl.extra"), Kind::Text(text)));
        files.into_iter().chain(conf).chain(credential).collect()
    })
}

#[test]
fn random_trees_end_as_we_say() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let cases = number("TREES").unwrap_or(500);
    let clock = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let seed = number("SEED").unwrap_or(clock.as_secs() % 1_000_000);
    let config = Config {
        cases: u32::try_from(cases).unwrap(),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    };
    let peers = std::cell::RefCell::new(Peers::new());
    let certain = std::cell::Cell::new(0);
    let outcome = TestRunner::new(config).run(&tree(), |files| {
        let mut peers = peers.borrow_mut();
        peers.write(&files);
        match peers.compare() {
            Ok(answers) => {
                certain.set(certain.get() + answers);
                Ok(())
            }
            Err(difference) => Err(TestCaseError::fail(difference)),
        }
    });
    if let Err(why) = outcome {
        panic!("SEED={seed}: {why}");
    }
    eprintln!(
        "{cases} random trees, {} answers compared, SEED={seed}",
        certain.get()
    );
    assert!(certain.get() > 20 * usize::try_from(cases).unwrap());
}

/// Trees that once made a difference, each a directory below `tests/data/sysctld`.
#[test]
fn named_trees_end_as_we_say() {
    let mut peers = Peers::new();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sysctld");
    let mut count = 0;
    for case in fs::read_dir(data).unwrap() {
        let case = case.unwrap().path();
        peers.clear();
        copy(&case, peers.root.path());
        if let Err(difference) = peers.compare() {
            panic!("{}: {difference}", case.display());
        }
        count += 1;
    }
    assert!(count >= 3, "{count}");
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_symlink() {
            symlink(fs::read_link(&path).unwrap(), to).unwrap();
        } else if path.is_dir() {
            fs::create_dir_all(&to).unwrap();
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}
