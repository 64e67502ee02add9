//! `where` and `import` for programs.

use serde_json::{Value as Json, json};

use crate::model::catalogue::Taken;
use crate::model::import::{ByHand, Dropped};
use crate::model::sysctld::{Along, Loader, Win};
use crate::report::Winners;

pub(super) fn winners(winners: &Winners) -> Json {
    let win = |win: &Win| json!({ "value": win.value(), "text": win.text, "certain": win.taken != Taken::Unknown, "path": win.path, "line": win.line });
    let line = |win: &Win| json!({ "path": win.path, "line": win.line, "value": win.text });
    let along = |(loader, along): &(Loader, Along)| json!({ "loader": loader.name(), "key": along.leader, "line": win(&along.win) });
    let keys = winners.keys.iter().map(|one| {
        json!({
            "key": one.key,
            "live": one.live,
            "agree": one.agree,
            "systemd": one.next.systemd.as_ref().map(win),
            "procps": one.next.procps.as_ref().map(win),
            "sysctl_p": one.next.sysctl_p.as_ref().map(win),
            "shadowed": one.next.shadowed.iter().map(line).collect::<Vec<_>>(),
            "along": one.next.along.iter().map(along).collect::<Vec<_>>(),
        })
    });
    let remarks = winners.remarks.iter().map(|one| {
        json!({ "path": one.path, "line": (one.line > 0).then_some(one.line), "code": one.code, "message": one.message })
    });
    let patterns = winners.patterns.iter();
    let patterns = patterns.map(|(said, place)| json!({ "says": said, "place": place }));
    json!({
        "patterns": patterns.collect::<Vec<_>>(),
        "loader": winners.loader.name(),
        "root": winners.root,
        "keys": keys.collect::<Vec<_>>(),
        "remarks": remarks.collect::<Vec<_>>(),
        "credential": winners.credential,
        "writers": winners.writers,
    })
}

pub(super) fn dropped(dropped: &Dropped) -> Json {
    let Dropped {
        file,
        line,
        text,
        reason,
    } = dropped;
    json!({ "file": file, "line": line, "text": text, "reason": reason })
}

pub(super) fn by_hand(by_hand: &ByHand) -> Json {
    let ByHand { path, lines, why } = by_hand;
    json!({ "path": path, "lines": lines, "why": why })
}
