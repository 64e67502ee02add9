//! The documents and the program say the same. `UPDATE=1` brings the marked blocks of the README up to date.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use clap::CommandFactory;
use sha2::{Digest, Sha256};
use tcptune::cli::Cli;
use tcptune::exit::Exit;
use tcptune::host::library;
use tcptune::model::catalogue::{Scope, TABLE};
use tcptune::model::memory::hex;
use tcptune::report::metrics;

use crate::sandbox::Sandbox;
use crate::translation;

pub(crate) fn document(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// Several tests may bring the README and its translation up to date.
pub(crate) static README: Mutex<()> = Mutex::new(());

/// Writes the README, and its translation behind it; the caller holds [`README`].
pub(crate) fn update(readme: &str) {
    fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"), readme).unwrap();
    translation::follow(readme);
}

/// Compares the README with what it should be, or writes it.
fn check(wanted: &str) {
    if std::env::var_os("UPDATE").is_some() {
        update(wanted);
    }
    let is = document("README.md");
    let diff = similar::TextDiff::from_lines(is.as_str(), wanted)
        .unified_diff()
        .to_string();
    assert!(
        is == wanted,
        "README.md is out of date; `UPDATE=1 cargo test docs` mends it\n{diff}"
    );
}

fn between(text: &str, marker: &str, content: &str) -> String {
    let (open, close) = (
        format!("<!-- {marker} -->\n"),
        format!("<!-- /{marker} -->"),
    );
    let (before, rest) = text
        .split_once(&open)
        .unwrap_or_else(|| panic!("README has {open}"));
    let (_, after) = rest
        .split_once(&close)
        .unwrap_or_else(|| panic!("README has {close}"));
    format!("{before}{open}{content}{close}{after}")
}

fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let rule = format!("|{}\n", "---|".repeat(head.len()));
    let head = line(head.iter().map(ToString::to_string).collect());
    rows.into_iter()
        .map(line)
        .fold(head + &rule, |text, row| text + &row)
}

#[test]
fn marked_blocks_of_the_readme_are_what_the_program_says() {
    let cli = Cli::command();
    let visible = cli.get_subcommands().filter(|verb| !verb.is_hide_set());
    let commands = visible.map(|verb| {
        vec![
            format!("`{}`", verb.get_name()),
            verb.get_about()
                .map(ToString::to_string)
                .unwrap_or_default(),
        ]
    });
    let codes = Exit::TABLE
        .iter()
        .map(|(exit, meaning)| vec![exit.code().to_string(), (*meaning).to_owned()]);
    let profiles = library::list()
        .into_iter()
        .filter(|listed| !listed.file.starts_with('/'));
    let profiles = profiles.map(|listed| {
        vec![
            format!("`{}`", listed.name),
            listed.description.unwrap_or_default(),
        ]
    });
    let keys = TABLE.iter().map(|entry| {
        let scope = match entry.scope {
            Scope::PerNamespace => "each namespace",
            Scope::Global => "global",
            Scope::ReadOnlyInNamespace => "global, visible in namespaces",
        };
        let accepts = entry
            .shape
            .accepts()
            .unwrap_or_else(|| "not managed".to_owned());
        vec![
            format!("`{}`", entry.short),
            format!("`{}`", entry.name),
            accepts,
            entry.default.to_owned(),
            scope.to_owned(),
            entry.effect.words().to_owned(),
        ]
    });
    let families = metrics::TABLE.iter().map(|family| {
        let labels = family.labels.iter().map(|label| format!("`{label}`"));
        vec![
            format!("`{}`", family.name),
            family.kind.name().to_owned(),
            labels.collect::<Vec<_>>().join(", "),
            family.help.to_owned(),
        ]
    });
    let fragment = Sandbox::new().tcptune("show high-traffic --output kubernetes");
    let fragment = format!("```yaml\n{}```\n", fragment.exits(0).out);
    let _one_at_a_time = README.lock();
    let mut readme = document("README.md");
    for (marker, content) in [
        ("kubernetes", fragment),
        (
            "metrics",
            table(&["metric", "type", "labels", "says"], families),
        ),
        ("commands", table(&["verb", "does"], commands)),
        ("exit-codes", table(&["code", "means"], codes)),
        ("profiles", table(&["profile", "for"], profiles)),
        (
            "keys",
            table(
                &[
                    "short name",
                    "key",
                    "takes",
                    "default",
                    "scope",
                    "takes effect",
                ],
                keys,
            ),
        ),
    ] {
        readme = between(&readme, marker, &content);
    }
    check(&readme);
}

