# fish completion of tcptune. The program itself knows what there is to complete; this only asks it.
COMPLETE=fish /usr/sbin/tcptune | source
