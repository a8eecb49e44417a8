/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How Slate configures newlib: the file that newlib's own configure script would write. Small state, no streams,
 * no wide characters, no floating point; the full printf formats (%zu, %llx), because the small ones misread them.
 */
#ifndef SLATE_NEWLIB_H
#define SLATE_NEWLIB_H

#define _WANT_IO_C99_FORMATS 1
#define _WANT_IO_LONG_LONG 1
#define _WANT_REENT_SMALL 1
#define _REENT_GLOBAL_ATEXIT 1
#define _LITE_EXIT 1
#define _MB_LEN_MAX 1
#define _HAVE_LONG_DOUBLE 1
#define _HAVE_CC_INHIBIT_LOOP_TO_LIBCALL 1

#endif
