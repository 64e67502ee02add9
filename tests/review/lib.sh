# shellcheck shell=bash
# What the tests of a review need, in versions that are written down. To be sourced.
#
#   review_tools DIR TOOL:PACKAGE...
#       Installs the Debian package of each missing TOOL, and what DIR/requirements.txt (Python) and DIR/package.json
#       (npm) name into a cache, each only if it is missing; sets TOOLS to that cache.

review_tools() {
    local source=$1 missing=() pair
    shift
    for pair in git:git jq:jq curl:curl flock:util-linux python3:python3 node:nodejs npm:npm "$@"; do
        command -v "${pair%:*}" >/dev/null || missing+=("${pair#*:}")
    done
    python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
    if [ ${#missing[@]} -gt 0 ]; then
        echo "review: installing ${missing[*]}"
        apt-get -q update
        DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "${missing[@]}"
    fi
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
