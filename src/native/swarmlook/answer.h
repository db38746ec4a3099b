/* The answer that is being put together. */
#ifndef BUILDSWARM_SWARMLOOK_ANSWER_H
#define BUILDSWARM_SWARMLOOK_ANSWER_H

#include <errno.h>
#include <stddef.h>

#include "../fact.h"

struct answer {
  unsigned char *data;
  size_t bytes, room;
};

/* So many bytes more, to be filled in before the next call. */
unsigned char *answer_grow(struct answer *answer, size_t bytes);
void answer_put(struct answer *answer, const void *data, size_t bytes);
/* NULL: of what is absent. */
void answer_put_fact(struct answer *answer, const struct stat *stats);

static inline int means_absent(int error) { return error == ENOENT || error == ENOTDIR; }

#endif
