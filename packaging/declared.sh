# shellcheck shell=sh
# Whether something is declared, as far as files tell without tcptune: by a drop-in of ours, on the live axis of this
# boot, or by an entry that waits or was interrupted. What cannot be read counts as well.
declared() {
    grep -qsx '# Written by tcptune\..*' /etc/sysctl.d/*.conf && return
    [ -d /var/lib/tcptune/journal ] || return
    grep -qsF '"pending":[]' /var/lib/tcptune/state.json || return 0
    sed 's/{"boot"/\n&/g' /var/lib/tcptune/state.json |
        grep -F "{\"boot\":\"$(cat /proc/sys/kernel/random/boot_id 2>/dev/null || echo unknown)\"" |
        grep -qF '"settings":{"'
}

# How to get rid of it: WHAT stays.
how_to_switch_off() {
    cat <<TEXT
tcptune: something is still declared: $1.
tcptune: to give everything back, install tcptune again, run \`tcptune off --persist\` (\`tcptune off --netns NAME\` for a
tcptune: network namespace; one that is gone is forgotten by a reboot), and then remove it.
TEXT
}
