#!/bin/sh
# Runs a program in a control group of this cluster, in every hierarchy. Arguments: the name of the group, the program, its arguments.
group=${0%/*}
group=${group##*/}/$1
shift
root=/sys/fs/cgroup
if [ -f "$root/cgroup.controllers" ]; then
    # Version 2: what a group hands on to its children, its parent must have handed on to it.
    at=$root
    for part in $(echo "$group" | tr / ' '); do
        for controller in $(cat "$at/cgroup.controllers"); do
            echo "+$controller" >"$at/cgroup.subtree_control"
        done 2>/dev/null
        at=$at/$part
        mkdir -p "$at"
    done
    echo $$ >"$at/cgroup.procs" || exit 1
else
    for hierarchy in "$root"/*; do
        if [ -L "$hierarchy" ] || [ ! -f "$hierarchy/cgroup.procs" ]; then
            continue
        fi
        at=$hierarchy
        for part in $(echo "$group" | tr / ' '); do
            parent=$at
            at=$at/$part
            mkdir -p "$at"
            # A new group of cpuset is empty, and nothing can enter it.
            for file in cpuset.cpus cpuset.mems; do
                [ ! -f "$at/$file" ] || [ -n "$(cat "$at/$file")" ] || cat "$parent/$file" >"$at/$file"
            done
        done
        echo $$ >"$at/cgroup.procs" || exit 1
    done
fi
exec "$@"
