//! The screen as characters. Every colour only repeats what a word, a number or a mark says; but for the bars of the
//! sparklines, which stand beside their figures, all of it is ASCII.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Margin, Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph, Row, Sparkline, Table, Widget};

use crate::model::catalogue;
use crate::model::diagnose::Severity;
use crate::model::key::Key;
use crate::model::observation::Listener;
use crate::model::value::Value;
use crate::report::printable;
use crate::report::remark::name;
use crate::report::text::doctor::{cure_words, step_words};

use super::keys::Focus;
use super::lines::{fill, indented, line, uncolor};
use super::stages::{ROWS, Stage, figure};
use super::{Told, Watch};

/// The least that anything can be shown on.
const LEAST: (u16, u16) = (40, 12);

/// Keys whose values are shown, whatever is declared.
const KEYS: [&str; 7] = [
    "net.core.somaxconn",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_abort_on_overflow",
    "net.ipv4.tcp_synack_retries",
    "net.ipv4.tcp_syn_retries",
    "net.ipv4.tcp_fastopen",
];

const HELP: &str = "\
q  quit          p or blank  stand still, or go on
s  sort listeners: fullness, drops, address
/  show a port, or a part of an address or process; Esc: all
Tab  listeners or findings; arrows, PgUp, PgDn, Home: scroll

half-open: SYN-RECV now; waiting: for accept(), now
again: SYNs and SYN-ACKs sent again; back: cookies answered
drops: by listeners, overflows included; arriving SYNs are
  counted by no kernel
limit: min(backlog, somaxconn) at listen(); = is somaxconn
! more than it holds    - not known";

const HEAD: Style = Style::new().add_modifier(Modifier::REVERSED);
const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);
const BAD: Style = STRONG.fg(Color::Red);
const DOUBT: Style = STRONG.fg(Color::Yellow);

/// The parts of the screen, from top to bottom.
struct Parts {
    title: Rect,
    stages: Rect,
    values: Rect,
    listeners: Rect,
    findings: Rect,
    foot: Rect,
}

impl Watch {
    /// Draws the screen, as large as the terminal is.
    pub fn draw(&self, frame: &mut Frame<'_>, color: bool) {
        let cursor = self.render(frame.area(), frame.buffer_mut(), true);
        if !color {
            uncolor(frame.buffer_mut());
        }
        frame.set_cursor_position(cursor);
    }

    /// The same as text, as high as everything on it.
    pub fn text(&self, color: bool) -> String {
        let width = self.subject.columns.max(LEAST.0);
        let fixed = 1 + rows(ROWS) + rows(self.values(width).len());
        let height = fixed
            .saturating_add(1 + rows(self.listeners().len().max(1)))
            .saturating_add(1 + rows(self.told(width).len().max(1)));
        let area = Rect::new(0, 0, width, height.max(LEAST.1));
        let mut buffer = Buffer::empty(area);
        self.render(area, &mut buffer, false);
        let rows = buffer.content.chunks(usize::from(width));
        let mut lines: Vec<String> = rows.map(|row| line(row, color)).collect();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// Draws it into a buffer; where the cursor belongs.
    fn render(&self, area: Rect, buffer: &mut Buffer, live: bool) -> Position {
        if area.width < LEAST.0 || area.height < LEAST.1 {
            let (width, height) = LEAST;
            Line::from(format!("too small: {width}x{height} at least")).render(area, buffer);
            return area.as_position();
        }
        let told = self.told(area.width);
        let values = self.values(area.width);
        let parts = self.parts(area, told.len(), values.len(), live);
        self.title(parts.title, buffer, live);
        self.stages(parts.stages, buffer);
        Paragraph::new(values).render(parts.values, buffer);
        self.draw_listeners(parts.listeners, buffer);
        self.draw_findings(told, parts.findings, buffer);
        let cursor = self.foot(parts.foot, buffer, live);
        if self.view.help {
            help(area, buffer);
        }
        cursor
    }

    /// Both lists get what they need; where there is too little room, neither takes more than half from the other.
    fn parts(&self, area: Rect, told: usize, values: usize, live: bool) -> Parts {
        let values = match area.height {
            _ if !live => rows(values),
            0..20 => 1,
            _ => rows(values).min(4),
        };
        let foot = u16::from(live);
        let room = area.height.saturating_sub(1 + rows(ROWS) + values + foot);
        let findings = 1 + rows(told.max(1));
        let listeners = 1 + rows(self.listeners().len().max(1));
        let findings = findings.min((room / 2).max(room.saturating_sub(listeners)));
        let [title, stages, values, listeners, findings, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(rows(ROWS)),
            Constraint::Length(values),
            Constraint::Length(room - findings),
            Constraint::Length(findings),
            Constraint::Length(foot),
        ])
        .areas(area);
        Parts {
            title,
            stages,
            values,
            listeners,
            findings,
            foot,
        }
    }

