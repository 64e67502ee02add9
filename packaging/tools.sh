# shellcheck shell=bash
# Tools from crates.io that builds and tests need. To be sourced.
#
#   cargo_tool NAME VERSION
#       Installs a tool, unless that version is there.
#   cargo_tools
#       Where they are: below cargo's target directory, or in $TCPTUNE_TOOLS, where several builds share them.

cargo_tools() {
    echo "${TCPTUNE_TOOLS:-${CARGO_TARGET_DIR:-$PWD/target}/tools}"
}

cargo_tool() {
    local name=$1 version=$2 tools
    tools=$(cargo_tools)
    grep -qsF "\"$name $version " "$tools/.crates.toml" && return 0
    echo "installing $name $version"
    # Not optimised: it runs for seconds, and building it takes minutes otherwise.
    CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        CARGO_TARGET_DIR=$tools/build cargo install --quiet --locked --root "$tools" "$name@$version"
    rm -rf "$tools/build"
}
