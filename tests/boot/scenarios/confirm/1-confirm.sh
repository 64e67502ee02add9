#!/bin/bash
# An administrator works over SSH, on a machine that lets nothing survive a login. What is not confirmed goes back
# although the login is gone; what is confirmed stays.
set -Eeuo pipefail
trap 'echo "line $LINENO failed: $BASH_COMMAND"' ERR

eventually() {
    local end=$((SECONDS + 30))
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || { echo "not within 30 s: $*" && exit 1; }
        sleep 0.1
    done
}
# somaxconn and tcp_synack_retries hold this.
hold() { [ "$(sysctl -n net.core.somaxconn net.ipv4.tcp_synack_retries | paste -s -d ' ')" = "$*" ]; }
newest_entry_is() { [ "$(tcptune history --json | jq -r '.entries[0] | "\(.id) \(.state)"')" = "$*" ]; }
sleeps_of_admin() { [ "$(pgrep -c -u admin -x sleep)" = "$1" ]; }
nobody_is_logged_in() { [ -z "$(loginctl list-sessions --no-legend)" ]; }
guard_ended() { [ "$(systemctl is-active "tcptune-guard-$1")" = inactive ]; }

# An administrator who logs in with a key and uses sudo.
useradd --create-home --shell /bin/bash admin
echo 'admin ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/admin
install -d -m 700 /root/.ssh
printf '%s\n' 'BatchMode yes' 'LogLevel quiet' 'StrictHostKeyChecking no' 'UserKnownHostsFile /dev/null' >/root/.ssh/config
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
install -d -m 700 -o admin -g admin /home/admin/.ssh
install -m 600 -o admin -g admin /root/.ssh/id_ed25519.pub /home/admin/.ssh/authorized_keys
systemctl start ssh
hold 4096 5

# Applied for a while. What else runs in the login shows what becomes of it: in the foreground, and in a session of its own.
ssh admin@127.0.0.1 'setsid --fork sleep 1000; sudo tcptune apply high-traffic --persist --confirm-within=10s; sleep 1000' >out 2>&1 &
eventually sleeps_of_admin 2
# What was printed comes over the network.
eventually grep '^UNCONFIRMED: goes back at ' out
hold 16384 3
[ ! -e /etc/sysctl.d/99-tcptune.conf ]

# The connection breaks. Nothing is left of the login but the guard, which is a service.
kill -KILL $!
wait $! || true
eventually nobody_is_logged_in
eventually sleeps_of_admin 0
systemctl list-units --no-legend 'tcptune-guard-*' | tee out
grep -F 'tcptune-guard-1.service loaded active running' out
newest_entry_is 1 unconfirmed
hold 16384 3

# At the deadline, it takes everything back, and says so.
eventually newest_entry_is 1 reverted
hold 4096 5
[ ! -e /etc/sysctl.d/99-tcptune.conf ]
eventually guard_ended 1
tcptune history | tee out
grep -x ' *error: not confirmed in time' out
tcptune status

# Once more, and confirmed in another login: now it is kept, and only now on disk.
ssh admin@127.0.0.1 'sudo tcptune apply high-traffic --persist --confirm-within=2m'
eventually nobody_is_logged_in
newest_entry_is 2 unconfirmed
[ ! -e /etc/sysctl.d/99-tcptune.conf ]
ssh admin@127.0.0.1 'sudo tcptune confirm'
newest_entry_is 2 committed
[ -e /etc/sysctl.d/99-tcptune.conf ]
eventually guard_ended 2
hold 16384 3
tcptune verify

# Another one waits while the machine is restarted.
tcptune apply fail-fast --yes --confirm-within=1h
newest_entry_is 3 unconfirmed
hold 4096 5
[ "$(sysctl -n net.ipv4.tcp_syn_retries)" = 2 ]
