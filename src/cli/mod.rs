//! The command line: words in, a verb run, its report on standard output and the talk on standard error.

mod late;
mod verb;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::env::CompleteEnv;

use crate::change::store::Store;
use crate::command::{self, World, candidates};
use crate::error::Error;
use crate::exit::Exit;
use crate::host::kernel::Proc;
use crate::host::machine::Machine;
use crate::host::netns::Target;
use crate::host::root::Root;
use crate::model::printable::printable;
use crate::report::text::Manner;
use crate::report::{Report, github, json, kubernetes, markdown, sarif, text};

use verb::Verb;

/// Profiles, diff, verified apply and rollback for the sysctls of the Linux TCP handshake
#[derive(Debug, Parser)]
#[command(name = "tcptune", version, after_help = exit_codes(), term_width = 80)]
pub struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every verb")]
struct Options {
    /// How to report; `--json` for short
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    output: Output,
    /// One JSON document on standard output, also on failure
    #[arg(long, global = true, conflicts_with = "output")]
    json: bool,
    #[command(flatten)]
    place: Place,
    /// The file system of an image, unpacked in a directory, instead of this machine's; of verbs that can speak of one
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    root: Option<PathBuf>,
    /// Wait for another tcptune to finish, at most so long, one minute unless said: `--wait=10s`, with the `=`
    #[arg(long, global = true, value_name = "TIME", num_args = 0..=1, require_equals = true,
          default_missing_value = "1m", value_parser = humantime::parse_duration)]
    wait: Option<Duration>,
    /// No report, only errors
    #[arg(long, short, global = true)]
    quiet: bool,
    /// More: reasons in a diff, changes in the history, what a key does in `show`, a glossary in `explain`
    #[arg(long, short, global = true)]
    verbose: bool,
    /// Colour; by itself on a terminal, unless `NO_COLOR` is set
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

#[derive(Debug, Args)]
struct Place {
    /// The network namespace: a name of `ip netns`, a path, `pid:N`, or `all`; repeatable
    #[arg(long, global = true, value_name = "NETNS", add = candidates::namespaces())]
    netns: Vec<Target>,
    /// With `--netns all`: write in the namespaces of pods too, which writing verbs leave alone
    #[arg(long, global = true)]
    include_pods: bool,
}

