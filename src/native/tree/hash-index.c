#define _GNU_SOURCE
#include "hash-index.h"

#include <time.h>
#include <unistd.h>

enum { SETTLED_S = 2 };

struct record {
  uint64_t tree, dev, ino, size;
  int64_t mtime_s, ctime_s;
  uint32_t mtime_ns, ctime_ns, piece, unused;
  unsigned char hash[HASH_BYTES];
  uint64_t check;
};

static uint64_t key_of(const struct record *record) {
  return hash_data(0, record, offsetof(struct record, hash));
}

static uint64_t check_of(const struct record *record) {
  return hash_data(1, record, offsetof(struct record, check));
}

static struct record record_of(uint64_t tree, const struct tree_attr *attr, uint32_t piece) {
  struct record record;
  memset(&record, 0, sizeof record);
  record.tree = tree;
  record.dev = attr->dev;
  record.ino = attr->ino;
  record.size = attr->size;
  record.mtime_s = attr->mtime_s;
  record.ctime_s = attr->ctime_s;
  record.mtime_ns = attr->mtime_ns;
  record.ctime_ns = attr->ctime_ns;
  record.piece = piece;
  return record;
}

/* Two identities with one key are as good as never: then the later one stands, and get() compares. */
static void keep(struct hash_index *index, const struct record *record) {
  uint64_t key = key_of(record);
  struct record *held = map_get(&index->by_key, key);
  if (held) {
    *held = *record;
    return;
  }
  if (index->by_key.count >= index->limit) return;
  struct record *copy = malloc(sizeof *copy);
  if (!copy) return;
  *copy = *record;
  if (map_set(&index->by_key, key, copy) != 0) free(copy);
}

/* Returns how many records the file holds, useful or not. */
static size_t load(struct hash_index *index, const char *path) {
  FILE *file = fopen(path, "re");
  if (!file) return 0;
  size_t count = 0;
  struct record record;
  while (fread(&record, sizeof record, 1, file) == 1) {
    count++;
    if (record.check == check_of(&record)) keep(index, &record);
  }
  /* A half record at the end would shift all that is appended. */
  if (ftell(file) % (long)sizeof record != 0) count = SIZE_MAX;
  fclose(file);
  return count;
}

static void rewrite(struct hash_index *index, const char *path) {
  char temporary[PATH_MAX];
  if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary) return;
  FILE *file = fopen(temporary, "we");
  if (!file) return;
  for (size_t i = 0; i < index->by_key.room; i++)
    if (index->by_key.slots[i].value) fwrite(index->by_key.slots[i].value, sizeof(struct record), 1, file);
  if (fclose(file) != 0 || rename(temporary, path) != 0) unlink(temporary);
}

void hash_index_open(struct hash_index *index, const char *path, size_t limit) {
  *index = (struct hash_index){.limit = limit};
  if (!*path) return;
  size_t count = load(index, path);
  if (count > 2 * index->by_key.count + 1024) rewrite(index, path);
  index->file = fopen(path, "ae");
}

int hash_index_get(const struct hash_index *index, uint64_t tree, const struct tree_attr *attr,
                   uint32_t piece, unsigned char hash[HASH_BYTES]) {
  struct record wanted = record_of(tree, attr, piece);
  const struct record *held = map_get(&index->by_key, key_of(&wanted));
  if (!held || memcmp(held, &wanted, offsetof(struct record, hash)) != 0) return 0;
  memcpy(hash, held->hash, HASH_BYTES);
  return 1;
}

void hash_index_set(struct hash_index *index, uint64_t tree, const struct tree_attr *attr, uint32_t piece,
                    const unsigned char hash[HASH_BYTES]) {
  struct record record = record_of(tree, attr, piece);
  memcpy(record.hash, hash, HASH_BYTES);
  record.check = check_of(&record);
  keep(index, &record);
  if (index->file) fwrite(&record, sizeof record, 1, index->file);
}

void hash_index_flush(struct hash_index *index) {
  if (index->file) fflush(index->file);
}

int is_settled(const struct tree_attr *attr) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return attr->ctime_s + SETTLED_S < now.tv_sec && attr->mtime_s + SETTLED_S < now.tv_sec;
}