#[test]
fn the_tours_of_the_readme_are_what_a_user_sees() {
    let _one_at_a_time = README.lock();
    let readme = document("README.md");
    let mut wanted = String::new();
    let mut rest = readme.as_str();
    let mut tours = 0;
    while let Some((before, behind)) = rest.split_once("```console\n") {
        let (tour, behind) = behind.split_once("```").unwrap();
        let profile = before.rsplit("```toml\n").next().unwrap();
        let profile = profile.split("```").next().unwrap();
        wanted += &format!("{before}```console\n{}```", walked(tour, tours, profile));
        rest = behind;
        tours += 1;
    }
    assert_eq!(tours, 4);
    check(&format!("{wanted}{rest}"));
}

/// What a user sees who says the commands of a tour; the last one is about a profile.
fn walked(tour: &str, number: usize, profile: &str) -> String {
    let sandbox = on_a_host();
    if number == 1 {
        sandbox.sh(
            "echo 'net.core.somaxconn = 1024' | tee /etc/sysctl.d/60-app.conf > /etc/sysctl.conf",
        );
        sandbox.sh("/lib/systemd/systemd-sysctl --prefix=net/core");
    }
    sandbox.sh("mkdir -p /run/review/profiles /run/review/snapshots");
    if number == 3 {
        sandbox.file("/run/review/profiles/web.toml", profile);
        sandbox.sh(&format!(
            "{} snapshot > /run/review/snapshots/web-18.json",
            crate::sandbox::binary().display()
        ));
    }
    let binary = crate::sandbox::binary();
    let mut seen = String::new();
    let commands: Vec<&str> = tour
        .lines()
        .filter(|line| line.starts_with("# tcptune "))
        .collect();
    for (index, command) in commands.iter().enumerate() {
        let words = command.trim_start_matches("# tcptune ");
        let script = format!("cd /run/review; {} {words} 2>&1", binary.display());
        let run = sandbox.run("sh", &["-c", &script]);
        assert!(matches!(run.code, Some(0 | 1)), "{command}: {}", run.out);
        let gap = if index > 0 { "\n" } else { "" };
        seen += &format!("{gap}{command}\n{}", as_on_a_host(&run.out));
    }
    assert!(commands.len() >= 2);
    seen
}

/// The picture of the README shows `packaging/ci/comment.md`, and that is what the program says.
#[test]
fn the_picture_of_the_readme_is_what_a_reviewer_sees() {
    let _one_at_a_time = README.lock();
    let readme = document("README.md");
    let profile = readme
        .split("```toml\n")
        .find(|block| block.starts_with("#:schema"));
    let profile = profile.unwrap().split("```").next().unwrap();
    let sandbox = on_a_host();
    sandbox.file("/etc/sysctl.d/60-app.conf", "net.core.somaxconn = 1024\n");
    sandbox.sh("mkdir -p /run/review/profiles /run/review/snapshots");
    sandbox.file("/run/review/profiles/web.toml", profile);
    let binary = crate::sandbox::binary();
    for host in 17..=19 {
        let json = sandbox.tcptune("snapshot").exits(0).out;
        sandbox.file(&format!("/run/review/snapshots/web-{host}.json"), &json);
    }
    let script = format!(
        "cd /run/review; {} diff profiles/web.toml --scope both --against snapshots/*.json --output markdown",
        binary.display()
    );
    let told = sandbox.run("sh", &["-c", &script]).exits(1).out;
    let told = as_on_a_host(&told);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/ci/comment.md");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &told).unwrap();
    }
    assert!(
        document("packaging/ci/comment.md") == told,
        "`UPDATE=1 cargo test docs` mends it, then `tests/review/picture packaging/ci/comment.md packaging/ci/comment.png`"
    );
    let hash = hex(&Sha256::digest(told));
    let picture = fs::read(path.with_extension("png")).unwrap();
    assert!(
        picture
            .windows(hash.len())
            .any(|bytes| bytes == hash.as_bytes()),
        "`tests/review/picture packaging/ci/comment.md packaging/ci/comment.png` draws it again"
    );
}

