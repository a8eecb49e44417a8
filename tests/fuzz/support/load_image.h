/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads a hostile kernel file into a guest and checks what must hold whatever is in it. */
#ifndef SLATE_TESTS_FUZZ_LOAD_IMAGE_H
#define SLATE_TESTS_FUZZ_LOAD_IMAGE_H

#include <stddef.h>
#include <stdint.h>

/* The last byte of the file also decides how the guest's memory looks. Ends the process if a rule is broken. */
void fuzz_load_image(const uint8_t *data, size_t size);

#endif
