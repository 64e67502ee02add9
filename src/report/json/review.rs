//! `diff --against` and `check` for programs.

use serde_json::{Value as Json, json};

use crate::model::finding::Severity;
use crate::model::memory::desired_hash;
use crate::report::{Checked, Compared, Differs, Review, Reviewed};

use super::{finding, namespace, shared};

pub(super) fn review(review: &Review) -> Json {
    let all = || review.hosts().flat_map(|host| &host.changes.namespaces);
    let desired = all().filter_map(|one| one.want.as_ref().map(|want| want.hash.clone()));
    let namespaces = review.hosts().flat_map(|host| {
        host.changes.namespaces.iter().map(|one| {
            let mut told = namespace(one);
            if let Some(fields) = told.as_object_mut() {
                fields.insert("host".to_owned(), json!(host.name));
                fields.insert("taken".to_owned(), json!(host.taken));
            }
            told
        })
    });
    let groups = review.groups.iter().map(|group| {
        let names: Vec<&str> = group.iter().map(|host| host.name.as_str()).collect();
        json!({ "hosts": names, "changes": group.first().map_or(0, Reviewed::count) })
    });
    json!({
        "dry_run": true,
        "hashes": {
            "desired": shared(desired),
            "plan": shared(all().filter_map(|one| one.plan_hash.clone())),
        },
        "groups": groups.collect::<Vec<_>>(),
        "namespaces": namespaces.collect::<Vec<_>>(),
    })
}

pub(super) fn compared(compared: &Compared) -> Json {
    let row = |row: &Differs| {
        let (from, to) = row.flat();
        json!({ "key": row.key, "from": from, "to": to })
    };
    json!({
        "hashes": { "desired": compared.to.hash, "plan": null },
        "from": { "title": compared.from.title, "desired": compared.from.hash },
        "to": { "title": compared.to.title, "desired": compared.to.hash },
        "settings": compared.rows.iter().map(row).collect::<Vec<_>>(),
        "namespaces": [],
    })
}

pub(super) fn checked(checked: &Checked) -> Json {
    let files = checked.files.iter().map(|file| {
        let desired = file.settings.as_ref().map(desired_hash);
        json!({ "file": file.name, "worst": file.worst().map(Severity::word), "desired": desired })
    });
    json!({
        "files": files.collect::<Vec<_>>(),
        "findings": checked.findings().into_iter().map(finding).collect::<Vec<_>>(),
    })
}
