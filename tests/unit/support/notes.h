/* SPDX-License-Identifier: BSD-2-Clause */
/* Collects what the code under test has to say with diag_note(). */
#ifndef SLATE_TESTS_NOTES_H
#define SLATE_TESTS_NOTES_H

/* Forgets the notes so far. */
void notes_clear(void);

/* How many there have been since, and all of them that fit, one a line. */
unsigned notes_count(void);
const char *notes_text(void);

#endif
