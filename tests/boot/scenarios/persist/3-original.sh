#!/bin/bash
# One more restart, and nothing of it all is left.
set -Eeuo pipefail
trap 'echo "line $LINENO failed: $BASH_COMMAND"' ERR
cd /var/lib/scenario

values <keys | diff -u original -
[ ! -e /etc/sysctl.d/99-tcptune.conf ]
tcptune status | tee out
grep -x 'host namespace: nothing' out
tcptune history
