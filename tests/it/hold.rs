//! While an incident's fix stands, no scheduled run undoes it.

use std::time::Duration;

use crate::sandbox::{Sandbox, binary};

#[test]
fn a_hold_keeps_scheduled_runs_away() {
    let sandbox = Sandbox::with_systemd();
    let held = sandbox
        .run(
            binary().to_str().unwrap(),
            &["hold", "--for", "1h", "--reason", "incident 17"],
        )
        .exits(0);
    assert!(
        held.out.starts_with("held by uid 0 since 2"),
        "{}",
        held.out
    );
    for words in ["apply high-traffic", "off", "persist"] {
        let refused = sandbox.tcptune(words).exits(3);
        assert!(
            refused.err.contains(": incident 17; nothing was touched"),
            "{}",
            refused.err
        );
        assert!(
            refused.err.contains("hint: `tcptune unhold` takes it away"),
            "{}",
            refused.err
        );
        assert_eq!(
            sandbox.tcptune(&format!("{words} --json")).json()["error"]["code"],
            "held"
        );
    }
    let dry = sandbox.tcptune("apply high-traffic --dry-run").exits(0);
    assert!(dry.err.contains("warning: held by uid 0"), "{}", dry.err);
    sandbox.tcptune("set synack_retries=4").exits(0);
    sandbox.tcptune("rollback").exits(0);
    let status = sandbox.tcptune("status --json").exits(0).json();
    assert_eq!(
        (&status["hold"]["reason"], &status["hold"]["who"]),
        (&"incident 17".into(), &"uid 0".into())
    );
    assert!(sandbox.tcptune("status").out.contains(": incident 17"));
    let again = sandbox.tcptune("hold --for 2h").exits(0);
    assert!(
        again.out.contains("instead of: held by uid 0") && again.out.contains(": incident 17"),
        "{}",
        again.out
    );
    let gone = sandbox.tcptune("unhold").exits(0);
    assert!(
        gone.out.starts_with("no longer held by uid 0 since 2"),
        "{}",
        gone.out
    );
    assert_eq!(
        sandbox.tcptune("unhold").exits(0).out,
        "there was no hold\n"
    );
    sandbox.tcptune("hold --for 0s").exits(2);
    sandbox.tcptune("apply high-traffic").exits(0);
    sandbox.tcptune("hold --for 1s").exits(0);
    sandbox.tcptune("off").exits(3);
    std::thread::sleep(Duration::from_millis(1500));
    sandbox.tcptune("off").exits(0);
    assert_eq!(sandbox.as_nobody(&[], "hold").code, Some(3));
}