/// A sandbox that looks like the host of the README.
pub(crate) fn on_a_host() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.sh(
        "echo 6.18.44 > /run/release; mount --bind /run/release /proc/sys/kernel/osrelease
                mkdir -p /run/systemd/system; rm -f /etc/sysctl.conf /etc/sysctl.d/*",
    );
    sandbox
}

/// As on a host, at a time of the README's own: the sandbox is a container to the program.
fn as_on_a_host(text: &str) -> String {
    let text = text
        .replace("container namespace", "host namespace")
        .replace("  container ", "  host      ")
        .replace("container: ", "host: ");
    let text = &text.replace(
        "a reboot, or the end of the namespace, forgets it",
        "a reboot forgets it",
    );
    let is_time =
        |word: &str| word.len() == 20 && word.ends_with('Z') && word.as_bytes()[10] == b'T';
    let mut plain = text.clone();
    for word in text.split(|c: char| c.is_whitespace() || ")(,".contains(c)) {
        if is_time(word) {
            plain = plain.replace(word, "2026-11-22T08:00:00Z");
        }
    }
    // Every run is another boot, at another time.
    let line = |line: &str| match (line.split_once(", plan "), line.rsplit_once("Z, ")) {
        (Some((before, hash)), _) => format!("{before}, plan 7e31c5a{}\n", &hash[7..]),
        (_, Some((before, _))) if line.ends_with(" ago") => format!("{before}Z, 2h ago\n"),
        _ => format!("{line}\n"),
    };
    plain.lines().map(line).collect()
}

#[test]
fn every_profile_in_the_readme_is_one() {
    let sandbox = Sandbox::new();
    let readme = document("README.md");
    let blocks: Vec<&str> = readme
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        sandbox.file("/run/readme.toml", block);
        sandbox.tcptune("show /run/readme.toml").exits(0);
        sandbox.tcptune("apply /run/readme.toml").exits(0);
        sandbox.tcptune("off").exits(0);
    }
}

#[test]
fn help_names_every_verb_and_every_exit_code() {
    let sandbox = Sandbox::new();
    let help = sandbox.tcptune("--help").exits(0).out;
    let mut cli = Cli::command().disable_help_subcommand(true);
    cli.build();
    for verb in cli.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        assert!(
            help.contains(&format!("\n  {}", verb.get_name())),
            "{}",
            verb.get_name()
        );
        let own = sandbox
            .tcptune(&format!("{} --help", verb.get_name()))
            .exits(0)
            .out;
        let options: Vec<&str> = verb
            .get_arguments()
            .filter_map(clap::Arg::get_long)
            .collect();
        assert!(options.contains(&"json"), "{options:?}");
        for option in options {
            assert!(
                own.contains(&format!("--{option}")),
                "{}: --{option}",
                verb.get_name()
            );
        }
        assert!(
            verb.get_arguments().all(|word| word.get_help().is_some()),
            "{}: every word is explained",
            verb.get_name()
        );
    }
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for (exit, meaning) in Exit::TABLE {
        let line = words(&format!("{} {meaning}", exit.code()));
        assert!(words(&help).contains(&line), "{help}");
    }
}

#[test]
fn the_changelogs_know_the_version() {
    assert!(document("CHANGELOG.md").contains(concat!("## ", env!("CARGO_PKG_VERSION"))));
    let debian = document("packaging/debian/changelog");
    assert!(debian.starts_with(concat!("tcptune (", env!("CARGO_PKG_VERSION"), "-")));
}

#[test]
fn every_fuzz_target_is_built_described_and_has_inputs() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let names = |directory: &str| {
        let entries = fs::read_dir(fuzz.join(directory)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let names = paths.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
        names.collect::<std::collections::BTreeSet<String>>()
    };
    let targets = names("targets");
    assert!(targets.len() > 10, "{targets:?}");
    assert_eq!(names("corpus"), targets);
    let (contributing, manifest) = (
        document("CONTRIBUTING.md"),
        document("tests/fuzz/Cargo.toml"),
    );
    for target in &targets {
        assert!(
            contributing.contains(&format!("\n| {target} | ")),
            "{target}"
        );
        assert!(manifest.contains(&format!("\"targets/{target}.rs\"")));
        let inputs = fs::read_dir(fuzz.join("corpus").join(target)).unwrap();
        assert!(inputs.count() > 0, "{target}");
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let contributing = document("CONTRIBUTING.md");
    let table = contributing.split("## Dependencies").nth(1).unwrap();
    let mut named: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .collect();
    named.retain(|name| *name != "crate");
    let manifests = [document("Cargo.toml"), document("tests/fuzz/Cargo.toml")];
    let manifests = manifests
        .each_ref()
        .map(|text| toml::de::DeTable::parse(text).unwrap());
    let tables = manifests.iter().flat_map(|manifest| {
        let of_targets = manifest.get_ref().get("target");
        let each = of_targets
            .into_iter()
            .flat_map(|targets| targets.get_ref().as_table().unwrap().values());
        let each = each.map(|target| target.get_ref().as_table().unwrap());
        [manifest.get_ref()].into_iter().chain(each)
    });
    let sections = tables.flat_map(|table| table.iter());
    let dependencies = sections.filter(|(name, _)| name.get_ref().ends_with("dependencies"));
    let mut used: Vec<&str> = dependencies
        .flat_map(|(_, section)| section.get_ref().as_table().unwrap().keys())
        .map(|name| name.get_ref().as_ref())
        .filter(|name| *name != "tcptune")
        .collect();
    named.sort_unstable();
    used.sort_unstable();
    used.dedup();
    assert_eq!(named, used);
}
