#!/bin/bash
# After the restart the unit says what differs; the timer finds what differs later; a removal leaves what it says.
set -Eeuo pipefail
trap 'echo "line $LINENO failed: $BASH_COMMAND"' ERR
cd /var/lib/scenario

# Other values came by the boot itself, without tcptune.
[ "$(sysctl -n net.core.somaxconn)" = 16384 ]
[ "$(sysctl -n net.ipv4.tcp_synack_retries)" = 7 ]

systemctl is-failed tcptune-verify.service
journalctl --boot --unit=tcptune-verify.service --output=cat | tee said
grep -q 'net.ipv4.tcp_synack_retries .* 7 ' said
grep -q '/etc/sysctl.d/zz-other.conf:1' said
systemctl show --property=After tcptune-verify.service | grep -q systemd-sysctl.service

# It reports, and leaves the rest to people.
[ "$(sysctl -n net.ipv4.tcp_synack_retries)" = 7 ]
rm /etc/sysctl.d/zz-other.conf
[ "$(systemctl start tcptune-verify.service && echo clean)" != clean ]
sysctl -w net.ipv4.tcp_synack_retries=3
systemctl start tcptune-verify.service
tcptune status

# The unit sees what the loader would see: also a credential.
mkdir -p /etc/credstore
echo 'net.ipv4.tcp_syncookies = 2' >/etc/credstore/sysctl.extra
[ "$(systemctl start tcptune-verify.service && echo clean)" != clean ]
journalctl --boot --unit=tcptune-verify.service --output=cat | grep -q 'net.ipv4.tcp_syncookies .* 2 .*sysctl.extra'
rm -r /etc/credstore
systemctl start tcptune-verify.service

# Drift that comes later, and a timer that does not let anybody wait for it here.
mkdir -p /run/systemd/system/tcptune-drift.timer.d
printf '%s\n' '[Timer]' OnActiveSec=1s OnUnitInactiveSec=1s RandomizedDelaySec=0 AccuracySec=100ms \
    >/run/systemd/system/tcptune-drift.timer.d/soon.conf
systemctl daemon-reload
sysctl -w net.core.somaxconn=1024
since=$(date +%s)
systemctl restart tcptune-drift.timer
for _ in {1..300}; do
    ! systemctl --quiet is-failed tcptune-verify.service || break
    sleep 0.1
done
systemctl is-failed tcptune-verify.service
journalctl --since="@$since" --unit=tcptune-verify.service --output=cat | tee said
grep -q 'net.core.somaxconn .* 1024 ' said
[ "$(sysctl -n net.core.somaxconn)" = 1024 ]
sysctl -w net.core.somaxconn=16384
rm -r /run/systemd/system/tcptune-drift.timer.d
systemctl daemon-reload

# Removed with something declared: all of it stays, and the package says what to do about it.
find /var/lib/tcptune /etc/sysctl.d/99-tcptune.conf -type f -exec sha256sum {} + | sort >sums
dpkg --remove tcptune 2>&1 | tee out
grep -q 'tcptune off --persist' out
find /var/lib/tcptune /etc/sysctl.d/99-tcptune.conf -type f -exec sha256sum {} + | sort | diff sums -
[ "$(sysctl -n net.core.somaxconn)" = 16384 ]
[ ! -e /usr/sbin/tcptune ]

# Purged as well: what was there before is still known.
dpkg --purge tcptune 2>&1 | tee out
grep -q 'tcptune off --persist' out
find /var/lib/tcptune /etc/sysctl.d/99-tcptune.conf -type f -exec sha256sum {} + | sort | diff sums -

# As it said: install it again, switch off, purge.
dpkg --install /root/packages/new/*.deb
tcptune off --persist
[ "$(sysctl -n net.core.somaxconn)" = 4096 ]
[ "$(sysctl -n net.ipv4.tcp_synack_retries)" = 5 ]
[ ! -e /etc/sysctl.d/99-tcptune.conf ]
echo 'description = "mine"' >/etc/tcptune/profiles/mine.toml
dpkg --purge tcptune 2>&1 | tee out
if grep -q 'off --persist' out; then exit 1; fi
[ ! -e /var/lib/tcptune ]
# The administrator's own file stays, and nothing else.
bash everything >after
{ diff before after || true; } | grep '^[<>]' >left
printf '> %s\n' /etc/tcptune /etc/tcptune/profiles /etc/tcptune/profiles/mine.toml | diff - left
