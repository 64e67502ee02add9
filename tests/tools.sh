# shellcheck shell=bash
# Tools that tests need. To be sourced.
#
#   need WHO <<LINES
#       Installs the Debian package of each tool that is missing; WHO asks for it. A line names a command, a file, or a
#       module of Python as `python:MODULE`, and the package that has it.
#   cargo_tool NAME VERSION, cargo_tools
#       Those of crates.io, as packaging/tools.sh says.
#   python_tool NAME VERSION EXTRA, python_tools
#       The same for PyPI: one tool with an extra of it, and the directory with its `python`.

. "$(dirname "${BASH_SOURCE[0]}")/../packaging/tools.sh"

need() {
    local who=$1 missing=() tool package
    while read -r tool package; do
        case $tool in
            python:*) /usr/bin/python3 -c "import ${tool#python:}" 2>/dev/null ;;
            /*) [ -e "$tool" ] ;;
            *) command -v "$tool" >/dev/null ;;
        esac || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    echo "$who: installing ${missing[*]}"
    apt-get -q update
    # Another part of the tests may be at it.
    DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 \
        install "${missing[@]}"
}

python_tools() {
    echo "$(cargo_tools)/python/bin"
}

python_tool() {
    local name=$1 version=$2 extra=$3
    "$(python_tools)/pip" show "$name" 2>/dev/null | grep -qxF "Version: $version" && return 0
    echo "installing $name $version"
    /usr/bin/python3 -m venv --clear "$(cargo_tools)/python"
    "$(python_tools)/pip" install --quiet --disable-pip-version-check --only-binary :all: "$name[$extra]==$version"
}
