#!/usr/bin/env bash
# The shipped examples/site.yml on a host that has neither binary nor profiles: check mode foretells the run.
set -euo pipefail

site() {
    ansible-playbook --inventory localhost, --connection local --diff "$TREE/examples/site.yml" \
        --extra-vars "{tcptune_binary: $TCPTUNE, tcptune_profile_files: [$WORK/edge.toml]}" "$@"
}

# What a playbook printed about the declaration: the diff, and whether it changed.
declaration() {
    sed -n '/^TASK \[.* : Apply\]/,/^\(changed\|ok\|skipping\|fatal\):/p' "$1"
}

state() {
    sh "$TREE/tests/integration/targets/setup_tcptune/files/state.sh" all
}

cat >"$WORK/edge.toml" <<'PROFILE'
[profile]
description = "our edge"
extends = ["high-traffic"]
[tcp]
syn_retries = 4
PROFILE

state >"$WORK/before"
touch "$WORK/now"
site --check | tee "$WORK/check"
echo "check mode touches nothing, and leaves nothing behind"
state | diff "$WORK/before" -
test ! -e /usr/local/sbin/tcptune
test ! -e /etc/tcptune
test -z "$(find /tmp /var/tmp -maxdepth 1 -name '*.tcptune' -newer "$WORK/now")"

site | tee "$WORK/run"
echo "it comes as foretold"
diff <(declaration "$WORK/check") <(declaration "$WORK/run")
declaration "$WORK/run" | grep '^+net.ipv4.tcp_syn_retries = 4$'
declaration "$WORK/run" | grep '^+++ after: /etc/sysctl.d/99-tcptune.conf$'
declaration "$WORK/run" | grep '^changed:'
tcptune status

echo "a second run changes nothing; a package that is there already is fine"
site --extra-vars tcptune_package=procps | tee "$WORK/again"
grep 'changed=0 .* failed=0' "$WORK/again"

echo "an edited profile is foretold beside the host's others"
sed -i 's/high-traffic/mine/; s/4$/3/' "$WORK/edge.toml"
printf '[profile]\ndescription = "on the host alone"\n[tcp]\nsynack_retries = 2\n' >/etc/tcptune/profiles/mine.toml
site --check | tee "$WORK/check"
site | tee "$WORK/run"
diff <(declaration "$WORK/check") <(declaration "$WORK/run")
declaration "$WORK/run" | grep '^+net.ipv4.tcp_synack_retries = 2$'
