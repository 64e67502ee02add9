# shellcheck shell=bash
# Boots a small Debian 12 in qemu: a whole machine with systemd that a test may change, restart and throw away.
# It has no network and needs no KVM. To be sourced.
#
#   boot_prepare
#       Installs the tools and builds the image, each only if it is missing. Before all others; as root.
#   boot_new_disk DIR
#       Puts a fresh disk into DIR and prints its path.
#   boot_once DISK SCRIPT [FILES]
#       Boots DISK, runs SCRIPT with `bash -eu` when the machine is up, powers off, prints what SCRIPT printed, and
#       returns its exit status; 124 if the boot took too long, 125 if it failed, either with the console on stderr. One
#       whose systemd never began is tried three times.
#       The files of the directory FILES are on the disk before systemd starts, so those below /etc/sysctl.d count in
#       the same boot. They belong to root, and stay for later boots; directories are made as needed, with mode 755.
#       DISK.console and DISK.output hold what the last boot said.
#
#   TCPTUNE_BOOT_CACHE    where the image is kept; by default below cargo's target directory
#   TCPTUNE_BOOT_TIMEOUT  seconds for one boot, its script included; 180 by default

BOOT_SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/tools.sh
. "$BOOT_SOURCE/../tools.sh"
BOOT_CACHE=${TCPTUNE_BOOT_CACHE:-${CARGO_TARGET_DIR:-$PWD/target}/boot}

boot_prepare() {
    if [ "$(id -u)" != 0 ]; then
        echo "boot: needs root to install packages and to build the image" >&2
        return 1
    fi
    boot_tools
    BOOT_IMAGE=$BOOT_CACHE/image-$(cat "$BOOT_SOURCE"/image.sh "$BOOT_SOURCE"/guest/* | sha256sum | cut -c 1-16)
    mkdir -p "$BOOT_CACHE"
    (
        flock 9
        [ -e "$BOOT_IMAGE" ] || boot_build
    ) 9>"$BOOT_CACHE/lock"
}

boot_tools() {
    need boot <<'TOOLS'
qemu-system-x86_64 qemu-system-x86
mmdebstrap mmdebstrap
mke2fs e2fsprogs
TOOLS
}

# Images of older recipes go away, and what a build that failed left behind.
boot_build() {
    local start=$SECONDS
    echo "boot: building the image"
    rm -rf "$BOOT_CACHE"/image-*
    "$BOOT_SOURCE/image.sh" "$BOOT_CACHE/image-new" &&
        mv "$BOOT_CACHE/image-new" "$BOOT_IMAGE" &&
        echo "boot: image: $((SECONDS - start)) s"
}

boot_new_disk() {
    cp "$BOOT_IMAGE/disk.raw" "$1/disk.raw"
    echo "$1/disk.raw"
}

boot_once() {
    local disk=$1 script=$2 files=${3:-} status
    boot_payload "$script" "$files" >"$disk.payload" || return 125
    for _ in 1 2 3; do
        status=0
        rm -f "$disk".{output,console}
        boot_qemu "$disk" || status=$?
        boot_never_began "$disk" "$status" || break
        {
            echo "boot: $script: systemd never began, so the machine is started again; the console:"
            cat "$disk.console"
        } >&2
    done
    if [ "$status" = 0 ] && tail -n 1 "$disk.output" | grep -q '^step exit [0-9]*$'; then
        head -n -1 "$disk.output"
        return "$(tail -n 1 "$disk.output" | cut -d ' ' -f 3)"
    fi
    [ ! -e "$disk.output" ] || cat "$disk.output"
    {
        echo "boot: $script: no result, qemu ended with $status; the console:"
        [ ! -e "$disk.console" ] || cat "$disk.console"
    } >&2
    [ "$status" = 124 ] || status=125
    return "$status"
}

# Whether qemu ran out of time before systemd said anything. Without KVM that was seen once in some hundred boots, and
# never again. Nothing of ours has run by then, and on the disk is only what the next try lays there again.
boot_never_began() {
    [ "$2" = 124 ] && ! grep -q '^Welcome to' "$1.console"
}

# A tar stream of the script and of the files, without their directories: those have the modes that the guest gives.
boot_payload() {
    local script=$1 files=$2 stage
    stage=$(mktemp -d) &&
        { [ -z "$files" ] || cp --recursive --no-dereference --preserve=mode "$files/." "$stage"; } &&
        install -D -m 644 "$script" "$stage/var/lib/boot/step" &&
        (cd "$stage" && find . ! -type d -print0 | tar --create --owner=0 --group=0 --null --files-from=-) &&
        rm -rf "$stage"
}

boot_qemu() {
    local disk=$1
    timeout --foreground --kill-after=5 "${TCPTUNE_BOOT_TIMEOUT:-180}" \
        qemu-system-x86_64 -machine q35 -accel tcg -cpu max -smp 2 -m 512 \
        -nodefaults -no-user-config -no-reboot -display none \
        -kernel "$BOOT_IMAGE/vmlinuz" -initrd "$BOOT_IMAGE/initrd" \
        -append "console=ttyS0 root=/dev/vda panic=-1 loglevel=7 TERM=dumb sysctl.net.ipv4.tcp_keepalive_probes=7" \
        -drive "file=$disk,format=raw,if=virtio,cache=unsafe" \
        -drive "file=$disk.payload,format=raw,if=virtio,readonly=on" \
        -serial "file:$disk.console" -serial "file:$disk.output" </dev/null
}
