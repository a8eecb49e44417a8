/* SPDX-License-Identifier: BSD-2-Clause */
/* Which of two version strings is newer. UAPI Group: Version Format Specification (UAPI.10). */
#ifndef SLATE_BOOT_VERSION_COMPARE_H
#define SLATE_BOOT_VERSION_COMPARE_H

/*
 * Compares two strings by the specification's "Version Comparison". Any bytes may stand in them; those without a
 * meaning there separate components. Returns less than, equal to or greater than 0, as `a` is older than, as old as
 * or newer than `b`. Strings that compare equal need not be the same ("1_" and "1").
 */
int version_compare(const char *a, const char *b);

#endif
