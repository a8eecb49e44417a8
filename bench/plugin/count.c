/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QEMU plugin that counts the instructions a guest executes between marks, and that holds the guest
 * at each virtio notification until the host has had time to complete the request.
 *
 * A mark is a line in QEMU's log (`-d plugin`), so that it stands in order among QEMU's own trace
 * events. Two things make one:
 *
 *   - the first execution of a block of code whose first bytes are those given with
 *     `mark=NAME:HEX`: the entry point of a kernel or of Slate, wherever it was loaded;
 *   - a marker instruction in a program written for these measurements (see x86_64/marker.h).
 *
 * Counted apart, so that each figure can be left out by who reads them:
 *
 *   insns    instructions; a repeated string instruction is one, as a processor counts it
 *   rounds   further rounds of repeated string instructions
 *   waits    those of `insns` that waited: all up to a port input or time stamp instruction that was
 *            last executed fewer than WAIT_LOOP instructions ago, with no port output since
 *
 * Further arguments: `notify=NAME` is the memory region whose writes are notifications (default
 * virtio-pci-notify-virtio-blk), `stop=US` the microseconds to hold the guest after each.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "qemu_plugin.h"

#define MAX_MARKS     8
#define MAX_SIGNATURE 64
#define PAGE          4096u
#define WAIT_LOOP     1024
#define LOOKS         64
#define MARKER_MAGIC  0x51a7u /* the upper half of a marker's displacement */

struct mark {
    char name[24];
    uint8_t bytes[MAX_SIGNATURE];
    size_t len;
};

static struct mark marks[MAX_MARKS];
static size_t n_marks;
static char notify_region[64] = "virtio-pci-notify-virtio-blk";
static unsigned long stop_us;

/* One guest CPU, so plain counters are exact. */
static uint64_t insns;
static uint64_t rounds;
static uint64_t waits;

/* The last execution of a repeated string instruction: where, and the count at that time. */
static uint64_t string_at;
static uint64_t string_insns = UINT64_MAX;

/*
 * The last execution of each instruction that a wait could poll with, by a hash of its address (two
 * at one place hide each other's waits, no more), of any of them, and of a port output.
 */
struct look {
    uint64_t at, insns;
};

static struct look looks[LOOKS];
static uint64_t last_look;
static uint64_t last_output;

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_API;

static void say(const char *kind, const char *name)
{
    char line[160];

    (void)snprintf(line, sizeof(line),
                   "bench: %s %s insns=%" PRIu64 " rounds=%" PRIu64 " waits=%" PRIu64 "\n", kind,
                   name, insns, rounds, waits);
    qemu_plugin_outs(line);
}

static void on_mark(unsigned vcpu, void *opaque)
{
    const struct mark *mark = opaque;

    (void)vcpu;
    say("mark", mark->name);
}

static void on_marker(unsigned vcpu, void *opaque)
{
    char number[8];

    (void)vcpu;
    (void)snprintf(number, sizeof(number), "%u", (unsigned)(uintptr_t)opaque);
    say("marker", number);
}

/*
 * TCG executes each round of a repeated string instruction as a block of its own. A round that
 * follows one at the same address with no other instruction between is not a new instruction.
 */
static void on_string_round(unsigned vcpu, void *opaque)
{
    uint64_t at = (uint64_t)(uintptr_t)opaque;

    (void)vcpu;
    if (at == string_at && insns == string_insns) {
        rounds++;
        return;
    }
    string_at = at;
    string_insns = ++insns;
}

/* A further look of a wait, when the same instruction was executed a moment ago. */
static void on_look(unsigned vcpu, void *opaque)
{
    uint64_t at = (uint64_t)(uintptr_t)opaque;
    struct look *look = &looks[(at ^ at >> 6) % LOOKS];

    (void)vcpu;
    if (look->at == at && insns - look->insns < WAIT_LOOP && look->insns >= last_output) {
        waits += insns - last_look;
    }
    *look = (struct look){at, insns};
    last_look = insns;
}

/* A program that writes to a port between its looks does more than wait. */
static void on_output(unsigned vcpu, void *opaque)
{
    (void)vcpu;
    (void)opaque;
    last_output = insns;
}

/* Called after the store reached the device; no lock of QEMU's is held, so its I/O proceeds. */
static void on_store(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *opaque)
{
    struct timespec stop = {.tv_sec = (time_t)(stop_us / 1000000),
                            .tv_nsec = (long)(stop_us % 1000000) * 1000};
    const struct qemu_plugin_hwaddr *hwaddr = qemu_plugin_get_hwaddr(info, vaddr);

    (void)vcpu;
    (void)opaque;
    if (!hwaddr || !qemu_plugin_hwaddr_is_io(hwaddr) ||
        strcmp(qemu_plugin_hwaddr_device_name(hwaddr), notify_region) != 0) {
        return;
    }
    (void)nanosleep(&stop, NULL);
    say("resumed", "-");
}

/* The operation byte of an x86 instruction (the second one for two-byte ones) and what precedes. */
struct opcode {
    uint8_t op;
    bool two_byte;
    bool repeated;
};

static struct opcode decode(const uint8_t *code, size_t len)
{
    struct opcode o = {0, false, false};

