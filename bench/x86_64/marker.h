/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Marker instructions: long no-operations whose displacement carries a number, which the counting
 * plugin recognises wherever the program was loaded and in whichever mode the processor is.
 */
#ifndef BENCH_MARKER_H
#define BENCH_MARKER_H

#define BENCH_MAGIC 0x51a7

/* What the numbers mean, for every firmware's program alike; BEGIN and END enclose a loop of reads. */
#define BENCH_BEGIN_4K   1 /* 4 KiB, one at a time, through the interface that a boot loader uses */
#define BENCH_END_4K     2
#define BENCH_BEGIN_64K  3 /* the same, 64 KiB */
#define BENCH_END_64K    4
#define BENCH_BEGIN_ONE  5 /* 4 KiB through the interface below it, if there is one */
#define BENCH_END_ONE    6
#define BENCH_BEGIN_MANY 7 /* 4 KiB, all of them in flight at once */
#define BENCH_END_MANY   8
#define BENCH_BEGIN_TEST 9 /* five instructions, one of them a string store of three rounds */
#define BENCH_END_TEST   10
#define BENCH_DONE       11 /* every read gave what the disk holds */
#define BENCH_FAILED     12 /* one did not */

#define BENCH_READS 32 /* reads in each loop */

/* From this sector on, each begins with its own number (little endian, 32 bits). */
#define BENCH_FIRST_SECTOR 2048

#ifndef __ASSEMBLER__
#define BENCH_MARKER(number)                                                                       \
    __asm__ volatile(".byte 0x0f, 0x1f, 0x80\n\t.short %c0, %c1" ::"i"(number), "i"(BENCH_MAGIC)   \
                     : "memory")

/* The counter's own check. */
static inline void bench_test(void)
{
    char to[3];
    char *at = to;
    unsigned long rounds = sizeof(to);

    __asm__ volatile(".byte 0x0f, 0x1f, 0x80\n\t.short %c2, %c4\n\t"
                     "nop\n\tnop\n\trep stosb\n\tnop\n\tnop\n\t"
                     ".byte 0x0f, 0x1f, 0x80\n\t.short %c3, %c4"
                     : "+D"(at), "+c"(rounds)
                     : "i"(BENCH_BEGIN_TEST), "i"(BENCH_END_TEST), "i"(BENCH_MAGIC), "a"(0)
                     : "memory");
}
#endif

#endif
