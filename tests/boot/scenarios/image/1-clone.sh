#!/bin/bash
# A machine made from the image: its first boot holds the values, and the drop-in alone says whose they are and why.
set -Eeuo pipefail
trap 'echo "line $LINENO failed: $BASH_COMMAND"' ERR
[ ! -e /var/lib/tcptune ]
[ "$(sysctl -n net.core.somaxconn)" = 16384 ]
[ "$(sysctl -n net.ipv4.tcp_synack_retries)" = 3 ]
tcptune status | tee /tmp/said
grep -q 'high-traffic' /tmp/said
tcptune verify
tcptune show --active | tee /tmp/said
grep -q 'a half-open request lives 15 s instead of 63 s' /tmp/said
[ ! -e /var/lib/tcptune ]

# And from here on it is a host like any other.
tcptune off --persist
[ "$(sysctl -n net.core.somaxconn)" = 4096 ]
[ "$(sysctl -n net.ipv4.tcp_synack_retries)" = 5 ]
