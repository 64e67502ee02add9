//! Keys, and what they change on the screen.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::model::observation::{Listener, Owner};
use crate::report::doctor::place;

use super::Watch;

/// Characters of a filter, at most.
const LONGEST: usize = 40;

/// What a key asks of whoever shows the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Nothing but to be drawn again.
    Stay,
    /// To end.
    Quit,
    /// To give the terminal back to the shell for a while.
    Suspend,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Sort {
    #[default]
    Fullness,
    Drops,
    Address,
}

impl Sort {
    fn next(self) -> Self {
        match self {
            Sort::Fullness => Sort::Drops,
            Sort::Drops => Sort::Address,
            Sort::Address => Sort::Fullness,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Sort::Fullness => "fullness",
            Sort::Drops => "drops",
            Sort::Address => "address",
        }
    }
}

/// Which list the arrows move.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Focus {
    #[default]
    Listeners,
    Findings,
}

/// How it is looked at.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) sort: Sort,
    pub(super) filter: String,
    /// Whether the filter is being typed.
    pub(super) typing: bool,
    pub(super) help: bool,
    pub(super) focus: Focus,
    /// Listeners that are scrolled past.
    pub(super) listeners: usize,
    /// Findings that are scrolled past.
    pub(super) findings: usize,
}

impl View {
    /// Whether a listener passes the filter: a number is a port, anything else a part of address or process.
    pub(super) fn wants(&self, listener: &Listener, owner: Option<&Owner>) -> bool {
        match self.filter.trim_start_matches(':').parse::<u16>() {
            Ok(port) => listener.address.port() == port,
            Err(_) => place(listener, owner)
                .to_lowercase()
                .contains(&self.filter.to_lowercase()),
        }
    }

    fn scrolled(&mut self) -> &mut usize {
        match self.focus {
            Focus::Listeners => &mut self.listeners,
            Focus::Findings => &mut self.findings,
        }
    }

    fn refilter(&mut self, filter: String) {
        self.filter = filter;
        (self.listeners, self.findings) = (0, 0);
    }

    fn typed(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => {
                self.typing = false;
                self.refilter(String::new());
            }
            KeyCode::Backspace => {
                let mut filter = std::mem::take(&mut self.filter);
                filter.pop();
                self.refilter(filter);
            }
            KeyCode::Char(c) if !c.is_control() && self.filter.chars().count() < LONGEST => {
                let filter = format!("{}{c}", self.filter);
                self.refilter(filter);
            }
            _ => {}
        }
    }
}

impl Watch {
    /// Does what a key stands for.
    pub fn press(&mut self, key: KeyEvent) -> Wish {
        if key.kind == KeyEventKind::Release {
            return Wish::Stay;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c') => Wish::Quit,
                KeyCode::Char('z') => Wish::Suspend,
                _ => Wish::Stay,
            };
        }
        if self.view.typing {
            self.view.typed(key.code);
            return Wish::Stay;
        }
        match key.code {
            KeyCode::Char('q') => return Wish::Quit,
            KeyCode::Esc if self.view.help => self.view.help = false,
            KeyCode::Esc => self.view.refilter(String::new()),
            KeyCode::Char('?' | 'h') => self.view.help = !self.view.help,
            KeyCode::Char('p' | ' ') => self.pause(),
            KeyCode::Char('s') => {
                self.view.sort = self.view.sort.next();
                self.view.listeners = 0;
            }
            KeyCode::Char('/') => self.view.typing = true,
            KeyCode::Tab | KeyCode::BackTab => {
                self.view.focus = match self.view.focus {
                    Focus::Listeners => Focus::Findings,
                    Focus::Findings => Focus::Listeners,
                }
            }
            KeyCode::Up | KeyCode::Char('k') => self.scroll(-1),
            KeyCode::Down | KeyCode::Char('j') => self.scroll(1),
            KeyCode::PageUp => self.scroll(-10),
            KeyCode::PageDown => self.scroll(10),
            KeyCode::Home => *self.view.scrolled() = 0,
            _ => {}
        }
        Wish::Stay
    }

    /// The picture stands still; what happens meanwhile is there when it goes on.
    fn pause(&mut self) {
        self.frozen = match self.frozen {
            Some(_) => None,
            None => Some(self.now.clone()),
        };
    }

    /// Something always stays in sight.
    fn scroll(&mut self, by: isize) {
        let count = match self.view.focus {
            Focus::Listeners => self.listeners().len(),
            Focus::Findings => self.findings().len(),
        };
        let scrolled = self.view.scrolled();
        *scrolled = scrolled
            .saturating_add_signed(by)
            .min(count.saturating_sub(1));
    }
}
