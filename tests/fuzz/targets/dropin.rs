//! Any text as a drop-in: what its records say is written again as a drop-in that says the same, and that the loaders read as
//! the assignments and nothing else.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tcptune::model::dropin::{DropIn, essence, installed, is_ours};
use tcptune::model::sysctld::{Loader, Sequence, Tree};

const PATH: &str = "/etc/sysctl.d/99-tcptune.conf";

fuzz_target!(|text: &str| {
    let tree = Tree::default().with(PATH, Some(text));
    let _any_answer = (installed(&tree), is_ours(text.as_bytes()));
    let Some(drop_in) = DropIn::recorded(text) else {
        return;
    };
    let text = drop_in.render();
    assert!(is_ours(text.as_bytes()));
    let tree = Tree::default().with(PATH, Some(&text));
    let found = installed(&tree).expect("whole").expect("a drop-in");
    assert_eq!(found.text, text);
    assert_eq!(found.drop_in, drop_in, "{text}");
    let declared = &drop_in.active.settings;
    let written = drop_in
        .assigned
        .keys()
        .filter(|key| declared.contains_key(*key));
    let written = written.count();
    for loader in [Loader::Systemd, Loader::Procps] {
        let sequence = Sequence::read(&tree, loader);
        assert!(sequence.statements().len() <= written, "{text}");
    }
    // What leaves the machine is as good.
    assert_eq!(essence(&essence(&tree)), essence(&tree));
});