impl Place {
    /// Why the words make no sense together.
    fn contradiction(&self) -> Option<Error> {
        let lost = self.include_pods && !self.netns.contains(&Target::All);
        lost.then(|| Error::Usage {
            code: "usage",
            message: "`--include-pods` belongs to `--netns all`".to_owned(),
            hint: Some("a namespace that is named needs no flag".to_owned()),
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// For programs: one document, also on failure
    Json,
    /// A comment for a pull request; of `diff` and `check`
    Markdown,
    /// Workflow commands: annotations of a pull request; of `diff` and `check`
    Github,
    /// SARIF 2.1.0, for code scanning; of `diff` and `check`
    Sarif,
    /// YAML, the `securityContext` of a pod; of `show`
    Kubernetes,
}

impl Output {
    /// Why a verb has no such output.
    fn lacks(self, verb: &Verb) -> Option<Error> {
        let (message, hint) = match (self, verb) {
            (Output::Text | Output::Json, _)
            | (Output::Markdown | Output::Github | Output::Sarif, Verb::Diff(_) | Verb::Check(_))
            | (Output::Kubernetes, Verb::Show(_)) => return None,
            (Output::Markdown | Output::Github | Output::Sarif, _) => (
                "only `diff` and `check` have outputs for reviews",
                "`--output text`, or `--json`",
            ),
            (Output::Kubernetes, _) => (
                "only `show` has an output for Kubernetes",
                "`tcptune show PROFILE... --output kubernetes`; `show --active` prints what is declared",
            ),
        };
        Some(Error::Usage {
            code: "output",
            message: message.to_owned(),
            hint: Some(hint.to_owned()),
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

fn exit_codes() -> String {
    let rows = Exit::TABLE
        .iter()
        .map(|(exit, meaning)| format!("  {}  {meaning}\n", exit.code()));
    format!("Exit codes:\n{}", rows.collect::<String>())
}

/// Runs tcptune: `args` as the shell gave them, the program's name first.
pub fn run(args: impl IntoIterator<Item = OsString>) -> Exit {
    let args: Vec<OsString> = args.into_iter().collect();
    if completed(&args) {
        return Exit::Done;
    }
    if let Some(error) = blank_before_time(&args) {
        return refuse(error, &args);
    }
    match parsed(&args) {
        Ok(Cli {
            options,
            verb: Some(verb),
        }) => obey(&options, &verb, &args),
        Ok(Cli {
            verb: None,
            options,
        }) if options.json || options.output == Output::Json => {
            let hint = Some("`tcptune --help` shows the verbs and options".to_owned());
            let error = Error::Usage {
                code: "usage",
                message: "a verb is wanted".to_owned(),
                hint,
            };
            publish(&command::failed("tcptune", error), &options)
        }
        Ok(Cli { verb: None, .. }) => {
            let help = Cli::command().color(clap_color(&args)).render_help();
            told(Exit::Done, &help.to_string())
        }
        Err(error) => misunderstood(&error, &args),
    }
}

/// Makes sense of the words with no more verbs than they may need: to make up all of them takes longer than most verbs
/// do. Whatever makes no sense then, help included, is told by the whole.
fn parsed(args: &[OsString]) -> Result<Cli, clap::Error> {
    let whole = || {
        Cli::command()
            .color(clap_color(args))
            .try_get_matches_from(args)
    };
    let verbs = Verb::augment_subcommands(clap::Command::new("verbs"));
    let verb = args.iter().find_map(|word| verbs.find_subcommand(word));
    let one = |verb: &clap::Command| {
        let cli = Options::augment_args(clap::Command::new("tcptune"));
        cli.subcommand(verb.clone()).try_get_matches_from(args).ok()
    };
    let matches = verb.and_then(one).map_or_else(whole, Ok)?;
    Cli::from_arg_matches(&matches)
}

/// Answers a shell that asks for completions: `COMPLETE=SHELL tcptune` prints what it should load, which then asks with
/// `tcptune -- WORDS`. Nowhere else is the variable looked at, so that it changes nothing that a verb does.
fn completed(args: &[OsString]) -> bool {
    let asked = match args {
        [_] => true,
        [_, words, ..] => words == "--",
        [] => false,
    };
    let complete = || {
        let here = std::env::current_dir().ok();
        CompleteEnv::with_factory(Cli::command)
            .bin("tcptune")
            .try_complete(args.iter().cloned(), here.as_deref())
            .unwrap_or(false)
    };
    asked && complete()
}

fn obey(options: &Options, verb: &Verb, args: &[OsString]) -> Exit {
    let wrong = options.output.lacks(verb);
    if let Some(error) = wrong.or_else(|| options.place.contradiction()) {
        return refuse(error, args);
    }
    let somebody = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let machine = if verb.needs_a_host() {
        Machine::here()
    } else {
        Ok(Machine::default())
    };
    let place = machine.and_then(|machine| Ok((machine, root(options, verb)?)));
    let world = |(machine, root)| World {
        machine,
        root,
        store: Store::default(),
        kernel: Proc,
        netns: options.place.netns.clone(),
        include_pods: options.place.include_pods,
        wait: options.wait.unwrap_or_default(),
        ask: somebody.then_some(ask),
        // A verb with a screen shows it there.
        progress: looked_at(options, verb).then_some(progress),
        screen: screen(options),
        for_program: options.json || options.output != Output::Text,
        elsewhere: None,
    };
    let report = match place.map(world) {
        Ok(world) => {
            let mut report = verb.run(&world);
            report.warnings.extend(command::passed_over(&world));
            report
        }
        Err(error) => command::failed(verb_of(args), error),
    };
    publish(&report, options)
}

/// Whether somebody waits at a terminal for what standard error says.
fn looked_at(options: &Options, verb: &Verb) -> bool {
    std::io::stderr().is_terminal() && !options.quiet && !matches!(verb, Verb::Watch(_))
}

/// The terminal on standard output, for whoever looks at it.
fn screen(options: &Options) -> Option<command::Screen> {
    let text = options.output == Output::Text && !options.json && !options.quiet;
    let terminal = std::io::stdout().is_terminal();
    (text && terminal).then(|| command::Screen {
        color: colored(options.color, terminal),
    })
}

fn root(options: &Options, verb: &Verb) -> Result<Root, Error> {
    match options.root.as_deref() {
        None => Ok(Root::default()),
        Some(path) if verb.knows_images() => Root::image(path),
        Some(_) => Err(Error::Usage {
            code: "image",
            message: "an image has no kernel and no journal that this verb could speak of".to_owned(),
            hint: Some("`tcptune apply PROFILE --root DIR` writes its drop-in, `where` and `verify` answer for it".to_owned()),
        }),
    }
}

/// Says it all, once everything is done: a reader that goes away can interrupt nothing. How the run ends then.
fn publish(report: &Report, options: &Options) -> Exit {
    let to_terminal = io::stdout().is_terminal();
    let talk_to_terminal = io::stderr().is_terminal();
    let document = match options.output {
        _ if options.json => Some(json::render(report)),
        // What went wrong is no YAML.
        Output::Text | Output::Kubernetes => None,
        Output::Json => Some(json::render(report)),
        Output::Markdown => Some(markdown::render(report)),
        Output::Github => Some(github::render(report)),
        Output::Sarif => Some(sarif::render(report)),
    };
    if let Some(document) = document {
        return told(report.exit, &document);
    }
    let manner = |terminal: bool| Manner {
        color: colored(options.color, terminal),
        verbose: options.verbose,
    };
    let mut exit = report.exit;
    if !options.quiet {
        let page = match options.output {
            Output::Kubernetes => kubernetes::render(report),
            _ => text::page(report, manner(to_terminal)),
        };
        exit = told(exit, &page);
    }
    talk(&text::talk(report, manner(talk_to_terminal)));
    exit
}

/// Help that was asked for, or a command line that makes no sense.
fn misunderstood(error: &clap::Error, args: &[OsString]) -> Exit {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        return told(Exit::Done, &error.render().to_string());
    }
    if wants_json(args) {
        let text = error.render().to_string();
        let lines = text
            .lines()
            .take_while(|line| !line.is_empty())
            .map(str::trim);
        let message = lines
            .collect::<Vec<_>>()
            .join(" ")
            .trim_start_matches("error: ")
            .to_owned();
        let hint = Some("`tcptune --help` shows the verbs and options".to_owned());
        let error = Error::Usage {
            code: "usage",
            message,
            hint,
        };
        return refuse(error, args);
    }
    let text = error.render();
    // Among colours of ours nobody could tell those of an argument.
    let plain = |arg: &OsString| arg.to_str().is_some_and(|arg| printable(arg) == arg);
    let text = if clap_color(args) == clap::ColorChoice::Never || !args.iter().all(plain) {
        text.to_string()
            .split('\n')
            .map(printable)
            .collect::<Vec<_>>()
            .join("\n")
    } else {
        text.ansi().to_string()
    };
    talk(&text);
    Exit::Wrong
}

/// The verb that was meant, as far as one was named, for reports that no verb made.
fn verb_of(args: &[OsString]) -> &'static str {
    let verbs = Cli::command();
    let verb = args.iter().find_map(|arg| verbs.find_subcommand(arg));
    // It is asked for once, at the end.
    verb.map_or("tcptune", |verb| verb.get_name().to_owned().leak())
}

/// Says what is wrong with the command line, in the way that it asks for.
fn refuse(error: Error, args: &[OsString]) -> Exit {
    let report = command::failed(verb_of(args), error);
    if wants_json(args) {
        return told(report.exit, &json::render(&report));
    }
    let manner = Manner {
        color: colored(wanted_color(args), std::io::stderr().is_terminal()),
        verbose: false,
    };
    talk(&text::talk(&report, manner));
    report.exit
}

/// A time behind an option that takes it only with a `=`: it would be taken for a profile.
fn blank_before_time(args: &[OsString]) -> Option<Error> {
    args.windows(2).find_map(|pair| {
        let [option, time] = pair else { return None };
        let (option, time) = (option.to_str()?, time.to_str()?);
        let takes = ["--confirm-within", "--wait"].contains(&option);
        let is_time = humantime::parse_duration(time).is_ok();
        (takes && is_time).then(|| Error::Usage {
            code: "usage",
            message: format!("`{option}` takes its time behind a `=`"),
            hint: Some(format!("write `{option}={time}`")),
        })
    })
}

/// The words could not be parsed, so they are looked at one by one.
fn wants_json(args: &[OsString]) -> bool {
    let output = values(args, "--output").any(|value| value == "json");
    output || args.iter().any(|arg| arg == "--json")
}

/// The same for colour.
fn wanted_color(args: &[OsString]) -> Color {
    let mut wanted = values(args, "--color").filter_map(|value| Color::from_str(value, false).ok());
    wanted.next().unwrap_or(Color::Auto)
}

/// What an option is given, `--option VALUE` or `--option=VALUE`.
fn values<'a>(args: &'a [OsString], option: &'a str) -> impl Iterator<Item = &'a str> {
    let behind = args.windows(2).filter_map(move |pair| match pair {
        [before, value] if before == option => value.to_str(),
        _ => None,
    });
    let joined = args.iter().filter_map(|arg| arg.to_str());
    let joined = joined.filter_map(move |arg| arg.strip_prefix(option)?.strip_prefix('='));
    behind.chain(joined)
}

/// Says it on standard output; how a run ends that would end with `exit`. Nobody minds a reader that went away, but a
/// report that is cut short must not be taken for a whole one.
fn told(exit: Exit, text: &str) -> Exit {
    let mut out = io::stdout();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => {
            let code = exit.code();
            talk(&format!(
                "error: write the report to standard output: {why}; the verb itself ended with exit {code}\n"
            ));
            exit.max(Exit::Failed)
        }
        _ => exit,
    }
}

/// Says it on standard error, where nobody can be told that it failed.
fn talk(text: &str) {
    let mut err = io::stderr();
    let _nobody_reads = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

/// Shows how far work has come, in the line that it shows it in.
fn progress(words: &str) {
    talk(&format!("\r\x1b[K{words}"));
}

fn ask(question: &str) -> bool {
    progress("");
    talk(&format!("{question} [y/N] "));
    let mut answer = String::new();
    let _no_answer_is_no = std::io::stdin().read_line(&mut answer);
    matches!(answer.trim(), "y" | "Y" | "yes")
}

/// `NO_COLOR` is the only variable of the environment that changes anything (<https://no-color.org>).
fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

fn colored(color: Color, terminal: bool) -> bool {
    match color {
        Color::Auto => terminal && !no_color(),
        Color::Always => true,
        Color::Never => false,
    }
}

/// Left alone, clap would look at more variables than ours.
fn clap_color(args: &[OsString]) -> clap::ColorChoice {
    if colored(wanted_color(args), std::io::stderr().is_terminal()) {
        clap::ColorChoice::Always
    } else {
        clap::ColorChoice::Never
    }
}
