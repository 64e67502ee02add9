//! Fresh mount, network, process, IPC and UTS namespaces: whatever a test does dies with them.
//!
//! `/proc/sys` is read-only but for `/proc/sys/net`, which belongs to the sandbox's own network namespace; `/etc`,
//! `/run` and `/var/lib` are the sandbox's own.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

const SET_UP: &str = r"
set -e
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/etc/upper /run/etc/work /run/lib/upper /run/lib/work
mount -t overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work overlay /etc
mount -t overlay -o lowerdir=/var/lib,upperdir=/run/lib/upper,workdir=/run/lib/work overlay /var/lib
rm -rf /var/lib/tcptune
mkdir -p /etc/tcptune/profiles
echo web-17 > /proc/sys/kernel/hostname
mount --bind /proc/sys /proc/sys
mount --bind /proc/sys/net /proc/sys/net
mount -o remount,bind,ro /proc/sys
ip link set lo up
cd /
echo ready
exec sleep infinity
";

pub(crate) struct Sandbox {
    unshare: Child,
    init: String,
}

/// What a process in the sandbox left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// The standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|why| panic!("one JSON document: {why}\n{self:?}"))
    }

    /// The run, provided that it ended with this code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        self
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
            err: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
        }
    }
}

/// The binary under test: the one that `tests/run` names, else the one that cargo built for the tests.
pub(crate) fn binary() -> PathBuf {
    std::env::var_os("TCPTUNE_UNDER_TEST")
        .map_or_else(|| env!("CARGO_BIN_EXE_tcptune").into(), PathBuf::from)
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let mut unshare = Command::new("unshare")
            .args([
                "--mount",
                "--net",
                "--pid",
                "--ipc",
                "--uts",
                "--fork",
                "--kill-child",
                "--mount-proc",
            ])
            .args(["sh", "-c", SET_UP])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare of util-linux starts");
        let mut line = String::new();
        BufReader::new(unshare.stdout.take().expect("piped"))
            .read_line(&mut line)
            .expect("readable");
        assert_eq!(line, "ready\n", "the sandbox needs root, or CAP_SYS_ADMIN");
        let children = format!("/proc/{0}/task/{0}/children", unshare.id());
        let init = std::fs::read_to_string(children)
            .expect("unshare has a child")
            .trim()
            .to_owned();
        Self { unshare, init }
    }

    /// One that boots with systemd, as far as anybody can see, and has no fragments but its own.
    pub(crate) fn with_systemd() -> Self {
        let sandbox = Self::new();
        sandbox.sh("mkdir -p /run/systemd/system; rm -f /etc/sysctl.conf /etc/sysctl.d/*");
        sandbox
    }

    /// A path of the sandbox, as it is seen from outside.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        format!("/proc/{}/root{path}", self.init).into()
    }

    /// A command that will run in the sandbox.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args([
                "--target", &self.init, "--mount", "--net", "--pid", "--ipc", "--uts", "--root",
                "--",
            ])
            .arg(program);
        command.stdin(Stdio::null()).current_dir("/");
        command
    }

    pub(crate) fn run(&self, program: &str, args: &[&str]) -> Run {
        self.command(program)
            .args(args)
            .output()
            .expect("nsenter starts")
            .into()
    }

    /// tcptune, with words separated by blanks.
    pub(crate) fn tcptune(&self, words: &str) -> Run {
        let binary = binary();
        let words: Vec<&str> = words.split_whitespace().collect();
        self.run(binary.to_str().expect("UTF-8"), &words)
    }

    /// tcptune without root: the user `nobody`, perhaps through other programs first.
    pub(crate) fn as_nobody(&self, through: &[&str], words: &str) -> Run {
        // The build directory may lie where nobody can reach it.
        self.sh(&format!(
            "mkdir -p -m 755 /run/bin; install -m 755 {} /run/bin/tcptune",
            binary().display()
        ));
        let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
        let words = words.split_whitespace();
        let args: Vec<&str> = nobody
            .iter()
            .chain(through)
            .copied()
            // What `./tests/run --coverage` measures nobody may write.
            .chain([
                "/usr/bin/env",
                "LLVM_PROFILE_FILE=/dev/null",
                "/run/bin/tcptune",
            ])
            .chain(words)
            .collect();
        self.run("setpriv", &args)
    }

    /// tcptune, with faults in its system calls as strace injects them, such as `rename:error=EIO:when=3`.
    pub(crate) fn with_faults(&self, faults: &[&str], words: &str) -> Run {
        let mut args = vec!["-o".to_owned(), "/dev/null".to_owned()];
        args.extend(faults.iter().map(|fault| format!("--inject={fault}")));
        args.push(binary().display().to_string());
        args.extend(words.split_whitespace().map(str::to_owned));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.run("strace", &args)
    }

    /// tcptune, killed at its N-th write: 1 names the holder of the lock, 2 records the intent, 3 is the first key.
    pub(crate) fn killed_at_write(&self, n: usize, words: &str) {
        self.with_faults(&[&format!("write:signal=KILL:when={n}")], words);
    }

    /// A script that must succeed; its output, trimmed.
    #[track_caller]
    pub(crate) fn sh(&self, script: &str) -> String {
        let run = self.run("sh", &["-euc", script]);
        assert_eq!(run.code, Some(0), "{script}\n{}\n{}", run.out, run.err);
        run.out.trim().to_owned()
    }

    /// What procps reads, fields separated by single blanks.
    #[track_caller]
    pub(crate) fn sysctl(&self, key: &str) -> String {
        self.sh(&format!("sysctl -n {key}"))
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// A stranger writes a key.
    #[track_caller]
    pub(crate) fn stranger(&self, key: &str, value: &str) {
        self.sh(&format!("sysctl -q -w '{key}={value}'"));
    }

    /// Every sysctl of the network namespace.
    pub(crate) fn all(&self) -> String {
        self.sh("sysctl -a -r '^net\\.(core|ipv4)\\.' 2>/dev/null | grep -v -e stat_refresh -e tcp_fastopen_key")
    }

    /// Puts a file into the sandbox.
    pub(crate) fn file(&self, path: &str, text: &str) {
        use std::io::Write;
        let mut tee = self
            .command("sh")
            .args(["-c", &format!("cat > '{path}'")])
            .stdin(Stdio::piped())
            .spawn()
            .expect("starts");
        tee.stdin
            .take()
            .expect("piped")
            .write_all(text.as_bytes())
            .expect("writable");
        assert!(tee.wait().expect("waits").success(), "write {path}");
    }

    /// As if the machine had been restarted, but for the kernel's values.
    pub(crate) fn new_boot(&self, number: u32) {
        self.sh(&format!(
            "printf '00000000-0000-4000-8000-%012d\\n' {number} > /run/boot-{number}
             mount --bind /run/boot-{number} /proc/sys/kernel/random/boot_id"
        ));
    }
}

impl Sandbox {
    /// What a restart does: a new boot id, the kernel's defaults of the keys that tests declare, and then the loader.
    pub(crate) fn restart(&self, number: u32) {
        self.new_boot(number);
        for (key, value) in [
            ("net.core.somaxconn", "4096"),
            ("net.ipv4.ip_default_ttl", "64"),
            ("net.ipv4.tcp_keepalive_time", "7200"),
            ("net.ipv4.tcp_syn_retries", "6"),
            ("net.ipv4.tcp_synack_retries", "5"),
        ] {
            self.stranger(key, value);
        }
        self.sh("/lib/systemd/systemd-sysctl --prefix=net || true");
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _gone_already = self.unshare.kill();
        let _reaped = self.unshare.wait();
    }
}
