#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Builds the part of newlib that Slate uses, out of tree, from the tarball of Debian's newlib-source package:
# <out>/include and <out>/libc.a. The same tarball and flags give the same bits. Quiet; the log is <out>/build.log.
set -euo pipefail

usage() {
    echo "usage: CC=... AR=... NEWLIB_CFLAGS=... $0 <architecture> <out> [newlib-*.tar.xz]" >&2
    exit 2
}

[ $# -ge 2 ] || usage
arch=$1
out=$2
cc=${CC:-gcc}
ar=${AR:-ar}
here=$(cd "$(dirname "$0")" && pwd)

tarball=${3:-$(printf '%s\n' /usr/src/newlib/newlib-*.tar.* | sort -V | tail -n 1)}
if [ ! -e "$tarball" ]; then
    echo "newlib: $tarball is missing: install Debian's newlib-source package" >&2
    exit 1
fi

# A half-built folder is never left under the final name.
work=$out.tmp
rm -rf "$work" "$out"
mkdir -p "$work/src" "$work/obj" "$work/include"
work=$(cd "$work" && pwd)
log=$work/build.log

tar -xf "$tarball" -C "$work/src" --strip-components=1 --wildcards '*/newlib/libc' '*/newlib/newlib.hin'
libc=$work/src/newlib/libc
[ -d "$libc/machine/$arch" ] || { echo "newlib: $tarball has no machine/$arch" >&2; exit 1; }

cp -R "$libc/include/." "$work/include/"
cp "$here/newlib.h" "$work/include/newlib.h"

read -r -a cflags <<<"${NEWLIB_CFLAGS:--O2}"
cflags+=(-ffreestanding -w -isystem "$work/include" -I "$libc/machine/$arch" -I "$libc/stdio"
    -I "$libc/stdlib" -I "$libc/locale" -DINTERNAL_NEWLIB -DNO_FLOATING_POINT
    "-ffile-prefix-map=$work=newlib")

# One line a source: "path" or "path as NAME: flags" (see sources.txt).
objects=()
compile() {
    local line=$1 source name flags=()
    source=${line%% as *}
    source=${source/@MACHINE@/machine\/$arch}
    name=$(basename "${source%.*}")
    if [[ $line == *" as "* ]]; then
        name=${line##* as }
        read -r -a flags <<<"${name#*: }"
        name=${name%%:*}
    fi
    objects+=("$work/obj/$name.o")
    echo "$cc $source $name ${flags[*]}" >>"$log"
    "$cc" "${cflags[@]}" "${flags[@]}" -c "$libc/$source" -o "$work/obj/$name.o" >>"$log" 2>&1
}

while IFS= read -r line; do
    case $line in '' | '#'*) continue ;; esac
    if ! compile "$line"; then
        echo "newlib: cannot compile $line; the last lines of $log:" >&2
        tail -n 5 "$log" >&2
        exit 1
    fi
done <"$here/sources.txt"

"$ar" rcsD "$work/libc.a" "${objects[@]}"
rm -rf "$work/src" "$work/obj"
mv "$work" "$out"
