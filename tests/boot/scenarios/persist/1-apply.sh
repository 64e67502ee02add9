#!/bin/bash
# A machine whose files contradict each other, and the profile. What is applied with --persist shall be there after the
# restart, and every other key exactly as `where` says.
set -E -o pipefail
trap 'echo "line $LINENO failed: $BASH_COMMAND"' ERR
mkdir -p /var/lib/scenario
cd /var/lib/scenario

# systemd-sysctl was at work: this is the boot that the rest is about.
systemctl show --property=ExecMainCode,ExecMainStatus systemd-sysctl | tee out
grep -qx ExecMainCode=1 out
tcptune where >where.out || [ $? = 1 ]
cat where.out
grep -q '^next boot of this machine, read by systemd-sysctl$' where.out

# Every key that a file or the profile names, those that only a pattern reaches, and one that nothing does.
{
    tcptune where --json | jq -r '.keys[].key' || true
    tcptune show high-traffic --json | jq -r '.settings[].key'
    printf 'net.ipv4.conf.%s.rp_filter\n' all default lo late0/100
    echo net.ipv4.tcp_syn_retries
} | sort -u >keys

# What the files gave.
values <keys | tee original
grep -qx 'net.core.somaxconn = 1024' original
grep -qx 'net.ipv4.conf.late0/100.rp_filter = 2' original

# It warns of the one file that would win once somebody says `sysctl -p`.
tcptune apply high-traffic --persist 2>&1 | tee out
grep -F 'warning: `sysctl --system` and `sysctl -p` would set net.ipv4.tcp_synack_retries to 4 (/etc/sysctl.conf:3)' out
grep -x 'survives a reboot: yes' out
tcptune status
cat /etc/sysctl.d/99-tcptune.conf

# What the next boot shall give: what wins, else what no file changed.
mapfile -t keys <keys
tcptune where --json "${keys[@]}" >where.json || [ $? = 1 ]
