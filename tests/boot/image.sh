#!/usr/bin/env bash
# Builds what a boot needs into the new directory OUT: disk.raw (a small Debian 12 with systemd), vmlinuz, initrd.
#
#   image.sh OUT
set -euo pipefail
umask 022

GUEST=$(cd "$(dirname "${BASH_SOURCE[0]}")/guest" && pwd)
OUT=$(realpath -m "$1")
export OUT

PACKAGES=systemd-sysv,libpam-systemd,dbus,udev,kmod,procps,iproute2,openssh-server,openssh-client,sudo,jq

# Modules for the guest: all of networking, virtual links, what the disks need, what systemd asks for.
MODULES=(net lib crypto fs/autofs drivers/virtio drivers/block/virtio_blk.ko drivers/net/{dummy,ifb,tun,veth}.ko)

# Modules that the initramfs loads; ext4 is part of the kernel.
DISK_MODULES=(virtio_pci virtio_blk)

# Services that only cost time here, or that wait for something the guest lacks.
MASKED=(getty.target modprobe@.service systemd-binfmt.service proc-sys-fs-binfmt_misc.automount
    systemd-pstore.service systemd-update-utmp-runlevel.service
    {e2scrub_all,fstrim,dpkg-db-backup,systemd-tmpfiles-clean}.timer e2scrub_reap.service)

# OUT/root has the installed packages. OUT/kernel has the kernel and busybox, only unpacked: to install a kernel package
# would make a big and slow initrd.
debian() {
    # shellcheck disable=SC2016 # the hook's shell expands it
    mmdebstrap --quiet --variant=essential --include="$PACKAGES" \
        --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --customize-hook='
            cd "$OUT"
            export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
            kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n "s/.*Depends: //p")
            apt-get -qq -o APT::Sandbox::User=root download "$kernel" busybox-static' \
        bookworm "$OUT/root"
    for package in "$OUT"/*.deb; do
        dpkg-deb --extract "$package" "$OUT/kernel"
    done
}

modules() {
    local release=$1 root=$OUT/root/usr/lib/modules/$1
    mkdir -p "$root"
    (
        cd "$OUT/kernel/lib/modules/$release"
        cp --parents --recursive modules.{order,builtin,builtin.modinfo} "${MODULES[@]/#/kernel/}" "$root"
    )
    chroot "$OUT/root" depmod "$release"
}

# What makes the root file system this guest.
guest() {
    local root=$OUT/root
    rm -f "$root"/etc/{resolv.conf,systemd/system/{multi-user.target.wants/ssh,sshd}.service}
    echo guest >"$root/etc/hostname"
    printf '127.0.0.1 localhost guest\n::1 localhost\n' >"$root/etc/hosts"
    # A machine that knows itself: its first boot is no special one.
    echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
    for unit in "${MASKED[@]}"; do
        ln -sf /dev/null "$root/etc/systemd/system/$unit"
    done
    install -D -m 755 "$GUEST/step" "$root/usr/local/lib/boot-step"
    install -D -m 644 -t "$root/etc/systemd/system" "$GUEST/tcptune-test.service"
    ln -s ../tcptune-test.service "$root/etc/systemd/system/multi-user.target.wants/"
}

initrd() {
    local release=$1 initrd=$OUT/initramfs
    mkdir -p "$initrd"/{bin,dev,modules,root}
    cp "$OUT/kernel/bin/busybox" "$initrd/bin"
    for applet in sh mount insmod chroot switch_root; do
        ln -s busybox "$initrd/bin/$applet"
    done
    install -m 755 "$GUEST/init" "$initrd/init"
    chroot "$OUT/root" modprobe --set-version="$release" --show-depends --all "${DISK_MODULES[@]}" |
        while read -r _ module; do
            cp "$OUT/root/$module" "$initrd/modules"
            basename "$module"
        done | awk '!seen[$0]++' >"$initrd/modules/order"
    (cd "$initrd" && find . | bin/busybox cpio -o -H newc -R 0:0 2>/dev/null) >"$OUT/initrd"
}

mkdir -p "$OUT"
debian
release=$(basename "$OUT"/kernel/lib/modules/*)
modules "$release"
guest
initrd "$release"
cp "$OUT/kernel/boot/vmlinuz-$release" "$OUT/vmlinuz"
truncate --size=1G "$OUT/disk.raw"
mke2fs -q -t ext4 -m 0 -E assume_storage_prezeroed=1 -d "$OUT/root" "$OUT/disk.raw"
rm -rf "$OUT"/{root,kernel,initramfs,*.deb}
