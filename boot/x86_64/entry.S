/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the virtual machine monitor's jump to the first line of C: the PVH entry point (Xen's docs/misc/pvh.pandoc),
 * 32-bit protected mode without paging, to long mode with the first 4 GiB mapped one to one.
 */

#define CR0_PE        (1 << 0)
#define CR0_WP        (1 << 16)
#define CR0_PG        (1 << 31)
#define CR4_PAE       (1 << 5)
#define MSR_EFER      0xc0000080
#define EFER_LME      (1 << 8)
#define EFLAGS_ID     (1 << 21)
#define CPUID_EXT_MAX 0x80000000
#define CPUID_EXT     0x80000001
#define CPUID_EXT_LM  (1 << 29)

#define PAGE_TABLE    0x03 /* present, writable */
#define PAGE_2M       0x83 /* present, writable, large */

#define PORT_MARKER   0x80
#define MARKER_ENTRY  0x51
#define PORT_UART     0x3f8
#define PORT_EXIT     0xf4
#define EXIT_PLATFORM 0x21 /* BOOT_EXIT_PLATFORM of boot/error.h */

    /* XEN_ELFNOTE_PHYS32_ENTRY: where a loader enters us. */
    .section .note.Xen, "a", @note
    .balign 4
    .long 4 /* length of the name */
    .long 4 /* length of the address */
    .long 18
    .asciz "Xen"
    .long pvh_entry

    .section .text.entry, "ax", @progbits
    .code32
    .globl pvh_entry
pvh_entry:
    /* Nothing comes before the marker: whoever traces the machine starts reading here. */
    movb $MARKER_ENTRY, %al
    outb %al, $PORT_MARKER
    cli
    cld
    movl %ebx, %ebp /* physical address of the start info */

    /* The stack lies outside bss; no return address is on it yet. */
    movl $stack_top, %esp
    xorl %eax, %eax
    movl $bss_start, %edi
    movl $bss_end, %ecx
    subl %edi, %ecx
    shrl $2, %ecx
    rep stosl

    /* CPUID exists if its flag can be changed. */
    pushfl
    popl %eax
    movl %eax, %ecx
    xorl $EFLAGS_ID, %eax
    pushl %eax
    popfl
    pushfl
    popl %eax
    pushl %ecx
    popfl
    xorl %ecx, %eax
    testl $EFLAGS_ID, %eax
    jz no_long_mode
    movl $CPUID_EXT_MAX, %eax
    cpuid
    cmpl $CPUID_EXT, %eax
    jb no_long_mode
    movl $CPUID_EXT, %eax
    cpuid
    testl $CPUID_EXT_LM, %edx
    jz no_long_mode

    /* 4 GiB in pages of 2 MiB, which every 64-bit CPU has; bss was cleared, so upper halves and gaps are 0. */
    movl $early_pd, %edi
    movl $PAGE_2M, %eax
    movl $2048, %ecx
1:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    decl %ecx
    jnz 1b
    movl $early_pd + PAGE_TABLE, %eax
    movl $early_pdpt, %edi
    movl $4, %ecx
1:  movl %eax, (%edi)
    addl $4096, %eax
    addl $8, %edi
    decl %ecx
    jnz 1b
    movl $early_pdpt + PAGE_TABLE, early_pml4

    movl $CR4_PAE, %eax
    movl %eax, %cr4
    movl $early_pml4, %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_LME, %eax
    wrmsr
    movl $(CR0_PG | CR0_WP | CR0_PE), %eax
    movl %eax, %cr0
    lgdt gdt_pointer
    ljmp $0x10, $long_mode

    .code64
long_mode:
    movl $0x18, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movl $stack_top, %esp
    movl %ebp, %edi
    xorl %ebp, %ebp /* the end of the chain of frames, for debuggers */
    call x86_start
    ud2 /* x86_start does not return */

    .code32
    /* Says why, at the pace of the UART but never for ever, and ends the machine. */
no_long_mode:
    movl $no_long_mode_text, %esi
1:  movl $1000000, %ecx
2:  movw $(PORT_UART + 5), %dx
    inb %dx, %al
    testb $0x20, %al /* transmitter empty; all ones where there is no UART */
    jnz 3f
    decl %ecx
    jnz 2b
    jmp 4f
3:  lodsb
    testb %al, %al
    jz 4f
    movw $PORT_UART, %dx
    outb %al, %dx
    jmp 1b
4:  movb $EXIT_PLATFORM, %al
    outb %al, $PORT_EXIT
5:  cli
    hlt
    jmp 5b

    .section .rodata, "a", @progbits
no_long_mode_text:
    .asciz "slate: error: the processor has no 64-bit mode; choose one that does (-cpu qemu64)\r\n"

    /*
     * Flat segments. 0x10 and 0x18 are where Linux' 64-bit boot protocol wants code and data; 0x08 and 0x30 serve the
     * way back to 32-bit mode (handover.S). In .data because loading a task register marks its descriptor.
     */
    .data
    .balign 16
    .globl gdt, gdt_pointer
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff /* 0x08: 32-bit code */
    .quad 0x00af9b000000ffff /* 0x10: 64-bit code */
    .quad 0x00cf93000000ffff /* 0x18: data */
    .quad 0, 0               /* 0x20: 64-bit task state, filled in by exceptions.c */
    .quad 0x0000890000000067 /* 0x30: 32-bit task state at 0, as the PVH ABI has it */
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .quad gdt

    /* The first page tables; later the ones that the OS is entered with, since they make all of 4 GiB executable. */
    .bss
    .balign 4096
    .globl early_pml4
early_pml4:
    .skip 4096
early_pdpt:
    .skip 4096
early_pd:
    .skip 4 * 4096

    .section .note.GNU-stack, "", @progbits
