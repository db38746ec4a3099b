/*
 * A walk through all that lies below some directories, links not followed: a directory comes before what is in it, and
 * names of ours (.buildswarm…) are passed over.
 */
#ifndef BUILDSWARM_SWARMLOOK_WALK_H
#define BUILDSWARM_SWARMLOOK_WALK_H

#include "answer.h"

/* As src/share/walk-answer.ts packs it; the NUL-ended directories follow. */
struct walk_request {
  /* WALK_MARK, where a request of looks counts its paths. */
  uint32_t mark;
  /* WALK_CHANGED: tell what has a ctime of `since_ns` or later. WALK_ANEW: open and close each directory and file. */
  uint32_t purpose;
  uint32_t max_looks, max_changed, timeout_ms, unused;
  int64_t since_ns;
};

#define WALK_MARK UINT32_MAX
enum walk_purpose { WALK_CHANGED, WALK_ANEW };

/*
 * Puts: u32 how it ended (enum walk_cut), u32 looks, u32 things that changed, a record and the NUL-ended path of each, and
 * the NUL-ended directory where it stopped. Returns an errno; `*failed_at` is then what it is about.
 */
enum walk_cut { WALK_WHOLE, WALK_LOOKS, WALK_CHANGES, WALK_TIME, WALK_UNREADABLE };
int walk_below(const struct walk_request *request, const char *directories, const char *end,
               struct answer *answer, const char **failed_at);

#endif
