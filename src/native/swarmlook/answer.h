/* The answer that is being put together. */
#ifndef BUILDSWARM_SWARMLOOK_ANSWER_H
#define BUILDSWARM_SWARMLOOK_ANSWER_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct answer {
  unsigned char *data;
  size_t bytes, room;
};

/* So many bytes more, to be filled in before the next call. */
unsigned char *answer_grow(struct answer *answer, size_t bytes);
void answer_put(struct answer *answer, const void *data, size_t bytes);
/* Letter of the kind (f, d, l, o; a of what is absent: NULL), u64 inode, u64 size, i64 mtime and i64 ctime in ns. */
void answer_put_record(struct answer *answer, const struct stat *stats);

static inline int means_absent(int error) { return error == ENOENT || error == ENOTDIR; }

static inline int64_t nanoseconds(struct timespec time) {
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

#endif
