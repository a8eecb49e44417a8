/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The master boot record and its chain. The input: the block size and four bytes of disk size, the
 * first 62 bytes of block 0 (a FAT boot sector has its fields there), its partition entries and
 * signature, and then extended boot records, each the number of its block and its entries and
 * signature.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "boot/bytes.h"
#include "tests/fuzz/support/partitions.h"
#include "tests/unit/support/memory_disk.h"

#define CONTROL      5u
#define FIELDS       62u
#define ENTRIES      446u /* offset in a record */
#define ENTRIES_SIZE 66u
#define RECORD       (4u + ENTRIES_SIZE)
#define SECTOR       512u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct memory_disk md;
    static uint8_t sector[MEMORY_DISK_EXTENTS][SECTOR];
    unsigned count = 0;

    if (size < CONTROL + FIELDS + ENTRIES_SIZE)
        return -1;
    uint32_t block_size = data[0] & 1 ? 4096 : 512;
    uint64_t blocks = get_le32(data + 1);

    memset(sector, 0, sizeof(sector));
    memory_disk_open_sparse(&md, blocks * block_size, block_size);
    memcpy(sector[count], data + CONTROL, FIELDS);
    memcpy(sector[count] + ENTRIES, data + CONTROL + FIELDS, ENTRIES_SIZE);
    memory_disk_lay(&md, 0, SECTOR, sector[count++]);
    data += CONTROL + FIELDS + ENTRIES_SIZE;
    size -= CONTROL + FIELDS + ENTRIES_SIZE;
    for (; size >= RECORD && count < MEMORY_DISK_EXTENTS; data += RECORD, size -= RECORD) {
        memcpy(sector[count] + ENTRIES, data + 4, ENTRIES_SIZE);
        memory_disk_lay(&md, (uint64_t)get_le32(data) * block_size, SECTOR, sector[count++]);
    }
    fuzz_partitions(&md);
    memory_disk_close(&md);
    return 0;
}
