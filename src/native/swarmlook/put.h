/* Puts what a served job wrote in its place, where that is nothing but files, in directories that are there. */
#ifndef BUILDSWARM_SWARMLOOK_PUT_H
#define BUILDSWARM_SWARMLOOK_PUT_H

#include "answer.h"

/* Where a request of looks counts its paths. */
#define PUT_MARK (UINT32_MAX - 3)

/*
 * What src/share/blocking/written.ts does, of which this is the ordinary case. As src/share/plain-put.ts packs it: u32 mark,
 * i64 ns when the job began, u32 directories, u32 files. Of each directory that is there: its path, u32 mode, i64 time in ns,
 * u8 1 if that was chosen by the job. Of each file: its path, its hidden name, u32 mode, i64 time in ns, u8 1 if what is there was
 * written to, u32 bytes and these. Paths and names end in NUL.
 * The answer: u8 1 if all is done, i32 errno, and the NUL-ended path that this is about. Not done and no errno: nothing is
 * there that was not there before, and somebody else must do it, or find out why it cannot be done.
 */
void put_files(const unsigned char *request, size_t bytes, struct answer *answer);

#endif
