#!/usr/bin/env bash
# What `tcptune metrics` prints of hosts of every kind, as promtool and the client of Python read it. To be run in mount,
# network and process namespaces of its own; with the binary in TCPTUNE_UNDER_TEST, promtool in the PATH.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

fail() {
    echo "metrics: $*" >&2
    exit 1
}

tcptune() {
    "$TCPTUNE_UNDER_TEST" "$@"
}

# Of one run, so that the text and the document have the same moment.
check() {
    local name=$1
    shift
    tcptune metrics --write "$name.prom" --json "$@" >"$name.json" || fail "$name: exit code $?: $(cat "$name.json")"
    promtool check metrics <"$name.prom" >"$name.lint" 2>&1 || fail "$name: $(cat "$name.lint")"
    [ ! -s "$name.lint" ] || fail "$name: $(cat "$name.lint")"
    "$here/metrics.py" "$name.prom" "$name.json" || fail "$name: not what the document says"
    tcptune metrics "$@" >"$name.stdout"
    promtool check metrics <"$name.stdout" || fail "$name: on standard output"
}

# A listener of a process that calls itself $1, with $2 connections in a queue of one.
listener() {
    python3 - "$@" <<'PYTHON' &
import socket, sys, time
open("/proc/self/comm", "wb").write(sys.argv[1].encode())
listener = socket.create_server(("127.0.0.1", 0), backlog=1)
clients = [socket.create_connection(listener.getsockname()) for _ in range(int(sys.argv[2]))]
open(f"/run/ready-{listener.getsockname()[1]}", "w").close()
time.sleep(600)
PYTHON
    listeners=$((listeners + 1))
    until [ "$(find /run -maxdepth 1 -name 'ready-*' | wc -l)" = "$listeners" ]; do sleep 0.05; done
}

mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/etc/{upper,work} /run/lib/{upper,work} /run/out
mount -t overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work overlay /etc
mount -t overlay -o lowerdir=/var/lib,upperdir=/run/lib/upper,workdir=/run/lib/work overlay /var/lib
rm -rf /var/lib/tcptune
ip link set lo up
cd /run/out
listeners=0

check nothing
tcptune apply high-traffic --persist >/dev/null
check clean
sysctl --quiet --write net.core.somaxconn=77
check drift
tcptune hold --for 2h >/dev/null
tcptune set synack_retries=4 --confirm-within=5m >/dev/null
check waits
listener 'a"b\c{d="e"}' 2
listener $'f\ng\th\r' 1
listener $'\u202e # é' 0
check listeners
check processes --label process,pid
for name in $'a\tb' 'a b' 'c"d'; do ip netns add "$name"; done
check namespaces --netns all --netns 'c"d' --netns 'a b' --label address,port,process
check few --listeners 1
check none --listeners 0
grep -q 'process="a\\"b\\\\c{d=\\"e\\"}"' processes.prom || fail "a process has another name: $(grep process= processes.prom)"
