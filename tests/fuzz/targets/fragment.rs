//! Any bytes as a fragment of sysctl.d, and as a command line of the kernel: every loader reads them, no line is lost, and
//! what is imported of them is a profile.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tcptune::model::catalogue::may_be_secret;
use tcptune::model::dropin::{installed, recorded, without as without_ours};
use tcptune::model::import::{Facts, Text, import, keys, without};
use tcptune::model::problem::Source;
use tcptune::model::profile;
use tcptune::model::sysctld::{Content, Forecast, Found, Loader, NextBoot, Tree, Win, remarks};

fuzz_target!(|bytes: &[u8]| {
    let found = Found {
        path: "/etc/sysctl.d/50-x.conf".to_owned(),
        leads_to: None,
        content: Content::Text(bytes.to_vec()),
    };
    let lines = bytes.split(|byte| *byte == b'\n').count();
    assert!(
        remarks(&found)
            .iter()
            .all(|remark| (1..=lines).contains(&remark.line))
    );
    let command_line = Found {
        path: "/proc/cmdline".to_owned(),
        ..found.clone()
    };
    let tree = Tree {
        fragments: vec![found.clone()],
        command_line: Some(command_line),
        ..Tree::default()
    };
    let forecast = Forecast::of(&tree, Loader::Systemd);
    for key in forecast.keys() {
        let next = forecast.next_boot(&key);
        assert!(
            next.systemd
                .iter()
                .chain(&next.procps)
                .all(|win| (1..=lines).contains(&win.line))
        );
    }
    // What may leave the machine boots it in the same way.
    let essence = Forecast::of(&tree.essence(|_| String::new()), Loader::Systemd);
    for key in forecast
        .keys()
        .into_iter()
        .filter(|key| !may_be_secret(key.as_str()))
    {
        let (all, told) = (forecast.next_boot(&key), essence.next_boot(&key));
        let winners = |next: &NextBoot| {
            [
                next.systemd.clone(),
                next.procps.clone(),
                next.sysctl_p.clone(),
            ]
        };
        let secret = |win: &Option<Win>| {
            win.as_ref().is_some_and(|win| {
                win.text
                    .as_deref()
                    .is_some_and(|text| text.contains("(not shown)") || text.contains('\r'))
            })
        };
        // Of two lines that say the same, systemd obeys the first: where one is hidden, nobody knows whether they do.
        let shadowed = told.shadowed.iter().cloned().map(Some);
        if !winners(&told)
            .into_iter()
            .chain(shadowed)
            .any(|win| secret(&win))
        {
            assert_eq!(winners(&all), winners(&told), "{key}");
        }
    }
    // What a secret holds stays at home, however the line is spelt.
    for name in [
        "net.ipv4.tcp_fastopen_key",
        "net.ipv6.conf.all.stable_secret",
        "net.ipv6.conf.eth0.stable_secret",
    ] {
        let key = name.parse().expect("a key");
        let next = essence.next_boot(&key);
        let told = [next.systemd, next.procps, next.sysctl_p]
            .into_iter()
            .flatten()
            .chain(next.shadowed);
        for win in told.filter(|win| !win.is_hidden()) {
            let text = win.text.unwrap_or_default();
            assert!(
                text.split_whitespace()
                    .all(|word| word.parse::<i64>().is_ok()),
                "{name}: {text:?}"
            );
        }
    }
    // What is not about a key makes no difference to it.
    for key in forecast.keys() {
        let about = Forecast::of(&tree.clone().about([&key]), Loader::Systemd);
        assert_eq!(about.next_boot(&key), forecast.next_boot(&key), "{key}");
    }
    drop((installed(&tree), recorded(&tree), without_ours(&tree)));
    let texts = [Text {
        file: "x".to_owned(),
        bytes: bytes.to_vec(),
    }];
    for loader in [Loader::Systemd, Loader::Procps] {
        let text = profile::write("x", &import(&texts, loader, &Facts::default()).settings);
        assert!(
            profile::parse("x", &Source::new("x", &text)).is_ok(),
            "{text}"
        );
    }
    // A patch takes whole lines out, and only lines that are there.
    let named = keys(&texts, Loader::Systemd);
    for change in without(&[found], &named).0 {
        let (from, to) = (
            change.from.unwrap_or_default(),
            change.to.unwrap_or_default(),
        );
        let mut from = from.split_inclusive('\n');
        assert!(
            to.split_inclusive('\n')
                .all(|line| from.any(|one| one == line))
        );
    }
});
