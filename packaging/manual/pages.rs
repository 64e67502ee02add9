//! Which pages there are, and what is on each: what the command line, the catalogue and the profiles know.

use clap::{Command, CommandFactory};
use tcptune::cli::Cli;
use tcptune::exit::Exit;
use tcptune::host::library::{self, Library};
use tcptune::model::catalogue::{self, Entry};
use tcptune::model::handshake::CONTEXT;
use tcptune::model::memory::Settings;
use tcptune::model::stack::{Desired, Listed};

use super::formats;
use super::roff::Page;

/// Every page of the manual.
pub(crate) fn all() -> Vec<Page> {
    let date = released();
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    // Those of the machine that builds it are nobody else's.
    let profiles = library::built_in();
    let mut pages = vec![overview(&command, &date)];
    pages.extend(verbs.map(|verb| of_verb(verb, &date)));
    pages.extend(formats::all(&date));
    pages.extend(profiles.iter().map(|listed| of_profile(listed, &date)));
    pages
}

/// The day of the newest version, from the changelog: the same sources make the same pages on any day.
fn released() -> String {
    let changelog = include_str!("../../CHANGELOG.md");
    let newest = changelog.lines().find_map(|line| line.strip_prefix("## "));
    let day = newest.and_then(|heading| heading.split_once(" - "));
    day.map(|(_, day)| day.to_owned()).unwrap_or_default()
}

fn overview(command: &Command, date: &str) -> Page {
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    let verbs = verbs.map(|verb| format!("`tcptune-{}`(8) ::{}\n\n", verb.get_name(), about(verb)));
    Page::new("tcptune", '8', date, &about(command))
        .section("SYNOPSIS", "`tcptune` [OPTIONS] VERB [WORDS]")
        .section("DESCRIPTION", &long(command))
        .section("VERBS", &verbs.collect::<String>())
        .options(command)
        .section("TIMES", formats::TIMES)
        .section("EXIT STATUS", &exit_codes())
        .section("FILES", formats::FILES)
        .section("ENVIRONMENT", formats::ENVIRONMENT)
        .section(
            "SEE ALSO",
            "`tcptune-profile`(5), `tcptune-drop-in`(5), `tcptune-journal`(5), `tcptune-profile-high-traffic`(7), `sysctl`(8), \
             `systemd-sysctl.service`(8), `sysctl.d`(5), `tcp`(7)",
        )
        .done()
}

fn of_verb(verb: &Command, date: &str) -> Page {
    let name = format!("tcptune-{}", verb.get_name());
    let usage = verb.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim();
    let examples = verb.get_after_long_help().map(ToString::to_string);
    let page = Page::new(&name, '8', date, &about(verb))
        .section("SYNOPSIS", &format!("`{usage}`"))
        .section("DESCRIPTION", &long(verb))
        .options(verb)
        .section("EXIT STATUS", &exit_codes());
    let page = match examples {
        Some(examples) => page.section("EXAMPLES", &as_terms(&examples)),
        None => page,
    };
    page.section(
        "SEE ALSO",
        "`tcptune`(8), `tcptune-profile`(5), `tcptune-drop-in`(5), `tcptune-journal`(5)",
    )
    .done()
}

fn about(command: &Command) -> String {
    command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// All that the help says, with what it says in short as a sentence in front.
fn long(command: &Command) -> String {
    let about = about(command);
    match command.get_long_about().map(ToString::to_string) {
        Some(long) => long.replacen(&about, &format!("{about}."), 1),
        None => about + ".",
    }
}

/// Lines of a command, each with a line about it below, as terms.
fn as_terms(examples: &str) -> String {
    let lines: Vec<&str> = examples.lines().skip(1).map(str::trim).collect();
    let pairs = lines.chunks(2);
    let terms = pairs.filter_map(|pair| match pair {
        [command, about] => Some(format!("`{}` ::{about}\n\n", command.replace('`', ""))),
        _ => None,
    });
    terms.collect()
}

fn exit_codes() -> String {
    let codes = Exit::TABLE.iter();
    codes
        .map(|(exit, meaning)| format!("`{}` ::{meaning}\n\n", exit.code()))
        .collect()
}

fn of_profile(listed: &Listed, date: &str) -> Page {
    let name = format!("tcptune-profile-{}", listed.name);
    let description = listed.description.clone().unwrap_or_default();
    let desired =
        Library::of_built_ins().resolve(std::slice::from_ref(&listed.name), &Settings::new());
    // The one that is computed is another on each kernel.
    let settings = match &desired {
        Ok(desired) if listed.file == "built in" => settings(desired),
        _ => "None that could be told here: `tcptune show` tells them on the machine.".to_owned(),
    };
    let apply = format!(
        "`tcptune show {0}` ::what it means on this machine\n\n`tcptune diff {0} --persist` ::what it would change\n\n\
         `tcptune apply {0} --persist` ::make it so, now and at every boot\n\n",
        listed.name
    );
    Page::new(
        &name,
        '7',
        date,
        &format!("a profile of tcptune: {description}"),
    )
    .section("DESCRIPTION", &format!("For {description}."))
    .section("SETTINGS", &settings)
    .section("EXAMPLES", &apply)
    .section(
        "SEE ALSO",
        "`tcptune`(8), `tcptune-apply`(8), `tcptune-explain`(8), `tcptune-profile`(5)",
    )
    .done()
}

/// Each setting with its reason, and with what it means where everything else is as the kernel has it.
fn settings(desired: &Desired) -> String {
    let mut values = catalogue::defaults();
    values.retain(|key, _| desired.settings.contains_key(key) || CONTEXT.contains(key));
    for (key, setting) in &desired.settings {
        if let Some(value) = setting.nearest(values.get(key)) {
            values.insert(key.clone(), value);
        }
    }
    let consequences = catalogue::consequences(&values);
    let mut text = String::new();
    for (key, setting) in &desired.settings {
        let mut sentences: Vec<String> = setting.why().map(sentence).into_iter().collect();
        sentences.extend(
            consequences
                .get(key)
                .into_iter()
                .flatten()
                .map(|said| sentence(said)),
        );
        if let Some(entry) = Entry::of(key) {
            sentences.push(sentence(&format!("takes effect {}", entry.effect.words())));
            if !entry.risk.is_empty() {
                sentences.push(sentence(&format!("risk: {}", entry.risk)));
            }
        }
        let wanted = setting.in_full(key);
        text += &format!("`{key}` = {wanted} ::{}\n\n", sentences.join(" "));
    }
    text
}

fn sentence(said: &str) -> String {
    let mut letters = said.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!(
        "{}{}.",
        first.unwrap_or_default(),
        letters.as_str().trim_end_matches('.')
    )
}
