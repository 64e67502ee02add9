#!/usr/bin/env bash
# A host of the fleet, in fresh namespaces: `host.sh NUMBER DIRECTORY`.
set -euo pipefail
. "$BED/private.sh"
number=$1 name=web-$1 fleet=$2

private_directories /run /etc/tcptune /etc/sysctl.d /var/lib/tcptune /usr/local/sbin /root
mkdir -p /run/systemd/system /run/sshd
hostname "$name"
private_sysctls
# The other end of the cable is plugged in from outside.
timeout 20 sh -c 'until ip link set eth0 up 2>/dev/null; do sleep 0.01; done'
ip address add "10.77.0.$number/24" dev eth0
cat >/run/sshd.conf <<CONFIG
ListenAddress 10.77.0.$number
HostKey $fleet/$name/key
AuthorizedKeysFile $fleet/login.pub
PermitRootLogin yes
StrictModes no
UsePAM no
PidFile none
CONFIG
sh "$BED/web.sh"
/usr/sbin/sshd -D -f /run/sshd.conf &
wait
