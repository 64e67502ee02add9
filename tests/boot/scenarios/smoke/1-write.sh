#!/bin/bash
# Two files of sysctl.d that disagree on a key; nothing loads them yet.
mkdir -p /var/lib/smoke
tee /var/lib/smoke/boot_id </proc/sys/kernel/random/boot_id
echo 'net.core.somaxconn = 1111' >/etc/sysctl.d/50-a.conf
printf '%s\n' 'net.core.somaxconn = 2222' 'net.ipv4.tcp_synack_retries = 3' >/etc/sysctl.d/60-b.conf
sysctl net.core.somaxconn net.ipv4.tcp_synack_retries
[ "$(sysctl -n net.core.somaxconn)" = 4096 ]
[ "$(sysctl -n net.ipv4.tcp_synack_retries)" = 5 ]
