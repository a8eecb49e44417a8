/* SPDX-License-Identifier: BSD-2-Clause */
/* What a fuzz target holds to be true whatever the input. */
#ifndef SLATE_TESTS_FUZZ_CHECK_H
#define SLATE_TESTS_FUZZ_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
