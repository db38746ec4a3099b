/* Questions about single names, of several kinds in one request: what is done for a job takes one. */
#ifndef BUILDSWARM_SWARMLOOK_QUESTIONS_H
#define BUILDSWARM_SWARMLOOK_QUESTIONS_H

#include "answer.h"

/* Where a request of looks counts its paths. As src/share/question-answer.ts packs it, a letter and a NUL-ended path a question follow. */
#define QUESTIONS_MARK (UINT32_MAX - 1)

/*
 * Puts an answer for each, in order. A record (see answer.h):
 *   F  lstat; what is no link is opened, which asks an NFS server
 *   S  stat
 *   L  lstat
 * A stamp, u16 bytes and these, the same as long as nothing changed (none: it cannot be looked at):
 *   c  of what is there behind links; of a directory only where it really is
 *   n  of a directory, with the names in it
 *   l  of a link, and of what is behind it; of what is none as c
 *   p  the real path
 * Returns an errno; `*failed_at` is then the path that it is about.
 */
int questions_answer(const char *questions, const char *end, struct answer *answer, const char **failed_at);

#endif
