//! Whatever `/proc` may say of processes and of where we are: `stat`, `limits`, `cgroup`, `uid_map`, links of `fd`, `net/netlink`.
//! What a process may choose, its name above all, decides nothing else.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use tcptune::host::machine::{Machine, outsider_in, started_in};
use tcptune::host::netns::rtnetlink_inode;
use tcptune::host::owners::{limits_in, socket};
use tcptune::model::kubernetes::is_in_pod;

fuzz_target!(|text: &str| {
    let _any_answer = started_in(text);
    // A process may call itself anything, and a thread of it too: field 22 stays where it is.
    let stat = format!("7 ({text}) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 9 9 9");
    assert_eq!(started_in(&stat), Some(4711), "{stat}");

    if let Some((soft, hard)) = limits_in(text) {
        let line = format!("Limit\nMax open files            {soft}   {hard}   files\n");
        assert_eq!(limits_in(&line), Some((soft, hard)));
    }

    // Of a process in a pod one control group is that of a pod, whatever the others are.
    let pod = "0::/kubepods.slice/x.scope\n";
    assert!(is_in_pod(&format!("{pod}{text}")));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(is_in_pod(text), lines.iter().any(|line| is_in_pod(line)));

    for overflow in ["65534", text] {
        if let Some(outsider) = outsider_in(overflow, text) {
            assert_eq!(Ok(outsider), overflow.trim().parse());
            // Nobody in here has the id that stands for those outside.
            let map = format!("{text}\n0 0 4294967295\n");
            assert_eq!(
                outsider_in(&(outsider.min(4_294_967_294)).to_string(), &map),
                None
            );
        }
    }

    let _any_inode = rtnetlink_inode(text);
    if let Some(inode) = socket(Path::new(text)) {
        assert_eq!(socket(Path::new(&format!("socket:[{inode}]"))), Some(inode));
    }

    let (major, minor) = Machine {
        name: String::new(),
        kernel: text.to_owned(),
        boot: String::new(),
    }
    .version();
    let again = Machine {
        name: String::new(),
        kernel: format!("{major}.{minor}"),
        boot: String::new(),
    };
    assert_eq!(again.version(), (major, minor));
});
