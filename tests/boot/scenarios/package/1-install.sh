#!/bin/bash
# A host that a 0.0.9 has tuned before its last boot gets the packages: 0.0.9, then this version, which finds all of it.
set -Eeuo pipefail
trap 'echo "line $LINENO failed: $BASH_COMMAND"' ERR
rm -f /usr/local/sbin/tcptune
hash -r
mkdir -p /var/lib/scenario
cd /var/lib/scenario

# All files but those that the system writes by itself, and those that are there on purpose.
cat >everything <<'END'
find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /var/lib/scenario -o -path /var/lib/boot \
    -o -path /var/lib/dpkg -o -path /var/lib/tcptune -o -path /var/log -o -path /var/lib/systemd -o -path /var/tmp \) \
    -prune -o ! -name 99-tcptune.conf -print | LC_ALL=C sort
END
bash everything >before

# The loader has read the drop-in, without tcptune.
[ "$(sysctl -n net.ipv4.tcp_syn_retries)" = 2 ]

dpkg --install /root/packages/0.0.9/*.deb
[ "$(dpkg-query --show --showformat '${Version}' tcptune)" = 0.0.9-1 ]
[ "$(command -v tcptune)" = /usr/sbin/tcptune ]
systemctl is-enabled tcptune-verify.service tcptune-drift.timer
systemctl is-active tcptune-drift.timer
tcptune status | tee status-0.0.9
grep -q 'fail-fast' status-0.0.9
tcptune history >history-0.0.9
[ "$(grep -c '^ *[12] ' history-0.0.9)" = 2 ]
find /var/lib/tcptune /etc/sysctl.d/99-tcptune.conf -type f -exec sha256sum {} + | sort >sums-0.0.9

dpkg --install /root/packages/new/*.deb
[ "$(dpkg-query --show --showformat '${Version}' tcptune)" != 0.0.9-1 ]
find /var/lib/tcptune /etc/sysctl.d/99-tcptune.conf -type f -exec sha256sum {} + | sort | diff sums-0.0.9 -
tcptune status | diff status-0.0.9 -
tcptune history | diff history-0.0.9 -
systemctl is-active tcptune-drift.timer
systemctl start tcptune-verify.service

# What the package brings as files are the built-in profiles.
tcptune list | tee out
grep -q 'many short connections  (built in)' out
[ -d /etc/tcptune/profiles ]

tcptune apply high-traffic --persist --yes --reason tests
tcptune status
tcptune verify
[ "$(sysctl -n net.ipv4.tcp_syn_retries)" = 6 ]
[ "$(sysctl -n net.ipv4.tcp_synack_retries)" = 3 ]

# Before the next boot somebody puts a file there that wins.
echo 'net.ipv4.tcp_synack_retries = 7' >/etc/sysctl.d/zz-other.conf
