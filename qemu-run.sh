#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Boots a disk under QEMU through Slate: the demo (Debian's own kernel on a disk made for it), or one of yours.
# Installs the packages that are missing and builds what is out of date first.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
    cat <<'END'
usage: ./qemu-run.sh [OPTION...] [-- QEMU-ARGUMENT...]

Boots the demo disk under QEMU through Slate. With a terminal on stdin you get
Linux's console and a shell (Ctrl-A X ends QEMU, Ctrl-A C is its monitor).
Without one the guest checks its disk and powers off.

Disk
  --disk FILE        boot this image instead of the demo disk; raw, qcow2, vmdk,
                     vdi and vhdx are told apart
  --format FORMAT    the image's format, in QEMU's words, instead of looking
  --block-size N     logical block size the disk shows: 512 (default) or 4096
  --write            keep what the guest writes; otherwise it is dropped at the
                     end, and the image stays as it is
  --read-only        show the guest a disk that cannot be written

Machine
  --machine TYPE     q35 (default) or pc
  --memory MIB       512 by default; 4G is understood too
  --cpus N           1 by default
  --accel WHAT       auto (default: KVM where the CPU really has it, else TCG),
                     tcg or kvm
  --console WHERE    uart (default), or virtio: there is no UART then, Slate and
                     Linux speak through a virtio console
  --arch ARCH        x86_64, the only one so far

Slate (docs/boot-configuration.md)
  --append TEXT      add to the kernel's command line
  --handoff strict   refuse to boot if a device does not reset
  --set KEY=VALUE    any setting, such as entry=debian* or log=debug

Looking inside
  --gdb              wait for a debugger on port 1234 before the first instruction
  --trace FILE       write every access of a virtio register and every write of
                     PCI configuration space to FILE
  --timeline FILE    draw the life of each device, from the first instruction to
                     the OS's, as SVG to FILE (see build/host/launcher timeline)
  --print-command    print the QEMU command and do nothing (also --dry-run)

Other
  --timeout SECONDS  give up after that long, 0 is never; by default never with a
                     terminal, and after 120 without one
  -h, --help         this text

Exit status
  0      the guest powered off (the demo without a terminal: and it had printed
         "slate-demo: OK")
  16...  Slate could not boot: its own code, which is explained; boot/error.h has
         them all (16 is NO_DISK)
  124    it took longer than --timeout
  2      the options make no sense
  1      anything else
END
}

bold='' plain=''
if [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\e[1m' plain=$'\e[0m'
fi
say() { printf '%sqemu-run:%s %s\n' "$bold" "$plain" "$*" >&2; }
fail() {
    say "$*"
    exit 1
}
misuse() {
    say "$* (--help explains)"
    exit 2
}

disk='' format='' block_size=512 keep_writes='' read_only=''
machine=q35 memory=512 cpus=1 accel=auto console=uart
append='' gdb='' trace='' timeline='' print='' timeout=''
settings=() extra=()

while [ $# -gt 0 ]; do
    option=$1
    shift
    case $option in
    --disk | --format | --block-size | --machine | --memory | --cpus | --accel | --console | --arch | --append | \
        --handoff | --set | --trace | --timeline | --timeout)
        [ $# -gt 0 ] || misuse "$option needs a value"
        value=$1
        shift
        ;;
    esac
    case $option in
    --disk) disk=$value ;;
    --format) format=$value ;;
    --block-size) block_size=$value ;;
    --write) keep_writes=yes ;;
    --read-only) read_only=yes ;;
    --machine) machine=$value ;;
    --memory) memory=$value ;;
    --cpus) cpus=$value ;;
    --accel) accel=$value ;;
    --console) console=$value ;;
    --arch) [ "$value" = x86_64 ] || misuse "--arch $value: Slate runs on x86_64 only so far" ;;
    --append) append="${append:+$append }$value" ;;
    --handoff) settings+=("handoff=$value") ;;
    --set)
        [[ $value == ?*=* ]] || misuse "--set $value: expected KEY=VALUE"
        if [[ $value == append=* ]]; then
            append="${append:+$append }${value#append=}"
        else
            settings+=("$value")
        fi
        ;;
    --gdb) gdb=yes ;;
    --trace) trace=$value ;;
    --timeline) timeline=$value ;;
    --print-command | --dry-run) print=yes ;;
    --timeout) timeout=$value ;;
    -h | --help) usage && exit 0 ;;
    --) extra=("$@") && break ;;
    *) misuse "unknown option $option" ;;
    esac
