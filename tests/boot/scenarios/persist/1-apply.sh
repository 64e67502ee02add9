#!/bin/bash
# A machine whose files contradict each other, and the profile, is made to keep the profile. What every key will hold
# after the restart is written down before it.
set -Eeuo pipefail
trap 'echo "line $LINENO failed: $BASH_COMMAND"' ERR
mkdir -p /var/lib/scenario
cd /var/lib/scenario

# A real boot: systemd-sysctl came to its end (with an error, as one file has a value that the kernel refuses).
systemctl show --property=ExecMainCode,ExecMainStatus systemd-sysctl | tee out
grep -qx 'ExecMainCode=1' out
status=0
tcptune where >out || status=$?
[ "$status" = 1 ]
grep -x 'next boot of this machine, read by systemd-sysctl' out
grep -x 'net.ipv4.tcp_retries2, holds 15  the loaders disagree' out

# Every key that a file or the profile names, those that only a pattern reaches, and those that none of them changes.
tcptune where --json >where.json || [ $? = 1 ]
{
    jq -r '.keys[].key' where.json
    tcptune show high-traffic --json | jq -r '.settings[].key'
    printf 'net.ipv4.conf.%s.rp_filter\n' all default lo late0/100
    printf 'net.ipv4.%s\n' tcp_orphan_retries tcp_syn_retries
} | sort -u >keys
mapfile -t keys <keys

# What this boot began with: another file's value for each key that the profile wants to change.
values <keys | tee original
grep -x 'net.core.somaxconn = 1024' original
grep -x 'net.ipv4.tcp_abort_on_overflow = 1' original
grep -x 'net.ipv4.tcp_synack_retries = 4' original

# The one file that beats the drop-in once somebody loads it by hand is named.
tcptune apply high-traffic --persist 2>&1 | tee out
# shellcheck disable=SC2016 # backquotes as tcptune prints them
grep -Fx 'warning: `sysctl --system` and `sysctl -p` would set net.ipv4.tcp_synack_retries to 4 (/etc/sysctl.conf:3)' out
grep -x 'survives a reboot: yes' out

# The prediction: what wins, and for keys that no file changes, what they hold. Where only the kernel knows, there is none.
tcptune where --json "${keys[@]}" >where.json || [ $? = 1 ]
[ "$(jq -r '.keys[] | select(.systemd.certain == false) | .key' where.json)" = net.ipv4.tcp_wmem ]
{
    jq -r '.keys[] | select(.live != null and .systemd.certain) | "\(.key) = \(.systemd.value)"' where.json
    jq -r '.keys[] | select(.live != null and .systemd == null) | .key' where.json | values
} | sort | tee predicted
grep -x 'net.core.somaxconn = 16384' predicted
grep -x 'net.ipv4.tcp_abort_on_overflow = 0' predicted
grep -x 'net.ipv4.tcp_synack_retries = 3' predicted
# The kernel's own parameter, before any file, and the credential, after all of them.
grep -x 'net.ipv4.tcp_keepalive_probes = 7' predicted
grep -x 'net.ipv4.tcp_retries1 = 4' predicted
[ "$(wc -l <predicted)" = "$(($(wc -l <original) - 1))" ]

# Live only, on top of it.
tcptune set syn_retries=4 | tee out
grep '^LIVE ONLY' out
[ "$(sysctl -n net.ipv4.tcp_syn_retries)" = 4 ]
tcptune status
