/* Puts outputs that were written under hidden names in their places, where nothing is in the way. */
#ifndef BUILDSWARM_SWARMLOOK_COMMIT_H
#define BUILDSWARM_SWARMLOOK_COMMIT_H

#include "answer.h"

/* Where a request of looks counts its paths. */
#define COMMIT_MARK (UINT32_MAX - 2)

enum commit_field { COMMIT_INODE = 1, COMMIT_SIZE = 2, COMMIT_MTIME = 4, COMMIT_CTIME = 8 };

/* How a tool that writes the name itself would replace what is there. */
enum commit_role { COMMIT_TRUNCATED, COMMIT_REPLACED, COMMIT_ONLY_NEW };

/*
 * As src/share/plain-commit.ts packs it: u32 mark, u32 fields (which must be the same on this machine), u32 outputs, u32 names to be
 * removed; of each output u8 role, the fact that its hidden name must have, that name and its own one; then those to be removed.
 * The answer: u32 outputs that are in their places, u8: 1 if all is done. Nothing is where a hidden name has another fact;
 * it ends before what cannot simply be renamed (as src/share/obstacles.ts has it), and at the first error.
 */
void commit(const unsigned char *request, size_t bytes, struct answer *answer);

/* Can names be made, renamed and removed in the directory of this one? */
int may_write_beside(const char *path);

#endif