    fn title(&self, area: Rect, buffer: &mut Buffer, live: bool) {
        let every = humantime::format_duration(self.subject.every);
        let state = match (&self.frozen, &self.shown().failure) {
            (Some(_), _) => "PAUSED".to_owned(),
            (None, Some(_)) => "NO ANSWER".to_owned(),
            (None, None) if live => format!("every {every}"),
            (None, None) => format!("within {every}"),
        };
        let subject = format!("{} namespace, {}", self.subject.netns, self.subject.title);
        bar(
            &format!("tcptune watch  {}", printable(&subject)),
            &state,
            area,
            buffer,
        );
    }

    fn stages(&self, area: Rect, buffer: &mut Buffer) {
        let halves = Layout::horizontal([Constraint::Fill(1); 2]).spacing(1);
        let halves: [Rect; 2] = halves.areas(area);
        for (half, stages) in halves.into_iter().zip(self.shown().stages.columns()) {
            for (row, (name, stage)) in half.rows().zip(stages) {
                draw_stage(name, stage, row, buffer);
            }
        }
    }

    /// What the handshake's keys hold, and which of the declared ones hold something else.
    fn values(&self, width: u16) -> Vec<Line<'static>> {
        let shown = self.shown();
        let Some(declared) = &shown.declared else {
            let words = [Span::raw("what is declared cannot be read")];
            return fill(words.into_iter().chain(self.settings()), 2, width);
        };
        let drift = declared.drift.iter().map(|(key, (holds, wants))| {
            let holds = value(key, holds.as_ref());
            let words = format!("DRIFT {} {holds}, wants {wants}", name(key));
            Span::styled(printable(&words), BAD)
        });
        let head = match (declared.keys, declared.drift.len()) {
            (0, _) => "nothing declared".to_owned(),
            (keys, 0) => format!("{}: {keys} as declared", declared.name),
            (keys, wrong) => format!("{}: {wrong} of {keys} drift", declared.name),
        };
        let head = std::iter::once(Span::raw(printable(&head)));
        fill(head.chain(drift).chain(self.settings()), 2, width)
    }

    fn settings(&self) -> impl Iterator<Item = Span<'static>> {
        let shown = self.shown();
        let keys = KEYS.iter().filter_map(|name| name.parse::<Key>().ok());
        keys.filter(|key| {
            let declared = shown.declared.as_ref();
            declared.is_none_or(|declared| !declared.drift.contains_key(key))
        })
        .map(|key| {
            let holds = value(&key, shown.seen.values.get(&key));
            Span::raw(printable(&format!("{} {holds}", name(&key))))
        })
    }

    fn draw_listeners(&self, area: Rect, buffer: &mut Buffer) {
        let all = self.listeners();
        let room = usize::from(area.height.saturating_sub(1));
        let from = self.view.listeners.min(all.len().saturating_sub(1));
        let focus = self.view.focus == Focus::Listeners;
        let title = span("listeners", focus, from, room, all.len());
        let wide = area.width >= 72;
        let bars = if wide { 12 } else { 0 };
        let widths = [
            Constraint::Fill(4),
            Constraint::Fill(3),
            Constraint::Length(bars),
            Constraint::Length(11),
            Constraint::Length(if wide { 6 } else { 4 }),
            Constraint::Length(6),
            Constraint::Length(6),
        ];
        let head = ["process", "", "queued/of", "open", "drop/s", "limit"];
        let head = std::iter::once(title).chain(head.map(str::to_owned));
        let listed = all.into_iter().skip(from).take(room);
        let listed = listed.map(|listener| self.listener(listener, wide));
        Table::new(listed, widths)
            .header(Row::new(head).style(HEAD))
            .render(area, buffer);
        if self.listeners().is_empty() {
            let why = match (self.shown().last(), self.view.filter.is_empty()) {
                (None, _) => "nothing seen yet",
                (Some(_), true) => "no listener in this namespace",
                (Some(_), false) => "no listener passes the filter",
            };
            Line::from(why).render(below(area), buffer);
        }
    }

    fn listener(&self, listener: &Listener, wide: bool) -> Row<'static> {
        let shown = self.shown();
        let process = shown.owner(listener).map_or_else(
            || "-".to_owned(),
            |owner| printable(&format!("{}[{}]", owner.process, owner.pid)),
        );
        let holds = u64::from(listener.limit) + 1;
        let mark = if listener.is_full() { "!" } else { "" };
        let open = shown.last().map(|last| f64::from(last.half_open(listener)));
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let drops = shown
            .dropped(listener)
            .map(|(drops, ms)| drops as f64 * 1000.0 / ms as f64);
        let somaxconn = shown.seen.values.get("net.core.somaxconn");
        let same = somaxconn.and_then(Value::integer) == Some(i128::from(listener.limit));
        let limit = format!("{}{}", listener.limit, if same { "=" } else { "" });
        let style = match listener.fill() {
            100.. => BAD,
            75.. => DOUBT,
            _ => Style::new(),
        };
        Row::new([
            listener.address.to_string(),
            process,
            if wide {
                fullness(listener)
            } else {
                String::new()
            },
            format!("{}/{holds}{mark}", listener.queued),
            figure(open),
            figure(drops),
            limit,
        ])
        .style(style)
    }

    /// The findings from the first that is not scrolled past, in full.
    fn told(&self, width: u16) -> Vec<Line<'static>> {
        let all = self.findings();
        let from = self.view.findings.min(all.len().saturating_sub(1));
        let told = all.into_iter().skip(from);
        told.flat_map(|told| self.finding(told, width)).collect()
    }

    fn finding(&self, told: &Told, width: u16) -> Vec<Line<'static>> {
        let shown = self.shown();
        let finding = &told.finding;
        let now = shown.last().map_or(told.last, |last| last.at_ms);
        let over = shown.is_over(told);
        let seconds = |from: u64, to: u64| format!("{} s", to.saturating_sub(from) / 1000);
        let (word, style) = match finding.severity {
            _ if over => ("over".to_owned(), Style::new()),
            Severity::Critical => (finding.severity.word().to_uppercase(), BAD),
            Severity::Warning => (finding.severity.word().to_uppercase(), DOUBT),
            Severity::Info => (finding.severity.word().to_owned(), STRONG),
        };
        let age = if over {
            format!(" {} ago", seconds(told.last, now))
        } else {
            format!(" {}", seconds(told.since, now))
        };
        let owner = finding.listener.as_ref().and_then(|at| shown.owner(at));
        let at = told
            .place(owner)
            .map_or(String::new(), |at| format!("  {at}"));
        let head = Line::from(vec![
            Span::styled(word, style),
            Span::raw(age),
            Span::styled(format!("  {}", finding.rule), STRONG),
            Span::raw(at),
        ]);
        // What is over needs nothing done.
        if over {
            return vec![head];
        }
        let steps = finding.remedy.iter();
        let steps = steps.flat_map(|step| step_words(self.subject.enter.as_deref(), step));
        let cure = told.cure.map(|cure| {
            let profiles = self.profiles().join(" + ");
            format!("{profiles}: {}", cure_words(cure))
        });
        let body = std::iter::once(finding.message.clone())
            .chain(steps)
            .chain(cure);
        let body = body.flat_map(|text| indented(&text, width));
        std::iter::once(head).chain(body).collect()
    }

    fn draw_findings(&self, told: Vec<Line<'static>>, area: Rect, buffer: &mut Buffer) {
        let count = self.findings().len();
        let from = self.view.findings.min(count.saturating_sub(1));
        let focus = self.view.focus == Focus::Findings;
        let title = span("findings", focus, from, count, count);
        let right = self.shown().failure.as_ref().map(|why| printable(why));
        bar(&title, &right.unwrap_or_default(), area, buffer);
        if told.is_empty() {
            let enough = self.shown().seen.samples.len() > 1;
            let words = if enough { "nothing found" } else { "looking" };
            Line::from(words).render(below(area), buffer);
        }
        Paragraph::new(told).render(below(area), buffer);
    }

    fn foot(&self, area: Rect, buffer: &mut Buffer, live: bool) -> Position {
        if !live {
            return area.as_position();
        }
        let filter = printable(&self.view.filter);
        if self.view.typing {
            let prompt = Line::from(format!("/{filter}"));
            let typed = u16::try_from(prompt.width()).unwrap_or(u16::MAX);
            prompt.render(area, buffer);
            let cursor = area
                .x
                .saturating_add(typed)
                .min(area.right().saturating_sub(1));
            return Position::new(cursor, area.y);
        }
        let sort = self.view.sort.word();
        let filter = if filter.is_empty() {
            "/ filter".to_owned()
        } else {
            format!("/{filter} (Esc: all)")
        };
        let words = format!("? help  q quit  p pause  s sort: {sort}  {filter}  Tab scroll");
        Line::from(words).render(area, buffer);
        Position::new(area.right().saturating_sub(1), area.y)
    }
}

