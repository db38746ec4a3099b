/*
 * Contents by their hash: in memory for a while, and in pack files on disk, to which a thread of its own writes them
 * behind. What comes back from disk is hashed again: a damaged pack costs a fetch, never a wrong byte. Packs that
 * were not used for longest go when all together exceed the limit.
 */
#ifndef BUILDSWARM_SWARMFS_STORE_H
#define BUILDSWARM_SWARMFS_STORE_H

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
  int current; /* the pack that is being filled; -1: none */
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
  int stopping;
};

/* Opens the packs of a directory; an empty path keeps all in memory. 0, or -1 with errno. */
int store_open(struct store *store, const char *path, uint64_t memory_limit_bytes, uint64_t disk_limit_bytes);
/* Starts the writer; after this the process must not fork. */
int store_start(struct store *store);
/* Writes the rest and stops the writer. */
void store_close(struct store *store);

/* The bytes, good until the next call of any of these; NULL if it has them not. */
const unsigned char *store_get(struct store *store, const unsigned char hash[HASH_BYTES], uint32_t *length);
/* Whether it is likely to have them; the bytes themselves were not looked at. */
int store_has(struct store *store, const unsigned char hash[HASH_BYTES]);
/* Keeps a copy of bytes that have this hash. */
void store_put(struct store *store, const unsigned char hash[HASH_BYTES], const void *data, uint32_t length);
/* Lets what the writer is done with leave memory; to be called now and then. */
void store_settle(struct store *store);

#endif
