#include "answer.h"

#include <stdlib.h>
#include <string.h>

enum { RECORD_BYTES = 33 };

unsigned char *answer_grow(struct answer *answer, size_t bytes) {
  if (answer->bytes + bytes > answer->room) {
    answer->room = (answer->bytes + bytes) * 2;
    answer->data = realloc(answer->data, answer->room);
    if (answer->data == NULL) exit(1);
  }
  answer->bytes += bytes;
  return answer->data + answer->bytes - bytes;
}

void answer_put(struct answer *answer, const void *data, size_t bytes) {
  memcpy(answer_grow(answer, bytes), data, bytes);
}

static unsigned char kind_of(mode_t mode) {
  return S_ISREG(mode) ? 'f' : S_ISDIR(mode) ? 'd' : S_ISLNK(mode) ? 'l' : 'o';
}

void answer_put_record(struct answer *answer, const struct stat *stats) {
  unsigned char *record = answer_grow(answer, RECORD_BYTES);
  memset(record, 0, RECORD_BYTES);
  record[0] = stats == NULL ? 'a' : kind_of(stats->st_mode);
  if (stats == NULL) return;
  uint64_t inode = stats->st_ino, size = (uint64_t)stats->st_size;
  int64_t mtime = nanoseconds(stats->st_mtim), ctime = nanoseconds(stats->st_ctim);
  memcpy(record + 1, &inode, 8);
  memcpy(record + 9, &size, 8);
  memcpy(record + 17, &mtime, 8);
  memcpy(record + 25, &ctime, 8);
}
