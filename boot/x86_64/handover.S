/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last instructions of Slate: into Linux by its 64-bit boot protocol, or back to 32-bit mode and into a PVH image.
 * Both mark the moment on port 0x80 and leave no interrupt table behind: a fault from here on is the OS's own.
 */

#define CR0_PE         (1 << 0)
#define MSR_EFER       0xc0000080
#define PORT_MARKER    0x80
#define MARKER_HANDOFF 0x52

    .text
    .code64

    /* _Noreturn void x86_enter_linux(uint64_t entry, uint64_t boot_params) */
    .globl x86_enter_linux
x86_enter_linux:
    cli
    cld
    lidt no_idt(%rip)
    leaq early_pml4(%rip), %rax
    movq %rax, %cr3
    movq %rdi, %rcx /* the entry; rsi is where Linux expects boot_params */
    xorl %ebx, %ebx
    xorl %edi, %edi
    xorl %ebp, %ebp
    movb $MARKER_HANDOFF, %al
    outb %al, $PORT_MARKER
    jmp *%rcx

    /* _Noreturn void x86_enter_pvh(uint32_t entry, uint32_t start_info) */
    .globl x86_enter_pvh
x86_enter_pvh:
    cli
    cld
    lidt no_idt(%rip)
    leaq early_pml4(%rip), %rax
    movq %rax, %cr3
    movl %edi, %ebp
    movl %esi, %ebx
    leaq compatibility(%rip), %rax
    pushq $0x08
    pushq %rax
    lretq

    .code32
compatibility:
    movl $CR0_PE, %eax /* paging off leaves long mode */
    movl %eax, %cr0
    movl $MSR_EFER, %ecx
    xorl %eax, %eax
    xorl %edx, %edx
    wrmsr
    movl %eax, %cr4
    movl %eax, %cr3
    movl $0x18, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl %eax, %ss
    movl $0x30, %eax
    ltr %ax
    movb $MARKER_HANDOFF, %al
    outb %al, $PORT_MARKER
    jmp *%ebp

    .section .rodata, "a", @progbits
    .balign 2
no_idt:
    .word 0
    .quad 0

    .section .note.GNU-stack, "", @progbits
