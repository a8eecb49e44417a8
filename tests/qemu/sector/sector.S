/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The smallest OS that a PC BIOS boots: a boot sector that reads its disk through INT 13h AH=42h, then says on the UART that
 * it has the machine, and ends it.
 */
#define READS 16
#define SECTORS 64 /* of 512 bytes each */
#define BUFFER_SEGMENT 0x1000
#define UART 0x3f8
#define UART_LINE_STATUS (UART + 5)
#define UART_CAN_SEND 0x20
#define EXIT_PORT 0xf4
#define EXIT_DONE 0x70
#define EXIT_FAILED 0x71

    .code16
    .section .text
    .globl _start
_start:
    ljmp $0, $1f
1:  xor %ax, %ax
    mov %ax, %ds
    mov %ax, %ss
    mov $0x7c00, %sp
    sti
    cld
    mov $READS, %cx
next_read:
    push %cx
    push %dx
    mov $packet, %si
    mov $0x42, %ah
    int $0x13
    mov $EXIT_FAILED, %al
    jc leave
    addw $SECTORS, packet_first
    pop %dx
    pop %cx
    loop next_read

    mov $said, %si
next_character:
    mov $UART_LINE_STATUS, %dx
1:  in %dx, %al
    test $UART_CAN_SEND, %al
    jz 1b
    lodsb
    test %al, %al
    jz 2f
    mov $UART, %dx
    out %al, %dx
    jmp next_character
2:  mov $EXIT_DONE, %al
leave:
    mov $EXIT_PORT, %dx
    out %al, %dx
1:  hlt
    jmp 1b

said:
    .asciz "sector: entered\r\n"

    .balign 4
packet:
    .byte 16, 0
    .word SECTORS
    .word 0, BUFFER_SEGMENT
packet_first:
    .quad 0

    .org 510
    .word 0xaa55
