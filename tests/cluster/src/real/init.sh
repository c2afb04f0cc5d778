#!/bin/sh
# The first process of a node. Makes mounts of its own, so that what is written to the usual places stays in the node's directory and
# goes with it. Arguments: the directory of the node, that of the cluster. Writes the process id that the machine knows.
set -e
node=$1
# Still the machine's /proc: the number that the machine knows.
read -r pid _ </proc/self/stat
mount --make-rprivate /
# Volumes of pods may ask for propagation of mounts.
mount --make-rshared /
mount -t proc proc /proc
mount --bind "$node/lib" /var/lib
mount --bind "$node/log" /var/log
mount --bind "$2/shared" /var/lib/berth/shared
mount -t tmpfs -o mode=0755 run /run

# Control groups as this namespace sees them: its own is the root.
root=/sys/fs/cgroup
if [ -f $root/cgroup.controllers ]; then
    umount $root
    mount -t cgroup2 cgroup2 $root
    # A group that hands on controllers holds no processes. The program that made this namespace is one, which cannot be named from
    # here: it is moved from outside.
    mkdir -p $root/init
    echo $$ >$root/init/cgroup.procs
    while [ -n "$(cat $root/cgroup.procs)" ]; do sleep 0.01; done
    for controller in $(cat $root/cgroup.controllers); do
        echo "+$controller" >$root/cgroup.subtree_control || :
    done
else
    sed -n 's/^[^ ]* [^ ]* [^ ]* [^ ]* \([^ ]*\) .* - \(cgroup2*\) [^ ]* \([^ ]*\)$/\1 \2 \3/p' /proc/self/mountinfo |
        while read -r at type options; do
            umount "$at"
            case $type,$options in
            cgroup2,*) mount -t cgroup2 cgroup2 "$at" ;;
            *name=*) mount -t cgroup -o "none,name=${options##*name=}" cgroup "$at" ;;
            *) mount -t cgroup -o "${options#rw,}" cgroup "$at" ;;
            esac
        done
fi

echo "$pid" >"$node/init.new"
mv "$node/init.new" "$node/init"
# The first process of a namespace collects what others leave; the namespace ends with it.
sleep infinity &
while :; do wait $! || :; done
