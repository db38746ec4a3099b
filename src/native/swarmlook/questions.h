/* Questions about single names, of several kinds in one request: what is done for a job takes one. */
#ifndef BUILDSWARM_SWARMLOOK_QUESTIONS_H
#define BUILDSWARM_SWARMLOOK_QUESTIONS_H

#include "answer.h"

/* Where a request of looks counts its paths. As src/share/question-answer.ts packs it, a letter and a NUL-ended path a question follow. */
#define QUESTIONS_MARK (UINT32_MAX - 1)

/*
 * Puts an answer for each, in order. A record (see answer.h):
 *   F  lstat; what is no link is opened, which asks an NFS server
 *   D  a directory, opened, which asks a server for the names in it
 *   S  stat
 *   L  lstat
 * What is said of a file before it is written, see put_stated in questions.c; none where it cannot be told:
 *   B  by stat
 *   O  of an output: u8, 1 if its directory can be written in; by lstat, which must not fail; by stat
 * Nothing, and an error (ELOOP) where that is a link:
 *   W  a name on the way to others
 * A stamp, u16 bytes and these, the same as long as nothing changed (none: it cannot be looked at):
 *   c  of what is there behind links; of a directory only where it really is
 *   n  of a directory, with the names in it
 *   l  of a link, and of what is behind it; of what is none as c
 *   p  the real path
 * Returns an errno; `*failed_at` is then the path that it is about.
 */
int questions_answer(const char *questions, const char *end, struct answer *answer, const char **failed_at);

#endif
