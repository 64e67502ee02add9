//! The manual: every page that `packaging/manual` writes, held against the program.

#[path = "../../packaging/manual/formats.rs"]
mod formats;
#[path = "../../packaging/manual/pages.rs"]
mod pages;
#[path = "../../packaging/manual/roff.rs"]
mod roff;

use clap::CommandFactory;
use serde_json::Value;
use tcptune::cli::Cli;
use tcptune::host::library;
use tcptune::model::problem::Source;
use tcptune::model::profile;

use crate::sandbox::Sandbox;

fn page(file: &str) -> String {
    let page = pages::all().into_iter().find(|page| page.file == file);
    let page = page.unwrap_or_else(|| panic!("there is {file}"));
    page.text
        .replace("\\-", "-")
        .replace("\\fB", "")
        .replace("\\fR", "")
}

#[test]
fn every_verb_has_a_page_with_each_of_its_options() {
    let mut command = Cli::command();
    command.build();
    let verbs = command.get_subcommands();
    let verbs: Vec<_> = verbs
        .filter(|verb| !verb.is_hide_set() && verb.get_name() != "help")
        .collect();
    assert!(verbs.len() > 20);
    for verb in verbs {
        let page = page(&format!("tcptune-{}.8", verb.get_name()));
        for option in verb.get_arguments().filter(|option| !option.is_hide_set()) {
            let names = option.get_long().map(|long| format!("--{long}"));
            let name = names.unwrap_or_else(|| option.get_value_names().unwrap()[0].to_string());
            assert!(page.contains(&name), "{}: {name}\n{page}", verb.get_name());
        }
        assert!(
            verb.get_long_about().is_some(),
            "{} is told in full",
            verb.get_name()
        );
        assert!(page.contains("EXIT STATUS"), "{page}");
    }
    let overview = page("tcptune.8");
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        assert!(
            overview.contains(&format!("tcptune-{}", verb.get_name())) || verb.get_name() == "help"
        );
    }
}

#[test]
fn every_built_in_profile_has_a_page_with_its_reasons() {
    for listed in library::built_in() {
        page(&format!("tcptune-profile-{}.7", listed.name));
    }
    let page = page("tcptune-profile-high-traffic.7");
    assert!(page.contains("net.ipv4.tcp_synack_retries = 3"), "{page}");
    let words = page.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("A half-open request lives 15 s instead of 63 s"),
        "{words}"
    );
}

#[test]
fn the_profile_of_the_manual_is_one() {
    let text: Vec<&str> = formats::PROFILE.lines().map(str::trim).collect();
    let text = text.join("\n");
    let profile = profile::parse("edge", &Source::new("edge.toml", &text)).unwrap();
    assert_eq!(profile.settings.len(), 7);
}

/// Every name of a field, down to where names are keys of the kernel.
fn fields<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    for (name, below) in value.as_object().into_iter().flatten() {
        found.push(name);
        if !["settings", "held", "found"].contains(&name.as_str()) {
            fields(below, found);
        }
    }
    for below in value.as_array().into_iter().flatten() {
        fields(below, found);
    }
}

#[test]
fn every_field_of_an_entry_is_in_the_manual() {
    let sandbox = Sandbox::new();
    for words in [
        "apply high-traffic --persist --reason launch",
        "set syn_retries=3 --confirm-within=1h",
        "rollback",
        "rollback",
    ] {
        sandbox.tcptune(words).exits(0);
    }
    let page = page("tcptune-journal.5");
    let mut seen = 0;
    for id in 1..=3 {
        let path = format!("/var/lib/tcptune/journal/{id}.json");
        let entry: Value = sandbox.run("cat", &[&path]).exits(0).json();
        let mut names = Vec::new();
        fields(&entry, &mut names);
        seen += names.len();
        for name in names {
            assert!(page.contains(name), "{name} in {entry:#}");
        }
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn the_manual_does_not_depend_on_the_profiles_of_the_machine_that_builds_it() {
    let built_in = library::built_in();
    assert!(built_in.iter().all(|listed| !listed.file.starts_with('/')));
    for page in pages::all() {
        let Some(name) = page.file.strip_prefix("tcptune-profile-") else {
            continue;
        };
        let name = name.trim_end_matches(".7");
        assert!(built_in.iter().any(|listed| listed.name == name), "{name}");
    }
}
