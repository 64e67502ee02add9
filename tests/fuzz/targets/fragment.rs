//! Any bytes as a fragment of sysctl.d: every loader reads it, no line is lost, and what is imported of it is a profile.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tcptune::model::dropin::installed;
use tcptune::model::import::{Facts, Text, import};
use tcptune::model::problem::Source;
use tcptune::model::profile;
use tcptune::model::sysctld::{Content, Forecast, Found, Loader, Tree, remarks};

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
    let tree = Tree {
        fragments: vec![found],
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
    drop(installed(&tree));
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
});
