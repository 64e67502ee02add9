//! The only writer: the journal says what will be done, then it is done, then the journal says that it was.

mod back;
pub mod confirm;
pub mod execute;
pub mod hold;
pub mod journal;
pub mod keys;
#[cfg(test)]
mod laws;
pub mod locked;
mod log;
pub mod recover;
#[cfg(test)]
mod router;
pub mod state;
pub mod store;
#[cfg(test)]
mod tests;
