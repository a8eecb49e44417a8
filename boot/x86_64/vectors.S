/* SPDX-License-Identifier: BSD-2-Clause */
/* The 32 exception vectors: each leaves its number and an error code on the stack and calls x86_exception(). */

    .text
    .balign 16
    .globl x86_vectors
x86_vectors:
    .set vector, 0
    .rept 32
    .balign 16 /* exceptions.c counts on this distance */
    /* 8, 10 to 14, 17, 21, 29 and 30 come with an error code (Intel SDM volume 3, table 6-1; AMD APM volume 2, 8.2). */
    .ifeq (1 << vector) & 0x60227d00
    pushq $0
    .endif
    pushq $vector
    jmp exception
    .set vector, vector + 1
    .endr

exception:
    cld
    movq %rsp, %rdi
    movq %cr2, %rsi
    andq $-16, %rsp
    call x86_exception
    ud2 /* x86_exception does not return */

    .section .note.GNU-stack, "", @progbits
