/* What a store knows of its contents: a blob each, by hash, and in the order of their use those that are in memory. */
#ifndef BUILDSWARM_SWARMFS_BLOBS_H
#define BUILDSWARM_SWARMFS_BLOBS_H

#include <pthread.h>

#include "../tree/map.h"
#include "../tree/wire.h"

enum { STORE_PACKS = 4096 };

struct blob {
  unsigned char hash[HASH_BYTES];
  struct blob *next_of_key;
  struct blob *newer, *older; /* by use, of those in memory */
  struct blob *next_of_pack;
  struct blob *next_to_write;
  unsigned char *data; /* NULL: on disk only */
  uint32_t length;
  int pack; /* index of its pack; -1: on no disk */
  uint32_t offset;
  int writing; /* the writer has it: it stays in memory */
};

struct pack {
  int fd; /* -1: there is none */
  uint32_t number, length;
  uint64_t last_use;
  struct blob *first; /* all that it holds */
};

struct store {
  int directory; /* -1: in memory only */
  struct map by_hash;
  struct blob *newest, *oldest;
  size_t memory_bytes, memory_limit_bytes;
  struct pack packs[STORE_PACKS];
  int pack_count, pack_limit; /* each has a descriptor */
  int current;                /* the pack that is being filled; -1: none */
  uint32_t next_number;
  uint64_t disk_bytes, disk_limit_bytes, use;
  uint64_t hits, damaged, evicted_bytes, write_failures;

  /* The writer, and what it shares. */
  pthread_t writer;
  int has_writer;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  struct blob *to_write, **to_write_last, *written, **written_last;
  int index_fd; /* of the pack that is being written */
  uint32_t index_number;
};

/* NULL if there is none. */
struct blob *blob_find(const struct store *store, const unsigned char hash[HASH_BYTES]);
/* A new one, which is nowhere yet; NULL if memory ran out. */
struct blob *blob_add(struct store *store, const unsigned char hash[HASH_BYTES], uint32_t length);
/* Forgets and frees one that is in no pack. */
void blob_remove(struct store *store, struct blob *blob);

/* In the order of use: as the newest, or not at all. */
void blob_enter_memory(struct store *store, struct blob *blob);
void blob_leave_memory(struct store *store, struct blob *blob);

#endif