done

is_number() { [[ $1 =~ ^[0-9]{1,9}$ ]]; }
[[ $machine =~ ^(q35|pc)$ ]] || misuse "--machine $machine: expected q35 or pc"
[[ "$accel" =~ ^(auto|tcg|kvm)$ ]] || misuse "--accel $accel: expected auto, tcg or kvm"
[[ "$console" =~ ^(uart|virtio)$ ]] || misuse "--console $console: expected uart or virtio"
[[ $block_size =~ ^(512|4096)$ ]] || misuse "--block-size $block_size: expected 512 or 4096"
[[ $memory =~ ^[0-9]{1,9}[MG]?$ ]] || misuse "--memory $memory: expected a number of MiB, or one with M or G"
is_number "$cpus" || misuse "--cpus $cpus: expected a number"
is_number "${timeout:-0}" || misuse "--timeout $timeout: expected a number of seconds"
[ -z "$keep_writes$format$read_only${block_size#512}" ] || [ -n "$disk" ] ||
    misuse "--write, --read-only, --format and --block-size need --disk"
[ -z "$keep_writes" ] || [ -z "$read_only" ] || misuse "--write and --read-only exclude each other"

interactive=''
[ ! -t 0 ] || interactive=yes
[ -n "$timeout" ] || { [ -n "$interactive" ] && timeout=0 || timeout=120; }

# ---- What to boot ----------------------------------------------------------------------------------------------------

# The format of a disk image by its first bytes. Anything unknown is raw.
image_format() {
    case $(head -c 8 -- "$1" | od -An -tx1 | tr -d ' \n') in
    514649fb*) echo qcow2 ;;
    4b444d56*) echo vmdk ;;
    7668647866696c65) echo vhdx ;;
    *) [ "$(od -An -tx4 -j 64 -N 4 -- "$1" 2>/dev/null | tr -d ' ')" = beda107f ] && echo vdi || echo raw ;;
    esac
}

demo=''
if [ -z "$disk" ]; then
    demo=yes disk=$root/build/x86_64/demo/disk.img format=raw
    # The words for Linux: who looks on decides what the demo does after its checks.
    [ -n "$interactive" ] || append="${append:+$append }slate.demo=poweroff"
    [ "$console" = uart ] || append="${append:+$append }console=hvc0"
else
    [ -r "$disk" ] || fail "$disk cannot be read"
    [ ! -d "$disk" ] || fail "$disk is a folder, not a disk image"
    [ -n "$format" ] || format=$(image_format "$disk")
fi
[ -z "$append" ] || settings+=("append=$append")

