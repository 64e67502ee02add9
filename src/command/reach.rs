//! The words that say how far a verb reaches: the live kernel, the next boot, or both.

use clap::{Args, ValueEnum};

use crate::error::Error;

use super::World;

/// The axes that a verb speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Scope {
    /// The kernel as it runs
    Live,
    /// The drop-in, which the next boot reads
    Boot,
    /// Both
    Both,
}

impl Scope {
    pub(super) fn live(self) -> bool {
        self != Scope::Boot
    }

    pub(super) fn boot(self) -> bool {
        self != Scope::Live
    }
}

/// How far a verb reaches.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Reach {
    /// What is meant: the live kernel, the next boot, or both; live, and of an image boot, unless said
    #[arg(long, value_name = "SCOPE")]
    scope: Option<Scope>,
    /// The next boot too: `--scope both` for short
    #[arg(long, conflicts_with = "scope")]
    persist: bool,
    #[command(flatten)]
    pub(super) file: DropInFile,
}

/// Words about the drop-in itself.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct DropInFile {
    /// Call the drop-in NAME, in /etc/sysctl.d; it keeps that name from then on
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(super) drop_in: Option<String>,
    /// Write the drop-in although the next boot would obey another file
    #[arg(long)]
    pub(super) allow_shadowed: bool,
}

/// The axes, once they are known to make sense.
#[derive(Debug, Clone)]
pub(super) struct Axes {
    pub(super) scope: Scope,
    pub(super) file: DropInFile,
}

impl Reach {
    /// The axes that were asked for.
    ///
    /// # Errors
    /// Where they make no sense: an image has no kernel, a namespace no boot.
    pub(super) fn axes(&self, world: &World) -> Result<Axes, Error> {
        let image = world.root.is_image();
        let scope = match self.scope {
            Some(scope) => scope,
            None if self.persist => Scope::Both,
            None if image => Scope::Boot,
            None => Scope::Live,
        };
        if image && scope.live() {
            return Err(Error::Usage {
                code: "image",
                message: "an image has no kernel: only its next boot can be spoken of".to_owned(),
                hint: Some("`--scope boot`, or nothing at all".to_owned()),
            });
        }
        if !scope.boot() && (self.file.drop_in.is_some() || self.file.allow_shadowed) {
            return Err(Error::Usage {
                code: "live-scope",
                message: "`--drop-in` and `--allow-shadowed` speak of the drop-in, which this run would not touch".to_owned(),
                hint: Some("`--persist`, or `--scope boot`".to_owned()),
            });
        }
        if scope.boot() && !world.netns.is_empty() {
            return Err(super::no_boot("the boot scope"));
        }
        Ok(Axes {
            scope,
            file: self.file.clone(),
        })
    }
}

fn name(text: &str) -> Result<String, String> {
    let plain = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_.+@".contains(c));
    if plain && text.strip_suffix(".conf").is_some() && !text.starts_with('.') && text.len() <= 200
    {
        Ok(text.to_owned())
    } else {
        Err("a name of a file is wanted, letters, digits and `-_.+@`, ending in `.conf`".to_owned())
    }
}
