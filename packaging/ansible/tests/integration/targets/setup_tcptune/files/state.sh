#!/bin/sh
# Prints the machine as far as tcptune is concerned: all keys of the network, and the files that set them at boot;
# with "all", what tcptune remembers too. Who had the lock last is no matter.
sysctl -a --pattern '^net\.' 2>/dev/null
[ "${1:-}" = all ] && remembered=/var/lib/tcptune
find /etc/sysctl.d /etc/tcptune ${remembered:+"$remembered"} -type f ! -name lock -exec sha256sum {} + 2>/dev/null | sort -k 2
