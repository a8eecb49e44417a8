/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ways into the payload: PVH (Xen's x86/HVM direct boot ABI) and Linux's 32-bit and 64-bit boot
 * protocols. Each fills `entry_state`, comes down to 32-bit mode without paging, and calls
 * payload_main().
 */

#define CODE32 0x08
#define DATA32 0x10
#define EFER 0xc0000080

/* Exit value when boot_params lies where 32-bit code cannot read it. */
#define DEBUG_EXIT 0xf4
#define OUT_OF_REACH 0x72

/* Offsets in struct entry_state of main.c. */
#define PROTOCOL entry_state
#define INFO entry_state + 4
#define FLAGS entry_state + 8
#define CR0 entry_state + 12
#define SEGMENTS entry_state + 16
#define LOADED entry_state + 24

    .section .note.xen, "a"
    .align 4
    .long 4, 4, 18 /* name and value sizes, XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long pvh_entry

    /* Linux's protocols enter at the first byte, and 64-bit loaders at 0x200. */
    .section .head, "ax"
    .code32
    .globl linux_entry
linux_entry:
    movl $1, PROTOCOL
    movl %esi, INFO
    jmp enter32

pvh_entry:
    movl $0, PROTOCOL
    movl %ebx, INFO
enter32:
    mov $stack_top, %esp
    pushf
    popl FLAGS
    mov %cr0, %eax
    mov %eax, CR0
enter:
    cld
    call payload_main
    hlt

    .org 0x200
    .code64
linux_entry64:
    /* A kernel that is not relocatable moves itself to its address, wherever it was loaded. */
    mov %rsi, %rbx
    lea linux_entry(%rip), %rsi
    mov %esi, %ebp
    mov $image_start, %edi
    cmp %rdi, %rsi
    je in_place
    mov $image_end, %ecx
    sub %edi, %ecx
    cld
    rep movsb
in_place:
    mov $at_home, %eax
    jmp *%rax
at_home:
    mov %ebp, LOADED(%rip)
    mov %rbx, %rax
    shr $32, %rax
    jnz out_of_reach
    movl $2, PROTOCOL(%rip)
    mov %ebx, INFO(%rip)
    lea stack_top(%rip), %rsp
    pushf
    pop %rax
    mov %eax, FLAGS(%rip)
    mov %cr0, %rax
    mov %eax, CR0(%rip)
    mov %cs, SEGMENTS(%rip)
    mov %ds, SEGMENTS + 2(%rip)
    mov %es, SEGMENTS + 4(%rip)
    mov %ss, SEGMENTS + 6(%rip)
    lgdt gdt_pointer(%rip)
    lea compatibility(%rip), %rax
    pushq $CODE32
    push %rax
    lretq
out_of_reach:
    mov $OUT_OF_REACH, %al
    out %al, $DEBUG_EXIT
    hlt

    /* Paging and then long mode off: from here on every address is what it says. */
    .code32
compatibility:
    mov $DATA32, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov %cr0, %eax
    and $0x7fffffff, %eax
    mov %eax, %cr0
    mov $EFER, %ecx
    rdmsr
    and $~0x100, %eax
    wrmsr
    jmp enter

    .section .rodata
    .align 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff
    .quad 0x00cf93000000ffff
gdt_pointer:
    .word . - gdt - 1
    .long gdt, 0

    .bss
    .align 16
    .skip 4096
stack_top:

    .section .note.GNU-stack, "", @progbits
