//! `diff`: what `apply` would change, asked without root; here, on hosts whose facts were taken down, or from one
//! profile to another.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::error::Error;
use crate::exit::Exit;
use crate::host::library::Library;
use crate::model::sorted;
use crate::report::{Body, Compared, Depth, Report, Review, Reviewed};

use super::draft::Manner;
use super::facts::Facts;
use super::reach::Reach;
use super::transaction;
use super::wish::{self, Wish, Words};
use super::{World, apply, candidates, failed};

/// The words of `diff`.
#[derive(Debug, Clone, Args)]
pub struct Diff {
    #[command(flatten)]
    words: Words,
    #[command(flatten)]
    reach: Reach,
    /// Not this host but OTHER: a snapshot (`.json`), or profiles to compare with; repeatable
    #[arg(long, value_name = "OTHER", num_args = 1.., conflicts_with_all = ["netns", "root"],
          add = candidates::others())]
    against: Vec<String>,
    /// As if the files of DIR were in /etc/tcptune/profiles: what the hosts will do once they have them
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    staged: Option<PathBuf>,
    /// Only the plan hash, which `--expect` takes; exit 1 all the same where anything would change
    #[arg(long)]
    plan_hash: bool,
}

impl Diff {
    /// Whether it is about other hosts, or no host at all.
    pub fn is_elsewhere(&self) -> bool {
        !self.against.is_empty()
    }
}

/// Runs `diff`.
pub fn run(world: &World, request: &Diff) -> Report {
    let answer = if !request.is_elsewhere() {
        here(world, request)
    } else if request.against.iter().any(|other| is_snapshot(other)) {
        elsewhere(world, request)
    } else {
        compared(request)
    };
    answer.unwrap_or_else(|error| failed("diff", error))
}

fn here(world: &World, request: &Diff) -> Result<Report, Error> {
    let library = Library::default().with_staged(request.staged.clone());
    plan(world, request, &wish::wanted(&request.words, &library)?)
}

fn plan(world: &World, request: &Diff, wish: &Wish) -> Result<Report, Error> {
    let manner = Manner {
        only_hash: request.plan_hash,
        ..Manner::plain("diff", Depth::Question)
    };
    let axes = request.reach.axes(world)?;
    Ok(transaction::run(world, &manner, &|scene| {
        apply::draft(scene, wish, &axes)
    }))
}

fn is_snapshot(other: &str) -> bool {
    other.strip_suffix(".json").is_some()
}

/// What would change on hosts whose facts were taken down.
fn elsewhere(world: &World, request: &Diff) -> Result<Report, Error> {
    if let Some(profile) = request.against.iter().find(|other| !is_snapshot(other)) {
        return Err(Error::Usage {
            code: "against",
            message: format!("`{profile}` is no snapshot, and the others are"),
            hint: Some("compare with snapshots (`.json`), or with profiles".to_owned()),
        });
    }
    let library = Library::for_review().with_staged(request.staged.clone());
    let mut report = Report {
        command: "diff",
        exit: Exit::Done,
        changed: false,
        warnings: Vec::new(),
        error: None,
        body: Body::Empty,
    };
    let mut hosts = Vec::new();
    for other in &request.against {
        let facts = Facts::read(other)?;
        // What the kernel gives by default is its own.
        let library = library.clone().with_defaults(facts.defaults.clone());
        let wish = wish::wanted(&request.words, &library)?;
        let (taken, age) = (facts.taken.clone(), facts.age());
        let title = format!("{other}, Linux {}", facts.machine.kernel);
        let one = plan(&world.in_place_of(facts), request, &wish)?;
        report.exit = report.exit.max(one.exit);
        report.changed |= one.changed;
        report.warnings.extend(one.warnings.iter().cloned());
        if let Body::Changes(mut changes) = one.body {
            changes.site.title = title;
            hosts.push(Reviewed {
                name: other.clone(),
                taken,
                age,
                changes,
                warnings: one.warnings,
            });
        }
    }
    sorted::by(&mut report.warnings, |a, b| a.message.cmp(&b.message));
    report.warnings.dedup();
    report.body = Body::Review(Review::new(hosts));
    Ok(report)
}

/// What the profiles want, beside what others want.
fn compared(request: &Diff) -> Result<Report, Error> {
    let library = Library::for_review().with_staged(request.staged.clone());
    let to = wish::wanted(&request.words, &library)?;
    let from = wish::wanted(&Words::of(&request.against), &library)?;
    let compared = Compared::new(
        (from.want, from.active.settings),
        (to.want, to.active.settings),
    );
    let changed = !compared.rows.is_empty();
    Ok(Report {
        command: "diff",
        exit: if changed { Exit::NotClean } else { Exit::Done },
        changed,
        warnings: Vec::new(),
        error: None,
        body: Body::Compared(compared),
    })
}
