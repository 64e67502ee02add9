# shellcheck shell=bash
# Tools that tests need. To be sourced.
#
#   need WHO <<LINES
#       Installs the Debian package of each tool that is missing; WHO asks for it. A line names a command, a file, or a
#       module of Python as `python:MODULE`, and the package that has it.

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
