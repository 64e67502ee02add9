//! Words that are made up late.

use std::ops::Deref;

use clap::builder::Resettable;
use clap::{ArgMatches, Args, Command, Error, FromArgMatches};

/// The words of a verb, which clap makes up once the verb is asked for. By then the verb has been described, and what its
/// words say of themselves must not take the place of that.
#[derive(Debug)]
pub(super) struct Late<T>(T);

impl<T> Deref for Late<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Args> Args for Late<T> {
    fn augment_args(verb: Command) -> Command {
        let about = Resettable::from(verb.get_about().cloned());
        let long_about = Resettable::from(verb.get_long_about().cloned());
        T::augment_args(verb).about(about).long_about(long_about)
    }

    fn augment_args_for_update(verb: Command) -> Command {
        Self::augment_args(verb)
    }
}

impl<T: Args> FromArgMatches for Late<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        T::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.0.update_from_arg_matches(matches)
    }
}
