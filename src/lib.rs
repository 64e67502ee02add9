//! tcptune: profiles, diff, verified apply and rollback for the sysctls of the Linux TCP handshake.
//!
//! # The map
//!
//! Data flows one way. Words become a wish, the kernel's values become a snapshot, the files of sysctl.d a tree; **pure**
//! code compares them into a plan for both axes, live and boot; **one** function executes plans; a rollback is just
//! another plan, made from the journal; a report comes back, and only then is anything printed.
//!
//! ```text
//! profile text ── parse ──→ Profile ── stack ──→ Desired ──→ ActiveSet ─┐
//! kernel ──────── read ───→ Snapshot ───────────────────────────────────┼─ plan() ───┐
//! state directory ────────→ Memory ─────────────────────────────────────┘            ├→ Plan ─ execute() ─┐
//! sysctl.d ─────── read ──→ Tree ─────→ Forecast ──────────────────────── persist() ─┘  │ intent first     ├─→ Report → text | JSON
//!                   the drop-in is all that is remembered of the boot axis              │ then both axes   │
//!                    Forecast + defaults ─ Outlook ─→ Expected: what the next boot gives, and how surely ──┤
//!                           journal Entries + Snapshot ─ retrace() ─────────────→ Plan ─┘                  │
//!                           a dead writer's Entry + Snapshot ─ happened() ─→ commit, else put_back() ──────┤
//! counters, listeners ─ look, some time apart ─→ Observation ── diagnose() ──→ Findings ───────────────────┘
//! ```
//!
//! # The five words
//!
//! **profile** (what somebody wants) · **plan** (what would change) · **change** (one key, `from` → `to`) ·
//! **journal** (what was done, with what was there before) · **finding** (what is wrong, the evidence, the remedy).
//!
//! # The rooms
//!
//! Each imports only from those above it; a test holds this list against the code.
//!
//! | room | what lives there |
//! |---|---|
//! | [`exit`], [`model`] | the six exit codes; pure rules: key, value, change, catalogue, profile, plan, what is set along, sysctld, handshake, fastopen, kubernetes, counters, observation, diagnose |
//! | [`error`] | everything that can go wrong, with its exit code and hint |
//! | [`host`] | the edges: kernel, trusted files, profiles, fragments, network namespaces, counters, sockets and their owners, the terminal, the guard, the system's log |
//! | [`change`] | the only writer: journal, state, keys, execute, recover, confirm |
//! | [`report`] | the voice: text, JSON, Markdown, annotations, SARIF, manifests of pods, metrics, the live screen; never touches the host |
//! | [`command`] | one short file per verb: the words of its command line, and its report |
//! | [`cli`] | the options of all verbs, and printing |

pub mod change;
pub mod cli;
pub mod command;
pub mod error;
pub mod exit;
pub mod host;
pub mod model;
pub mod report;
