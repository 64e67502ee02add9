//! Namespaces of pods, which a writing verb leaves alone where all namespaces were asked for: their manifest decides
//! what they hold, and the next pod begins anew.

use std::collections::BTreeSet;

use crate::host::netns::{self, Target};
use crate::model::printable::shell_word;
use crate::model::sorted;
use crate::report::{Depth, Warning};

use super::World;

/// The namespaces that a verb speaks of, and which of them are those of pods.
pub(super) struct Pods {
    /// Where the verb goes.
    pub(super) targets: Vec<Target>,
    /// Every namespace of a pod, by inode.
    all: BTreeSet<u64>,
    depth: Depth,
}

impl Pods {
    /// Looks for them, if other namespaces than this one were asked for. A question sees those of pods all the same, a
    /// dry run does not: it shows what would be done.
    pub(super) fn look(world: &World, depth: Depth) -> Self {
        if world.netns.is_empty() || world.is_stateless() {
            let (targets, all) = (world.netns.clone(), BTreeSet::new());
            return Self {
                targets,
                all,
                depth,
            };
        }
        // In this order: a pod that begins meanwhile is not visited at all.
        let mut visible = netns::visible();
        let all = netns::of_pods();
        if !world.include_pods && depth != Depth::Question {
            visible.retain(|inode, _| !all.contains(inode));
        }
        Self {
            targets: netns::expand(&world.netns, || visible.clone()),
            all,
            depth,
        }
    }

    /// What the reader should know, once all namespaces were met: by inode, with what they were asked for as.
    pub(super) fn warnings(&self, world: &World, met: &[(u64, String)]) -> Vec<Warning> {
        let met = || met.iter().filter(|(inode, _)| self.all.contains(inode));
        let mut warnings = Vec::new();
        if self.depth != Depth::Question {
            warnings.extend(met().next().map(|(_, first)| forgets(first, met().count())));
        }
        if world.netns.contains(&Target::All) && !world.include_pods {
            let is_named = |label: &String| world.netns.iter().any(|one| one.label() == *label);
            let named = met().filter(|(_, label)| is_named(label));
            let named = sorted::set(named.map(|(inode, _)| *inode));
            let left = self.all.difference(&named).count();
            warnings.extend((left > 0).then(|| leaves(self.depth, left)));
        }
        warnings
    }
}

/// What is set in a pod does not last.
fn forgets(first: &str, count: usize) -> Warning {
    let message = match count {
        1 => format!(
            "{first} is the namespace of a pod: a new pod, or a new sandbox of this one, forgets what is set here"
        ),
        more => format!(
            "{more} of these are namespaces of pods: a new pod, or a new sandbox, forgets what is set there"
        ),
    };
    Warning {
        code: "pod",
        message,
        hint: Some(format!(
            "`tcptune show --active --netns {} --output kubernetes` prints it for the manifest",
            shell_word(first)
        )),
    }
}

/// What was not done.
fn leaves(depth: Depth, count: usize) -> Warning {
    let pods = match count {
        1 => "1 namespace of a pod".to_owned(),
        more => format!("{more} namespaces of pods"),
    };
    let message = match depth {
        Depth::Question => format!("`apply` would leave alone {pods} that this shows"),
        Depth::DryRun | Depth::Deed => format!("left alone: {pods}"),
    };
    Warning {
        code: "pods-left-alone",
        message,
        hint: Some("`--include-pods` takes them too; what shall last belongs in their manifest, see `tcptune show --output kubernetes`".to_owned()),
    }
}
