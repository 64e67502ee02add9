# What the benchmarks share, to be sourced from the project's directory.
#
#   in_sandbox COMMAND [ARGUMENT...]
#       Runs it in fresh namespaces, as $SANDBOX does. TCPTUNE names the binary under test there, WORK a directory that goes away.
# shellcheck shell=bash

if [ "$(id -u)" != 0 ]; then
    echo "a benchmark needs root to make a sandbox" >&2
    exit 1
fi
TCPTUNE=$(realpath "${TCPTUNE_UNDER_TEST:-${CARGO_TARGET_DIR:-target}/release/tcptune}")
WORK=$(mktemp -d)
export TCPTUNE WORK
trap 'rm -rf "$WORK"' EXIT

export BED=$PWD/tests/ansible

export SANDBOX="unshare --mount --net --pid --ipc --uts --fork --kill-child --mount-proc bash tests/ansible/sandbox.sh"

in_sandbox() {
    $SANDBOX "$@"
}