fn rows(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

/// An area without its first row.
fn below(area: Rect) -> Rect {
    let [_, below] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    below
}

/// A head, with a word at its right end.
fn bar(left: &str, right: &str, area: Rect, buffer: &mut Buffer) {
    let Some(row) = area.rows().next() else {
        return;
    };
    buffer.set_style(row, HEAD);
    Line::from(left).render(row, buffer);
    let right = Line::from(right);
    if right.width() > 0 {
        let width = u16::try_from(right.width() + 1).unwrap_or(u16::MAX);
        let [_, place] =
            Layout::horizontal([Constraint::Fill(1), Constraint::Length(width)]).areas(row);
        Line::from(vec![Span::raw(" ")]).render(place, buffer);
        right.right_aligned().render(place, buffer);
    }
}

/// `LISTENERS 3-9/12`: in capitals where the arrows scroll.
fn span(what: &str, focus: bool, from: usize, room: usize, all: usize) -> String {
    let what = if focus {
        what.to_uppercase()
    } else {
        what.to_owned()
    };
    let to = from.saturating_add(room).min(all);
    match all {
        0 => what,
        _ if from == 0 && to == all => format!("{what} {all}"),
        _ => format!("{what} {}-{to}/{all}", from + 1),
    }
}

/// A stage in one row: its name, its figure, and the figures before it. Of a single one no bars are drawn.
fn draw_stage(name: &str, stage: &Stage, row: Rect, buffer: &mut Buffer) {
    let widths = [14, 7].map(Constraint::Length);
    let [label, number, bars] =
        Layout::horizontal(widths.into_iter().chain([Constraint::Fill(1)])).areas(row);
    Line::from(name).render(label, buffer);
    Line::from(figure(stage.now()))
        .style(STRONG)
        .right_aligned()
        .render(number, buffer);
    if stage.figures.len() > 2 {
        let bars = Rect::new(bars.x + 1, bars.y, bars.width.saturating_sub(1), 1);
        let newest = stage.figures.iter().take(usize::from(bars.width));
        // In thousandths, as bars are whole numbers; a figure is no larger than 32 bits.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it saturates"
        )]
        let newest = newest.map(|figure| figure.map(|figure| (figure * 1000.0) as u64));
        Sparkline::default()
            .data(newest)
            .direction(ratatui::widgets::RenderDirection::RightToLeft)
            .absent_value_symbol("-")
            .render(bars, buffer);
    }
}

/// `[#####     ]`, ten marks for a full queue; `[== FULL ==]` for one that takes no more.
fn fullness(listener: &Listener) -> String {
    if listener.is_full() {
        return "[== FULL ==]".to_owned();
    }
    let marks = usize::try_from(listener.fill().div_ceil(10)).unwrap_or(10);
    format!("[{:<10}]", "#".repeat(marks.min(10)))
}

fn value(key: &Key, holds: Option<&Value>) -> String {
    let Some(holds) = holds else {
        return "-".to_owned();
    };
    match catalogue::word(key, holds) {
        Some(word) => format!("{holds} ({word})"),
        None => holds.to_string(),
    }
}

fn help(area: Rect, buffer: &mut Buffer) {
    let lines = rows(HELP.lines().count());
    let width = HELP.lines().map(str::len).max().map_or(0, rows);
    let frame = area.centered(Constraint::Length(width + 2), Constraint::Length(lines + 1));
    Clear.render(frame, buffer);
    let area = frame.inner(Margin::new(1, 0));
    bar("help", "? or Esc: away", area, buffer);
    Paragraph::new(HELP).render(below(area), buffer);
}
