#!/bin/bash
# After the restart, what was confirmed is there, and nothing is left of what was not.
set -Eeuo pipefail
trap 'echo "line $LINENO failed: $BASH_COMMAND"' ERR

sysctl net.core.somaxconn net.ipv4.tcp_synack_retries net.ipv4.tcp_syn_retries | tee out
[ "$(sed 's/.*= //' out | paste -s -d ' ')" = '16384 3 6' ]
tcptune status | tee out
grep -x 'host namespace: high-traffic' out
tcptune verify | tee out
grep -x 'survives a reboot: yes' out
[ -z "$(systemctl list-units --all --no-legend 'tcptune-guard-*')" ]

# There is nothing to confirm, and the journal says why.
status=0
tcptune confirm || status=$?
[ "$status" = 3 ]
tcptune history | tee out
grep -x ' *error: the machine was restarted before it was confirmed' out
[ "$(tcptune history --json | jq -r '.entries | map(.state) | join(" ")')" = 'reverted committed reverted' ]
tcptune status
