/* What a look at a file found, as it crosses to src/share/look-answer.ts: all that tells one version of it from another. */
#ifndef BUILDSWARM_FACT_H
#define BUILDSWARM_FACT_H

#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

enum { FACT_BYTES = 33 };

static inline int64_t nanoseconds(struct timespec time) {
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static inline unsigned char fact_kind(mode_t mode) {
  return S_ISREG(mode) ? 'f' : S_ISDIR(mode) ? 'd' : S_ISLNK(mode) ? 'l' : 'o';
}

/* Letter of the kind (f, d, l, o; a of what is absent: NULL), u64 inode, u64 size, i64 mtime and i64 ctime in ns. */
static inline void put_fact(unsigned char fact[FACT_BYTES], const struct stat *stats) {
  memset(fact, 0, FACT_BYTES);
  fact[0] = stats == NULL ? 'a' : fact_kind(stats->st_mode);
  if (stats == NULL) return;
  uint64_t inode = stats->st_ino, size = (uint64_t)stats->st_size;
  int64_t mtime = nanoseconds(stats->st_mtim), ctime = nanoseconds(stats->st_ctim);
  memcpy(fact + 1, &inode, 8);
  memcpy(fact + 9, &size, 8);
  memcpy(fact + 17, &mtime, 8);
  memcpy(fact + 25, &ctime, 8);
}

#endif
