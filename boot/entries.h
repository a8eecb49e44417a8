/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot entries: what a disk offers to boot. Read from the text files of the UAPI Group's Boot Loader Specification
 * (UAPI.1, "Type #1"), or described from a unified kernel image (boot/uki.h); sorted, named and looked up here.
 */
#ifndef SLATE_BOOT_ENTRIES_H
#define SLATE_BOOT_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct diag;

#define BOOT_ENTRY_FILE_MAX    65536u /* bytes of one entry file */
#define BOOT_ENTRY_INITRDS_MAX 16u
#define BOOT_ENTRIES_MAX       256u /* in one list */

/* The result of boot_entry_parse() for an entry that is sound but meant for another machine. */
#define BOOT_ENTRY_HIDDEN 1

/* The architecture of this machine in the words of the specification. */
#if defined(__x86_64__)
#define BOOT_ENTRY_ARCHITECTURE "x64"
#elif defined(__aarch64__)
#define BOOT_ENTRY_ARCHITECTURE "aa64"
#elif defined(__riscv) && __riscv_xlen == 64
#define BOOT_ENTRY_ARCHITECTURE "riscv64"
#else
#error "name this architecture as UEFI does"
#endif

/* No string is NULL: what is not given is "". All of them belong to the entry until boot_entry_free(). */
struct boot_entry {
    const char *id;     /* the file's name without suffix and boot counter */
    const char *suffix; /* ".conf" or ".efi" */
    const char *title;  /* may hold any bytes: what to show is boot_entries_label() */
    const char *version;
    const char *machine_id;
    const char *sort_key;
    const char *kernel;  /* path of the kernel or unified kernel image on the volume */
    const char *options; /* kernel command line; for a unified kernel image "" means its own */
    const char *initrd[BOOT_ENTRY_INITRDS_MAX]; /* paths, in order; beyond initrds: NULL */
    unsigned initrds;
    bool counted;        /* the name carries a boot counter, such as "+3-1" */
    unsigned tries_left; /* 0, if counted: every attempt to boot it has failed */
    unsigned tries_done;
    unsigned volume; /* the caller's: which volume the entry and its files are on */
    char *strings;   /* the memory of all strings */
};

/*
 * Reads the `size` bytes at `text`, the content of the entry file `name` (without its folder). On 0 the caller owns
 * `entry` and ends it with boot_entry_free(); otherwise there is nothing to free.
 * Returns BOOT_ENTRY_HIDDEN, after a note, when the entry is for another architecture or for UEFI only. Errors:
 * -BOOT_E_CONFIG (name or line cannot be understood, or a limit above is exceeded), -BOOT_E_NO_MEMORY.
 */
int boot_entry_parse(struct boot_entry *entry, const char *name, const char *text, size_t size,
                     struct diag *diag);

/*
 * Makes an entry of the facts about a unified kernel image: `name` is its file name, `path` its whole path; the
 * other strings may be "". All are copied. Errors: -BOOT_E_CONFIG (name), -BOOT_E_NO_MEMORY.
 */
int boot_entry_make(struct boot_entry *entry, const char *name, const char *path, const char *title,
                    const char *version, const char *sort_key, struct diag *diag);

void boot_entry_free(struct boot_entry *entry);

/* Whether a file name ends in `suffix` (".conf", ".efi"), in any case, with something before it. */
bool boot_entry_has_suffix(const char *name, const char *suffix);

/* A list that owns its entries. Starts as {0}. */
struct boot_entries {
    struct boot_entry *entry;
    unsigned count;
    unsigned room;
};

/*
 * Moves `entry` into the list; the caller's copy is void afterwards, whatever is returned.
 * Errors: -BOOT_E_CONFIG when the list is full, -BOOT_E_NO_MEMORY.
 */
int boot_entries_add(struct boot_entries *list, struct boot_entry *entry, struct diag *diag);

/* Puts the entries into the order of the specification ("Sorting"): the one to boot by default comes first. */
void boot_entries_sort(struct boot_entries *list);

/*
 * The index of the first entry whose id, with or without its suffix, fits the pattern (boot/config_text.h), or
 * list->count if there is none.
 */
unsigned boot_entries_find(const struct boot_entries *list, const char *pattern);

/*
 * Chooses the default. `wanted` is what the user asked for ("" for nothing) and must exist: otherwise
 * -BOOT_E_NO_ENTRY. `preferred` is what loader.conf asks for; without a match it costs a note. Otherwise the first
 * entry is chosen. An empty list is -BOOT_E_NO_ENTRY.
 */
int boot_entries_default(const struct boot_entries *list, const char *wanted, const char *preferred,
                         unsigned *index, struct diag *diag);

#define BOOT_ENTRY_LABEL_MAX 256u /* bytes, terminator included */

/*
 * Writes how to show an entry to a person, on at most `columns` columns: its title, made longer by version and id as
 * far as other entries of the list have the same; always printable. `label` has BOOT_ENTRY_LABEL_MAX bytes.
 */
void boot_entries_label(const struct boot_entries *list, unsigned index, unsigned columns,
                        char *label);

void boot_entries_free(struct boot_entries *list);

#endif