    for (size_t i = 0; i < len; i++) {
        uint8_t b = code[i];
        bool prefix = b == 0x66 || b == 0x67 || b == 0x2e || b == 0x36 || b == 0x3e || b == 0x26 ||
                      b == 0x64 || b == 0x65 || b == 0xf0;

        if (b == 0xf2 || b == 0xf3) {
            o.repeated = true;
        } else if (!prefix && ((b & 0xf0) != 0x40 || i + 1 == len)) { /* 0x4x: REX */
            o.two_byte = b == 0x0f && i + 1 < len;
            o.op = o.two_byte ? code[i + 1] : b;
            return o;
        }
    }
    return o;
}

static bool is_string(struct opcode o)
{
    return !o.two_byte && ((o.op >= 0x6c && o.op <= 0x6f) || (o.op >= 0xa4 && o.op <= 0xa7) ||
                           (o.op >= 0xaa && o.op <= 0xaf));
}

/* The plain stores with which device registers are written; pushes and calls are not among them. */
static bool is_store(struct opcode o)
{
    return !o.two_byte && (o.op == 0x88 || o.op == 0x89 || o.op == 0xc6 || o.op == 0xc7 ||
                           o.op == 0xa2 || o.op == 0xa3);
}

/* IN and RDTSC. */
static bool is_look(struct opcode o)
{
    return o.two_byte ? o.op == 0x31 : (o.op & 0xf6) == 0xe4;
}

/* OUT. */
static bool is_output(struct opcode o)
{
    return !o.two_byte && (o.op & 0xf6) == 0xe6;
}

/* A marker is `nopl disp32(eax or rax)`, with the address size prefix in 16-bit code. */
static bool is_marker(const uint8_t *code, size_t len, unsigned *number)
{
    size_t skip = len == 8 && code[0] == 0x67 ? 1 : 0;

    if (len - skip != 7 || code[skip] != 0x0f || code[skip + 1] != 0x1f || code[skip + 2] != 0x80 ||
        (code[skip + 5] | code[skip + 6] << 8) != MARKER_MAGIC) {
        return false;
    }
    *number = (unsigned)(code[skip + 3] | code[skip + 4] << 8);
    return true;
}

static void count_insn(struct qemu_plugin_insn *insn)
{
    const uint8_t *code = qemu_plugin_insn_data(insn);
    size_t len = qemu_plugin_insn_size(insn);
    uint64_t vaddr = qemu_plugin_insn_vaddr(insn);
    struct opcode o = decode(code, len);
    unsigned number;

    if (is_marker(code, len, &number)) {
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_marker, QEMU_PLUGIN_CB_NO_REGS,
                                               (void *)(uintptr_t)number);
        return; /* a marker costs nothing */
    }
    if (o.repeated && is_string(o)) {
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_string_round, QEMU_PLUGIN_CB_NO_REGS,
                                               (void *)(uintptr_t)vaddr);
    } else {
        qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &insns, 1);
    }
    if (is_look(o) || is_output(o)) {
        qemu_plugin_register_vcpu_insn_exec_cb(insn, is_look(o) ? on_look : on_output,
                                               QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)vaddr);
    }
    if (stop_us && is_store(o)) {
        qemu_plugin_register_vcpu_mem_cb(insn, on_store, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_W,
                                         NULL);
    }
}

/* Entry points are jumped to, so they begin a block; the signature never leaves their page. */
static void find_marks(struct qemu_plugin_insn *first)
{
    const uint8_t *code = qemu_plugin_insn_haddr(first);
    size_t room = PAGE - (size_t)(qemu_plugin_insn_vaddr(first) % PAGE);

    for (size_t i = 0; code && i < n_marks; i++) {
        if (marks[i].len <= room && memcmp(code, marks[i].bytes, marks[i].len) == 0) {
            qemu_plugin_register_vcpu_insn_exec_cb(first, on_mark, QEMU_PLUGIN_CB_NO_REGS,
                                                   &marks[i]);
        }
    }
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t n = qemu_plugin_tb_n_insns(tb);

    (void)id;
    if (n > 0) {
        find_marks(qemu_plugin_tb_get_insn(tb, 0));
    }
    for (size_t i = 0; i < n; i++) {
        count_insn(qemu_plugin_tb_get_insn(tb, i));
    }
}

static bool parse_mark(const char *value)
{
    const char *hex = strchr(value, ':');
    struct mark *m = &marks[n_marks];

    if (n_marks == MAX_MARKS || !hex || (size_t)(hex - value) >= sizeof(m->name)) {
        return false;
    }
    memcpy(m->name, value, (size_t)(hex - value));
    for (hex++; hex[0] && hex[1] && m->len < MAX_SIGNATURE; hex += 2) {
        char byte[3] = {hex[0], hex[1], 0}, *end;

        m->bytes[m->len++] = (uint8_t)strtoul(byte, &end, 16);
        if (*end) {
            return false;
        }
    }
    n_marks++;
    return *hex == 0 && m->len >= 8;
}

static bool parse(const char *arg)
{
    char *end;

    if (strncmp(arg, "mark=", 5) == 0) {
        return parse_mark(arg + 5);
    }
    if (strncmp(arg, "stop=", 5) == 0) {
        stop_us = strtoul(arg + 5, &end, 10);
        return *end == 0;
    }
    if (strncmp(arg, "notify=", 7) == 0) {
        return snprintf(notify_region, sizeof(notify_region), "%s", arg + 7) <
               (int)sizeof(notify_region);
    }
    return false;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info,
                                           int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!parse(argv[i])) {
            (void)fprintf(stderr, "bench plugin: cannot understand the argument '%s'\n", argv[i]);
            return -1;
        }
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    return 0;
}
