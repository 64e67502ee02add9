#!/usr/bin/env bash
# Sets up fresh namespaces so that nothing done in them lasts, then runs its arguments.
set -euo pipefail
. "$BED/private.sh"

mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/systemd/system /run/etc/upper /run/etc/work /run/lib/upper /run/lib/work
mount -t overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work overlay /etc
mount -t overlay -o lowerdir=/var/lib,upperdir=/run/lib/upper,workdir=/run/lib/work overlay /var/lib
rm -rf /var/lib/tcptune /etc/tcptune /etc/sysctl.conf /etc/sysctl.d/*
private_directories /usr/local/sbin
private_sysctls
cd /

# As a child: the first process has to wait for others that lose their parent.
"$@"
