/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The GUID partition table. The input: a byte of flags, four bytes that make the size of the disk,
 * two bytes that say how much of the rest stands at the start of the disk, behind the protective
 * MBR; what is left stands at the end. The flags decide the block size and which of the CRCs are
 * made right.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "boot/bytes.h"
#include "boot/crc32.h"
#include "tests/fuzz/support/check.h"
#include "tests/fuzz/support/partitions.h"
#include "tests/unit/support/image_table.h"
#include "tests/unit/support/memory_disk.h"

#define CONTROL    7u
#define SEAL_FIRST 0x01u /* the primary header's CRC */
#define SEAL_LAST  0x02u /* the backup header's */
#define SEAL_ARRAY 0x04u /* the arrays' */
#define BLOCK_4K   0x08u
#define LARGE      0x10u /* the disk has 2^20 times as many blocks */

#define ROOM 65536u /* bytes of contents at either end */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * Makes the CRCs of the header in `block` right, as far as what they cover is in `area`, which
 * starts at `start`.
 */
static void seal(uint8_t *block, uint32_t block_size, uint8_t *area, uint64_t start, int array)
{
    uint32_t header_size = get_le32(block + 12);
    uint64_t entries = get_le64(block + 72) * block_size - start;
    uint64_t length = (uint64_t)get_le32(block + 80) * get_le32(block + 84);

    if (array && entries < ROOM && length <= ROOM - entries)
        image_put32(block + 88, crc32(0, area + entries, length));
    if (header_size > block_size)
        return;
    image_put32(block + 16, 0);
    image_put32(block + 16, crc32(0, block, header_size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct memory_disk md;
    static uint8_t first[ROOM];
    static uint8_t last[ROOM];

    if (size < CONTROL)
        return -1;
    uint8_t flags = data[0];
    uint64_t blocks = get_le32(data + 1);
    size_t split = get_le16(data + 5);
    uint32_t block_size = flags & BLOCK_4K ? 4096 : 512;

    data += CONTROL;
    size -= CONTROL;
    if (size > ROOM)
        return -1;
    if (split > size)
        split = size;
    if (flags & LARGE)
        blocks <<= 20;
    if (blocks < ROOM / block_size)
        blocks = ROOM / block_size;

    memset(first, 0, sizeof(first));
    memset(last, 0, sizeof(last));
    image_mbr_set(first, 0, 0xee, 1, 0xffffffff);
    if (split > ROOM - block_size)
        split = ROOM - block_size;
    memcpy(first + block_size, data, split);
    memcpy(last + ROOM - (size - split), data + split, size - split);
    if (flags & SEAL_FIRST)
        seal(first + block_size, block_size, first, 0, flags & SEAL_ARRAY);
    if (flags & SEAL_LAST)
        seal(last + ROOM - block_size, block_size, last, blocks * block_size - ROOM,
             flags & SEAL_ARRAY);

    memory_disk_open_sparse(&md, blocks * block_size, block_size);
    memory_disk_lay(&md, md.disk.size - ROOM, ROOM, last);
    memory_disk_lay(&md, 0, ROOM, first);
    fuzz_partitions(&md);
    memory_disk_close(&md);
    return 0;
}
