# shellcheck shell=bash
# What every namespace needs for itself. To be sourced.

# The keys of the own network can be written, no others.
private_sysctls() {
    mount --bind /proc/sys /proc/sys
    mount --bind /proc/sys/net /proc/sys/net
    mount -o remount,bind,ro /proc/sys
    ip link set lo up
}

# Empty directories.
private_directories() {
    local directory
    for directory; do
        mkdir -p "$directory"
        mount -t tmpfs -o mode=755 tmpfs "$directory"
    done
}
