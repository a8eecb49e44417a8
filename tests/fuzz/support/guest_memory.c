/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest of the unit tests, for fuzz targets. */
#include "tests/unit/support/guest_memory.c" /* NOLINT(bugprone-suspicious-include) */
