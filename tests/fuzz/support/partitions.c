/* SPDX-License-Identifier: BSD-2-Clause */
/* Whatever the table says: usable partitions lie inside the disk, and the others are refused. */
#include "tests/fuzz/support/partitions.h"

#include <string.h>

#include "boot/diag.h"
#include "boot/error.h"
#include "boot/partition.h"
#include "tests/fuzz/support/check.h"

#define REQUESTS_MAX                                                                               \
    256u /* 128 extended boot records, each in another line of the cache, and the rest */

static void check_partition(const struct disk *disk, const struct partition_table *table,
                            const struct partition *p)
{
    struct diag diag = {0};
    int error = partition_check(disk, p, &diag);

    CHECK(memchr(p->name, '\0', sizeof(p->name)) != NULL);
    CHECK(p->role <= PARTITION_ROLE_FAT);
    if (p->fault != PARTITION_OK) {
        CHECK(error == -BOOT_E_PARTITION && diag.error == error && diag.text[0] != '\0');
        CHECK(p->offset == 0 && p->size == 0);
        return;
    }
    CHECK(error == 0);
    CHECK(p->size != 0 && p->size % disk->block_size == 0 && p->offset % disk->block_size == 0);
    CHECK(p->offset <= disk->size && p->size <= disk->size - p->offset);
    for (const struct partition *q = table->partition; q < p; q++) {
        if (table->scheme == PARTITION_SCHEME_GPT && q->fault == PARTITION_OK)
            CHECK(p->offset >= q->offset + q->size || q->offset >= p->offset + p->size);
    }
}

void fuzz_partitions(struct memory_disk *md)
{
    struct partition_table table;
    struct diag diag = {0};
    int error = partition_scan(&md->disk, &table, &diag);

    CHECK(md->calls <= REQUESTS_MAX);
    if (error != 0) {
        CHECK(error == -BOOT_E_EMPTY_DISK || error == -BOOT_E_GPT || error == -BOOT_E_NO_MEMORY);
        CHECK(diag.error == error && diag.text[0] != '\0');
        CHECK(table.count == 0 && table.partition == NULL);
        return;
    }
    CHECK(table.count <= PARTITION_MAX);
    CHECK(!table.from_backup || table.scheme == PARTITION_SCHEME_GPT);
    for (unsigned i = 0; i < table.count; i++)
        check_partition(&md->disk, &table, &table.partition[i]);
    partition_table_free(&table);
}
