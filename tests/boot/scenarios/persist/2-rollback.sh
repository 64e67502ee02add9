#!/bin/bash
# After the restart, the machine is as predicted. Then the drop-in goes, and its values with it.
set -Eeuo pipefail
trap 'echo "line $LINENO failed: $BASH_COMMAND"' ERR
cd /var/lib/scenario

# Every key holds what was predicted; what was set live only is not there.
cut -d ' ' -f 1 predicted | values | diff -u predicted -
[ "$(sysctl -n net.ipv4.tcp_syn_retries)" = 6 ]
echo "$(wc -l <predicted) keys hold what was predicted"

# That is what tcptune says, too.
tcptune status | tee out
grep -x 'host namespace: high-traffic; a reboot has forgotten high-traffic + 1 set by hand' out
tcptune verify | tee out
grep -x 'survives a reboot: yes' out

# The warning was right: whoever loads /etc/sysctl.conf by hand loses a value, until systemd-sysctl is at work again.
sysctl -p
[ "$(sysctl -n net.ipv4.tcp_synack_retries)" = 4 ]
status=0
tcptune status >out || status=$?
[ "$status" = 1 ]
grep -E 'DRIFT +net.ipv4.tcp_synack_retries .* holds 4 ' out
systemctl restart systemd-sysctl 2>/dev/null || true
cut -d ' ' -f 1 predicted | values | diff -u predicted -

# Rolled back, it is as if this boot had begun without the drop-in: the other files' values, and the kernel's.
tcptune rollback | tee out
grep '^rollback of entry 1 (apply high-traffic' out
[ ! -e /etc/sysctl.d/99-tcptune.conf ]
values <keys | diff -u original -
tcptune status
