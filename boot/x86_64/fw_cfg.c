/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that QEMU passes in with -fw_cfg, through its two ports. QEMU's docs/specs/fw_cfg: items are chosen by a
 * selector and read as a stream; the directory is item 0x19. Values are big-endian.
 */
#include <string.h>

#include "boot/platform.h"
#include "boot/x86_64/cpu.h"

#define PORT_SELECTOR  0x510
#define PORT_DATA      0x511
#define ITEM_SIGNATURE 0x00u
#define ITEM_DIRECTORY 0x19u
#define FILES_MAX      4096u /* more than QEMU's own limit; a bound for the loop */

/* An entry of the directory. */
struct entry {
    uint8_t size[4];
    uint8_t select[2];
    uint8_t reserved[2];
    char name[PLATFORM_FILE_NAME_MAX];
};
_Static_assert(sizeof(struct entry) == 64, "fw_cfg directory entry");

static uint32_t be32(const uint8_t b[4])
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static bool present(void)
{
    char signature[4] = {0};

    x86_out16(PORT_SELECTOR, ITEM_SIGNATURE);
    x86_in8_many(PORT_DATA, signature, sizeof(signature));
    return memcmp(signature, "QEMU", sizeof(signature)) == 0;
}

unsigned platform_files(const char *prefix, struct platform_file *out, unsigned max)
{
    uint8_t count_be[4] = {0};
    unsigned found = 0;

    if (!present()) {
        return 0;
    }
    x86_out16(PORT_SELECTOR, ITEM_DIRECTORY);
    x86_in8_many(PORT_DATA, count_be, sizeof(count_be));
    uint32_t count = be32(count_be);

    for (uint32_t i = 0; i < count && i < FILES_MAX; i++) {
        struct entry entry = {0};

        x86_in8_many(PORT_DATA, &entry, sizeof(entry));
        entry.name[sizeof(entry.name) - 1] = '\0';
        if (strncmp(entry.name, prefix, strlen(prefix)) != 0) {
            continue;
        }
        if (found < max) {
            out[found].size = be32(entry.size);
            out[found].select = (uint16_t)(entry.select[0] << 8 | entry.select[1]);
            memcpy(out[found].name, entry.name, sizeof(entry.name));
        }
        found++;
    }
    return found;
}

size_t platform_file_read(const struct platform_file *file, void *buffer, size_t length)
{
    size_t bytes = length < file->size ? length : file->size;

    x86_out16(PORT_SELECTOR, file->select);
    x86_in8_many(PORT_DATA, buffer, bytes);
    return bytes;
}
