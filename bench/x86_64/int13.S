/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot sector that reads the disk it was started from through the BIOS's own interface, INT 13h
 * AH=42h, in loops between marker instructions.
 */
#include "marker.h"

#define BUFFER_SEGMENT 0x1000 /* 64 KiB that no 64 KiB boundary cuts */

/* The address size prefix makes the displacement 32 bits wide in 16-bit code. */
.macro bench_marker16 number
    .byte 0x67, 0x0f, 0x1f, 0x80
    .short \number, BENCH_MAGIC
.endm

    .code16
    .section .text
    .globl _start
_start:
    ljmp $0, $1f
1:  xor %ax, %ax
    mov %ax, %ds
    mov %ax, %ss
    mov $0x7c00, %sp
    mov %dl, drive
    sti
    cld

    mov $1, %cx /* one read first: what only the first one does is not counted */
    movw $8, packet_sectors
    call read_loop

    mov $BENCH_READS, %cx
    bench_marker16 BENCH_BEGIN_4K
    call read_loop
    bench_marker16 BENCH_END_4K
    call check

    movw $128, packet_sectors
    mov $BENCH_READS, %cx
    bench_marker16 BENCH_BEGIN_64K
    call read_loop
    bench_marker16 BENCH_END_64K
    call check

    xor %di, %di
    mov $BUFFER_SEGMENT, %ax
    mov %ax, %es
    mov $3, %cx
    bench_marker16 BENCH_BEGIN_TEST
    nop
    nop
    rep stosb
    nop
    nop
    bench_marker16 BENCH_END_TEST
    bench_marker16 BENCH_DONE
1:  hlt
    jmp 1b

/* CX reads of packet_sectors sectors each, one after the other on the disk. */
read_loop:
    mov $packet, %si
    mov drive, %dl
    mov $0x42, %ah
    int $0x13
    jc failed
    mov packet_sectors, %ax
    add %ax, packet_lba
    adcw $0, packet_lba + 2
    dec %cx
    jnz read_loop
    ret

/* The buffer's first sector has to carry the number of the first sector read last. */
check:
    push %es
    mov $BUFFER_SEGMENT, %ax
    mov %ax, %es
    movzwl packet_sectors, %eax
    mov packet_lba, %ebx
    sub %eax, %ebx
    cmp %es:0, %ebx
    pop %es
    jne failed
    ret

failed:
    bench_marker16 BENCH_FAILED
1:  hlt
    jmp 1b

drive:
    .byte 0
    .balign 4
packet: /* disk address packet */
    .byte 16, 0
packet_sectors:
    .short 0
    .short 0, BUFFER_SEGMENT
packet_lba:
    .long BENCH_FIRST_SECTOR, 0

    .org 510
    .short 0xaa55
