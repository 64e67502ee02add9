# shellcheck shell=bash
# What the tests of a review need, in versions that are written down. To be sourced.
#
#   review_tools DIR
#       Installs what DIR/requirements.txt (Python) and DIR/package.json (npm) name into a cache, each only if it is
#       missing; sets TOOLS to that cache.

# shellcheck source=tests/tools.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tools.sh"

review_tools() {
    local source=$1
    need review <<'TOOLS'
git git
jq jq
curl curl
flock util-linux
python3 python3
node nodejs
npm npm
python:ensurepip python3-venv
TOOLS
    TOOLS=$(basename "$source")-$(cat "$source/requirements.txt" "$source/package-lock.json" | sha256sum | cut -c 1-16)
    TOOLS=${XDG_CACHE_HOME:-$HOME/.cache}/tcptune-tests/$TOOLS
    mkdir -p "$TOOLS"
    (
        flock 9
        [ -e "$TOOLS/complete" ] || review_build "$source" "$TOOLS"
    ) 9>"$TOOLS/lock"
}

# No package runs code of its own when it is installed.
review_build() {
    local source=$1 tools=$2 start=$SECONDS
    python3 -m venv --clear "$tools/python"
    "$tools/python/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: \
        --requirement "$source/requirements.txt"
    cp "$source"/package*.json "$tools"
    npm ci --loglevel=error --ignore-scripts --no-audit --no-fund --prefix "$tools"
    touch "$tools/complete"
    echo "review: tools: $((SECONDS - start)) s"
}

# promtool alone, into TOOLS: its Debian package would start a server as well.
review_promtool() {
    local unpacked
    [ -x "$TOOLS/promtool" ] && return
    unpacked=$(mktemp -d)
    apt-get -q update
    (cd "$unpacked" && apt-get -q -o APT::Sandbox::User=root download prometheus && dpkg -x prometheus_*.deb .)
    install "$unpacked/usr/bin/promtool" "$TOOLS/promtool"
    rm -rf "$unpacked"
}
