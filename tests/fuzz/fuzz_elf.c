/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF programs: hostile headers must not lead out of the file or out of the memory that was reserved. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "boot/diag.h"
#include "boot/elf.h"
#include "boot/source.h"
#include "tests/fuzz/support/check.h"
#include "tests/fuzz/support/load_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What elf.h promises. */
static void check_program(const uint8_t *data, size_t size)
{
    struct diag diag = {0};
    struct source file;
    struct elf elf;
    int inside = 0;

    source_memory(&file, data, size, "program");
    if (elf_read(&elf, &file, &diag) != 0) {
        return;
    }
    CHECK(elf.loads > 0 && elf.loads <= ELF_LOADS_MAX);
    for (unsigned i = 0; i < elf.loads; i++) {
        const struct elf_load *load = &elf.load[i];

        CHECK(load->offset <= size && load->file_size <= size - load->offset);
        CHECK(load->memory_size > 0 && load->memory_size >= load->file_size);
        CHECK(load->address + load->memory_size <= 1ull << 52);
        CHECK(i == 0 || elf.load[i - 1].address + elf.load[i - 1].memory_size <= load->address);
        inside += elf.entry >= load->address && elf.entry < load->address + load->file_size;
    }
    CHECK(inside == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *file;

    if (size < ELF_START) {
        return -1;
    }
    file = malloc(size);
    CHECK(file != NULL);
    memcpy(file, data, size);
    memcpy(file, "\177ELF", 4);
    check_program(file, size);
    fuzz_load_image(file, size);
    free(file);
    return 0;
}
