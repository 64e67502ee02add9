#!/bin/bash
# After a restart the kernel has what the later file says.
cat /proc/sys/kernel/random/boot_id
[ "$(cat /proc/sys/kernel/random/boot_id)" != "$(cat /var/lib/smoke/boot_id)" ]
sysctl net.core.somaxconn net.ipv4.tcp_synack_retries
[ "$(sysctl -n net.core.somaxconn)" = 2222 ]
[ "$(sysctl -n net.ipv4.tcp_synack_retries)" = 3 ]
