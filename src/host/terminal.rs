//! The terminal of a live screen, and that it is left as it was found: in the end, on an error, after a panic, and when
//! a signal ends the process.

use std::io;
use std::time::Duration;

use nix::sys::signal::{Signal, raise};
use ratatui::backend::Backend;
use ratatui::crossterm::event::{self, Event};
use ratatui::crossterm::{style, terminal};
use ratatui::{DefaultTerminal, Frame};

use crate::error::Error;

use super::signals;

/// The terminal on standard output, in raw mode and on its alternate screen for as long as this exists.
///
/// Whoever draws always shows the cursor somewhere, as nothing else would bring a hidden one back after a signal.
#[derive(Debug)]
pub struct Screen {
    terminal: DefaultTerminal,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// Where it is none, or refuses.
    pub fn open(color: bool) -> Result<Self, Error> {
        // It has been decided already, by more than the environment.
        style::force_color_output(color);
        // This restores the terminal in a panic before the message is printed.
        let terminal = ratatui::try_init();
        let screen = terminal.map(|terminal| Self { terminal }).map_err(error)?;
        signals::before_the_end(ratatui::restore).map_err(error)?;
        Ok(screen)
    }

    /// Draws it anew; only what differs is sent.
    ///
    /// # Errors
    /// Where the terminal is gone.
    pub fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> Result<(), Error> {
        self.terminal.draw(render).map(drop).map_err(error)
    }

    /// The next key or change of size; nothing if there is none in time.
    ///
    /// # Errors
    /// Where the terminal is gone.
    pub fn next(&self, within: Duration) -> Result<Option<Event>, Error> {
        let any = event::poll(within).map_err(error)?;
        any.then(event::read).transpose().map_err(error)
    }

    /// Gives the terminal back to the shell until the process is continued.
    ///
    /// # Errors
    /// Where it cannot be taken again.
    pub fn suspend(&mut self) -> Result<(), Error> {
        ratatui::restore();
        raise(Signal::SIGTSTP).map_err(|errno| error(errno.into()))?;
        terminal::enable_raw_mode().map_err(error)?;
        let backend = self.terminal.backend_mut();
        ratatui::crossterm::execute!(backend, terminal::EnterAlternateScreen).map_err(error)?;
        backend.flush().map_err(error)?;
        self.terminal.clear().map_err(error)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A panic has done it: once more would put the cursor where it was before the message.
        if !std::thread::panicking() {
            ratatui::restore();
        }
    }
}

/// Columns of the terminal on standard output; nothing where it does not tell.
pub fn columns() -> Option<u16> {
    terminal::size().ok().map(|(columns, _)| columns)
}

fn error(source: io::Error) -> Error {
    Error::File {
        doing: "use",
        path: "the terminal".into(),
        source,
    }
}
