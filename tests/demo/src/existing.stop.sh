#!/bin/sh
# Ends the operator of the lesson and removes what the lesson has put on the cluster. Runs by itself when the lesson ends,
# however it ends, or by hand.
dir=$(dirname "$0")
if read -r pid <"$dir/operator.pid"; then
    # The pid may have been given to a stranger meanwhile.
    arguments=$(ps -o args= -p "$pid" || tr '\0' ' ' <"/proc/$pid/cmdline")
    case $arguments in *"$dir/"*) kill "$pid" ;; esac
fi 2>/dev/null
sh "$dir/undo" >"$dir/undo.log" 2>&1
rm -rf "$dir"
