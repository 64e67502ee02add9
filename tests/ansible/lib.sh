# shellcheck shell=bash
# Ansible in an environment of its own, and a sandbox to let it loose in. To be sourced.
#
#   bed_prepare
#       Installs the tools and makes the environment, each only if it is missing. Before all others; as root.
#       Sets WORK, a directory that goes away with the shell, TREE, a copy of the collection in it, and ENVIRONMENT,
#       a directory that stays until the requirements change.
#   bed_sandbox COMMAND [ARGUMENT...]
#       Runs it in fresh namespaces, see sandbox.sh. TCPTUNE names the binary under test there.
#
# The environment is kept in $XDG_CACHE_HOME/tcptune-tests, or ~/.cache/tcptune-tests.

BED=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/tools.sh
. "$BED/../tools.sh"
BED_SOURCE=$(cd "$BED/../../packaging/ansible" && pwd)
BED_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/tcptune-tests

bed_prepare() {
    if [ "$(id -u)" != 0 ]; then
        echo "ansible: needs root to make sandboxes" >&2
        return 1
    fi
    TCPTUNE=$(realpath "${TCPTUNE_UNDER_TEST:-${CARGO_TARGET_DIR:-target}/release/tcptune}")
    export TCPTUNE BED
    bed_tools
    ENVIRONMENT=$BED_CACHE/ansible-$(sha256sum <"$BED/requirements.txt" | cut -c 1-16)
    mkdir -p "$BED_CACHE"
    (
        flock 9
        [ -e "$ENVIRONMENT/ready" ] || bed_build
    ) 9>"$BED_CACHE/lock"
    WORK=$(mktemp -d)
    trap bed_clean_up EXIT
    trap 'exit 1' HUP INT TERM
    TREE=$WORK/ansible_collections/tcptune/tcptune
    mkdir -p "$WORK/ansible_collections/tcptune"
    cp --recursive "$BED_SOURCE" "$TREE"
    # ansible-test keeps its own environments below the home.
    export WORK TREE ENVIRONMENT HOME=$ENVIRONMENT/home PATH=$ENVIRONMENT/bin:$PATH
    export ANSIBLE_COLLECTIONS_PATH=$WORK ANSIBLE_SSH_CONTROL_PATH_DIR=$WORK/ssh
    export ANSIBLE_LOCAL_TEMP=$WORK/local ANSIBLE_REMOTE_TMP=$WORK/remote
    export ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3 ANSIBLE_PIPELINING=1
    export ANSIBLE_LOCALHOST_WARNING=0 ANSIBLE_INVENTORY_UNPARSED_WARNING=0
    export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
}

bed_tools() {
    need ansible <<'TOOLS'
/usr/bin/python3 python3
ip iproute2
ss iproute2
sysctl procps
pgrep procps
unshare util-linux
nsenter util-linux
setpriv util-linux
flock util-linux
sshd openssh-server
ssh openssh-client
shellcheck shellcheck
python:ensurepip python3-venv
TOOLS
}

# Environments of older requirements go away, and what a build that failed left behind.
bed_build() {
    local start=$SECONDS
    echo "ansible: making the environment"
    rm -rf "$BED_CACHE"/ansible-*
    /usr/bin/python3 -m venv "$ENVIRONMENT"
    "$ENVIRONMENT/bin/pip" --quiet --disable-pip-version-check install --requirement "$BED/requirements.txt"
    # ansible-test would download this; Python brings the same along.
    mkdir -p "$ENVIRONMENT/home/.ansible/test/cache"
    echo 'import ensurepip; ensurepip.bootstrap(upgrade=True)' \
        >"$ENVIRONMENT/home/.ansible/test/cache/get_pip_24_2.py"
    touch "$ENVIRONMENT/ready"
    echo "ansible: environment: $((SECONDS - start)) s"
}

# In the background, so that a signal is not kept waiting; and if this shell is killed, the sandbox is too.
bed_sandbox() {
    setpriv --pdeathsig KILL unshare --mount --net --pid --ipc --uts --fork --kill-child --mount-proc \
        bash "$BED/sandbox.sh" "$@" &
    BED_SANDBOX=$!
    wait "$BED_SANDBOX"
}

bed_clean_up() {
    [ -z "${BED_SANDBOX:-}" ] || kill "$BED_SANDBOX" 2>/dev/null || true
    rm -rf "$WORK"
}
