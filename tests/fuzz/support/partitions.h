/* SPDX-License-Identifier: BSD-2-Clause */
/* What holds for the partition table of any disk. */
#ifndef SLATE_TESTS_FUZZ_PARTITIONS_H
#define SLATE_TESTS_FUZZ_PARTITIONS_H

#include "tests/unit/support/memory_disk.h"

/* Scans the disk and checks what partition_scan() promises. */
void fuzz_partitions(struct memory_disk *disk);

#endif
