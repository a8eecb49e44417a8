/* SPDX-License-Identifier: BSD-2-Clause */
/* PE files and unified kernel images: what is found in them must be inside the file, and texts must be texts. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "boot/diag.h"
#include "boot/entries.h"
#include "boot/pe.h"
#include "boot/source.h"
#include "boot/uki.h"
#include "tests/fuzz/support/check.h"
#include "tests/fuzz/support/load_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_sections(const struct source *file)
{
    struct diag diag = {0};
    struct pe pe;

    if (pe_read(&pe, file, &diag) != 0) {
        CHECK(pe.count == 0);
        return;
    }
    CHECK(pe.count <= PE_SECTIONS_MAX);
    for (unsigned i = 0; i < pe.count; i++) {
        const struct pe_section *section = &pe.section[i];

        CHECK(strlen(section->name) < PE_NAME_MAX);
        CHECK(section->size == 0 ||
              (section->offset <= file->size && section->size <= file->size - section->offset));
    }
}

static void check_texts(const struct uki *uki)
{
    static char line[UKI_COMMAND_LINE_MAX];
    struct boot_entries list = {0};
    struct boot_entry entry;
    struct diag diag = {0};
    char label[BOOT_ENTRY_LABEL_MAX];

    if (uki_command_line(uki, line, &diag) == 0) {
        CHECK(strlen(line) < sizeof(line));
        for (const char *p = line; *p != '\0'; p++) {
            CHECK((unsigned char)*p >= 0x20);
        }
    }
    CHECK(uki_entry(uki, "a+1.efi", "/EFI/Linux/a+1.efi", &entry, &diag) == 0);
    CHECK(boot_entries_add(&list, &entry, &diag) == 0);
    boot_entries_label(&list, 0, 70, label);
    CHECK(strlen(label) < sizeof(label));
    boot_entries_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct diag diag = {0};
    struct source file;
    struct uki uki;

    source_memory(&file, data, size, "file");
    check_sections(&file);
    if (uki_read(&uki, &file, &diag) == 0) {
        CHECK(uki.kernel.size > 0 && uki.kernel.size <= size);
        check_texts(&uki);
    }
    fuzz_load_image(data, size);
    return 0;
}
