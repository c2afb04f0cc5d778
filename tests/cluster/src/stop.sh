#!/bin/sh
# Ends every process of this local cluster and removes its directory. Runs by itself when the owner of the cluster ends, or by hand.
{
    cd "$(dirname "$0")" || exit 1
    dir=$(pwd -P)

    # A process starts only after it has written its pid here: whoever has not done so yet fails from now on, and does not start.
    mv pids ended 2>/dev/null
    tries=20
    while [ "$tries" -gt 0 ] && [ -n "$(find ended -type f -size 0)" ]; do
        sleep 0.05
        tries=$((tries - 1))
    done

    # Prints the pids under the given directories that are alive and ours: a pid may have been given to a stranger meanwhile.
    alive() {
        for file in $(find "$@" -type f); do
            read -r pid <"$file" || continue
            kill -0 "$pid" 2>/dev/null || continue
            if [ -e /proc/self/environ ]; then
                case $(cat "/proc/$pid/stat" 2>/dev/null) in *') Z '* | '') continue ;; esac
                # Empty for a moment while a program replaces the shell that registered it.
                case $({ tr '\0' '\n' <"/proc/$pid/environ"; } 2>/dev/null) in
                '' | *"BERTH_CLUSTER=$dir"*) ;;
                *) continue ;;
                esac
            fi
            printf '%s\n' "$pid"
        done
    }

    # Each of them leads a process group; the group goes with it.
    signal() {
        name=$1
        shift
        for pid in $(alive "$@"); do
            kill -s "$name" -- "-$pid" 2>/dev/null
        done
    }

    # What tests started may say goodbye to an API server that still lives. The control plane's state is thrown away, and
    # kube-apiserver takes up to a minute to end politely.
    signal TERM ended/spawned
    tries=30
    while [ "$tries" -gt 0 ] && [ -n "$(alive ended/spawned)" ]; do
        sleep 0.1
        tries=$((tries - 1))
    done
    tries=50
    while [ "$tries" -gt 0 ] && [ -n "$(alive ended)" ]; do
        signal KILL ended
        sleep 0.1
        tries=$((tries - 1))
    done

    # Links of real nodes go with their namespaces; the control groups of their containers do not.
    name=${dir##*/}
    ip link del "$name" 2>/dev/null
    tries=50
    while [ "$tries" -gt 0 ]; do
        groups=$(find /sys/fs/cgroup -maxdepth 2 -type d -name "$name" 2>/dev/null)
        [ -z "$groups" ] && break
        find $groups -depth -type d -exec rmdir {} \; 2>/dev/null
        tries=$((tries - 1))
        sleep 0.1
    done

    # The volume provisioner makes its (always empty) directories outside of ours; the audit log knows which.
    cd /
    grep -ohE '/tmp/hostpath_pv/[0-9a-f-]{36}' "$dir/audit.log" 2>/dev/null | sort -u | while read -r volume; do
        rmdir "$volume" 2>/dev/null
    done
    rmdir /tmp/hostpath_pv 2>/dev/null

    rm -rf "$dir"
    exit 0
}
