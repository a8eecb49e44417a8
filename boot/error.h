/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every reason why a boot can fail: the code, the value that the virtual machine exits with, and a sentence.
 * The virtio core has codes of its own (virtio/virtio.h); these continue below them, so that one int carries either.
 */
#ifndef SLATE_BOOT_ERROR_H
#define SLATE_BOOT_ERROR_H

/*
 * name, exit value v (isa-debug-exit makes QEMU's exit status (v << 1) | 1), sentence.
 * Exit values are an interface: scripts test them. Append, never renumber.
 */
#define BOOT_ERRORS(X)                                                                             \
    X(NO_DISK, 0x10, "no virtio disk was found")                                                   \
    X(EMPTY_DISK, 0x11, "the disk has no partition table")                                         \
    X(GPT, 0x12, "both copies of the GUID partition table are damaged")                            \
    X(PARTITION, 0x13, "a partition does not fit the disk")                                        \
    X(NO_VOLUME, 0x14, "the disk has no EFI system partition and no XBOOTLDR partition")           \
    X(FAT, 0x15, "the FAT file system is damaged")                                                 \
    X(NO_ENTRY, 0x16, "there is nothing to boot on the disk")                                      \
    X(NOT_FOUND, 0x17, "a file is missing")                                                        \
    X(NOT_KERNEL, 0x18, "the file is not an image that can be booted")                             \
    X(TRUNCATED, 0x19, "a file is shorter than it says")                                           \
    X(NO_MEMORY, 0x1a, "there is not enough memory")                                               \
    X(IO, 0x1b, "the disk reported an I/O error")                                                  \
    X(TIMEOUT, 0x1c, "the disk did not answer in time")                                            \
    X(DEVICE, 0x1d, "the device broke the virtio protocol")                                        \
    X(STUCK, 0x1e, "a device did not complete its reset")                                          \
    X(NEEDS_UEFI, 0x1f, "the image needs UEFI boot services")                                      \
    X(CONFIG, 0x20, "a setting or a boot entry cannot be understood")                              \
    X(PLATFORM, 0x21, "the machine lacks something that is needed")                                \
    X(EXCEPTION, 0x22, "the processor raised an exception")

enum boot_error_exit {
#define X(name, exit, text) BOOT_EXIT_##name = (exit),
    BOOT_ERRORS(X)
#undef X
};

/* Functions of boot/ return 0 or one of these, negated: return -BOOT_E_FAT. */
enum boot_error {
    BOOT_E_FIRST = 0x100, /* above every code of enum virtio_error */
#define X(name, exit, text) BOOT_E_##name,
    BOOT_ERRORS(X)
#undef X
};

/* The name ("FAT") of a negated boot or virtio error code; never NULL. The sentences are for qemu-run.sh. */
const char *boot_error_name(int error);

/* The boot error that stands for a negated error of the virtio core; a boot error stands for itself. */
int boot_error_of(int error);

/* The value to exit the virtual machine with for a negated boot or virtio error code. */
int boot_error_exit(int error);

#endif
