# bash completion of tcptune. The program itself knows what there is to complete; this only asks it.
# shellcheck shell=bash disable=SC1090
source <(COMPLETE=bash /usr/sbin/tcptune)
