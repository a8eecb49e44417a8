/* SPDX-License-Identifier: BSD-2-Clause */
/* `launcher audit`: judges firmware by a trace that QEMU wrote while it ran. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/audit.h"
#include "launcher/commands.h"
#include "launcher/device.h"

static const char usage[] =
    "usage: launcher audit TRACE [--from-marker | --from-start] [--until TEXT] [--json]\n"
    "\n"
    "Judges firmware by QEMU's trace of a boot: the rules of VIRTIO 1.4 that registers show, and\n"
    "in what state each virtio device is when the OS gets it. TRACE is a file, a FIFO, or -.\n"
    "It is made by running QEMU with\n"
    "  -D TRACE -trace memory_region_ops_read -trace memory_region_ops_write -trace pci_cfg_write\n"
    "  -global virtio-blk-pci.ioeventfd=off (and so on, for notifications by registers)\n"
    "\n"
    "  --from-marker  judge from Slate's first instruction, which writes 0x51 to port 0x80\n"
    "  --from-start   judge from the first line; without either: from the marker if there is one\n"
    "  --until TEXT   the OS runs once the UART says this (Linux version); Slate's marker of its\n"
    "                 last instruction, 0x52 to port 0x80, ends it as well\n"
    "  --json         for programs\n"
    "  -h, --help     this text\n"
    "\n"
    "Exit status: 0 every device was handed over clean, 1 one was not, 2 it cannot be judged.\n"
    "Rules are rows of docs/spec; those of level MUST count. HANDOFF findings count, NOTE ones\n"
    "do not.\n";

static int misuse(const char *what, const char *word)
{
    fprintf(stderr, "launcher audit: %s%s (--help explains)\n", what, word);
    return 2;
}

/* Reads the options; -1: go on, otherwise the exit status. */
static int read_options(int argc, char **argv, struct launcher_audit_options *options,
                        const char **path, bool *json)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];

        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            fputs(usage, stdout);
            return 0;
        }
        if (strcmp(word, "--from-marker") == 0) {
            options->from = LAUNCHER_AUDIT_MARKER;
        } else if (strcmp(word, "--from-start") == 0) {
            options->from = LAUNCHER_AUDIT_START;
        } else if (strcmp(word, "--json") == 0) {
            *json = true;
        } else if (strcmp(word, "--until") == 0) {
            if (i + 1 == argc || argv[i + 1][0] == '\0' ||
                strlen(argv[i + 1]) >= LAUNCHER_TRACE_TEXT)
                return misuse("--until needs a text of 1 to 127 characters", "");
            options->os_text = argv[++i];
        } else if (word[0] == '-' && word[1] != '\0') {
            return misuse("unknown option ", word);
        } else if (*path != NULL) {
            return misuse("one trace at a time, and not also ", word);
        } else {
            *path = word;
        }
    }
    return *path == NULL ? misuse("which trace?", "") : -1;
}

int audit_main(int argc, char **argv)
{
    struct launcher_audit_options options = {.from = LAUNCHER_AUDIT_AUTO};
    struct launcher_audit *audit;
    const char *path = NULL;
    bool json = false;
    FILE *file;
    int status = read_options(argc, argv, &options, &path, &json);

    if (status >= 0)
        return status;
    file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    if (file == NULL) {
        fprintf(stderr, "launcher audit: %s: %s\n", path, strerror(errno));
        return 2;
    }
    audit = launcher_allocate(sizeof(*audit));
    status = 2;
    if (launcher_audit_run(audit, &options, file, file == stdin ? "stdin" : path)) {
        status = launcher_audit_clean(audit) ? 0 : 1;
        (json ? launcher_audit_print_json : launcher_audit_print)(audit, stdout);
    }
    launcher_audit_free(audit);
    free(audit);
    if (file != stdin)
        fclose(file);
    return status;
}