# KVM is real where the device can be opened and the CPU has virtualisation; elsewhere it may be emulated, and slow.
kvm_is_real() { [ -r /dev/kvm ] && [ -w /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo; }
if [ "$accel" = auto ]; then
    accel=tcg
    ! kvm_is_real || accel=kvm
elif [ "$accel" = kvm ] && ! kvm_is_real; then
    say "KVM does not look usable on this machine (no access to /dev/kvm, or a CPU without vmx and svm); trying it"
fi

# ---- The command -----------------------------------------------------------------------------------------------------

comma() { printf '%s' "${1//,/,,}"; } # QEMU's way to write a comma in a value

drive="if=none,id=disk0,format=$format,file=$(comma "$disk")"
[ -z "$read_only" ] || drive+=,read-only=on
[ -n "$keep_writes$read_only" ] || drive+=,snapshot=on

qemu=(qemu-system-x86_64 -machine "$machine,accel=$accel" -m "$memory" -smp "$cpus")
[ "$accel" = tcg ] || qemu+=(-cpu max)
qemu+=(-nodefaults -no-user-config -display none -no-reboot
    -device "isa-debug-exit,iobase=0xf4,iosize=0x04"
    -kernel "$root/build/x86_64/slate.elf"
    -drive "$drive"
    -device "virtio-blk-pci,drive=disk0,logical_block_size=$block_size,physical_block_size=$block_size"
    -netdev "user,id=net0" -device "virtio-net-pci,netdev=net0,romfile="
    -device virtio-rng-pci -device virtio-balloon-pci)
if [ -n "$interactive" ]; then
    qemu+=(-chardev "stdio,id=terminal,mux=on,signal=off" -mon chardev=terminal)
else
    qemu+=(-chardev "stdio,id=terminal")
fi
if [ "$console" = uart ]; then
    qemu+=(-serial chardev:terminal)
else
    qemu+=(-device virtio-serial-pci -device "virtconsole,chardev=terminal")
fi
for setting in "${settings[@]}"; do
    qemu+=(-fw_cfg "name=opt/slate/${setting%%=*},string=$(comma "${setting#*=}")")
done
[ -z "$gdb" ] || qemu+=(-gdb tcp:127.0.0.1:1234 -S)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# QEMU's log has a line for every access of every device; the lines of virtio are picked out as they come. A timeline has times
# and requests as well.
lines="pci_cfg_write|name '(virtio-|ioport80)"
events=(memory_region_ops_read memory_region_ops_write pci_cfg_write)
if [ -n "$timeline" ]; then
    [ -n "$trace" ] || { [ -n "$print" ] && trace=$timeline.trace || trace=$work/trace; }
    lines+="|virtio_set_status|virtio_queue_notify|virtqueue_"
    events+=(virtio_set_status virtio_queue_notify virtqueue_pop virtqueue_fill)
    qemu+=(-msg timestamp=on)
fi
if [ -n "$trace" ]; then
    log=$work/log
    [ -z "$print" ] || log=$trace
    qemu+=(-D "$log")
    for event in "${events[@]}"; do
        qemu+=(-trace "enable=$event")
    done
    for kind in blk net serial scsi rng; do # notifications by eventfd are not traced
        qemu+=(-global "virtio-$kind-pci.ioeventfd=off")
    done
fi
qemu+=("${extra[@]}")

if [ -n "$print" ]; then
    for word in "${qemu[@]}"; do
        [[ $word =~ ^[A-Za-z0-9_@%+=:,./-]+$ ]] || word=$(printf '%q' "$word")
        printf '%s ' "$word"
    done
    echo
    exit 0
fi

# ---- Install, build, run ---------------------------------------------------------------------------------------------

"$root/tools/install-packages" build run
make -s -C "$root" build/x86_64/slate.elf ${timeline:+build/host/launcher} >&2
[ -z "$demo" ] || "$root/tools/demo/make_demo.py" "$root/build/x86_64/demo"

if [ -n "$trace" ]; then
    mkfifo "$log"
    grep -aE "$lines" <"$log" >"$trace" &
    filter=$!
fi

[ -z "$gdb" ] || say "waiting for: gdb $root/build/x86_64/slate.elf -ex 'target remote :1234'"
[ -z "$interactive" ] || say "Ctrl-A X ends QEMU"
command=("${qemu[@]}")
[ "$timeout" = 0 ] || command=(timeout --foreground -k 5 "$timeout" "${qemu[@]}")

status=0
if [ -n "$interactive" ]; then
    "${command[@]}" || status=$?
else
    "${command[@]}" </dev/null | tee "$work/console" || status=${PIPESTATUS[0]}
fi

if [ -n "$trace" ]; then
    : <>"$log" # if QEMU never opened its end
    wait "$filter" || true
    [ "$trace" = "$work/trace" ] || say "$(wc -l <"$trace") accesses are in $trace"
fi
if [ -n "$timeline" ]; then
    title="QEMU $machine, SeaBIOS, then Slate, then the OS of ${disk##*/}"
    [ -z "$demo" ] || title="QEMU $machine: SeaBIOS, then Slate, which boots Debian's kernel from the disk"
    "$root/build/host/launcher" timeline "$trace" --svg "$timeline" --title "$title" ||
        fail "the timeline could not be drawn"
    say "the timeline is in $timeline"
fi

# ---- How it ended ----------------------------------------------------------------------------------------------------

# isa-debug-exit makes 2v+1 of the value v that Slate ends with; the table in boot/error.h says what v means.
explain() {
    sed -n "s/^ *X(\([A-Z_]*\), *$(printf '0x%02x' "$1"), *\"\(.*\)\").*/\1: \2/p" "$root/boot/error.h"
}

case $status in
0)
    if [ -n "$demo" ] && [ -z "$interactive" ] && ! tr -d '\r' <"$work/console" | grep -qx 'slate-demo: OK'; then
        fail "the guest powered off, but it did not print 'slate-demo: OK'"
    fi
    ;;
124 | 137)
    say "ended after $timeout seconds (--timeout)"
    exit 124
    ;;
*)
    code=$((status >> 1))
    if [ $((status & 1)) = 1 ] && reason=$(explain $code) && [ -n "$reason" ]; then
        say "Slate could not boot: exit code $code, $reason"
        exit $code
    fi
    fail "QEMU ended with status $status"
    ;;
esac
