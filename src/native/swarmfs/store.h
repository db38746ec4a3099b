/*
 * Contents by their hash: in memory for a while, and in pack files on disk, to which a thread of its own writes them
 * behind. What comes back from disk is hashed again: a damaged pack costs a fetch, never a wrong byte. Packs that
 * were not used for longest go when all together exceed the limit.
 */
#ifndef BUILDSWARM_SWARMFS_STORE_H
#define BUILDSWARM_SWARMFS_STORE_H

#include "blobs.h"

/* Opens the packs of a directory; an empty path keeps all in memory. 0, or -1 with errno. */
int store_open(struct store *store, const char *path, uint64_t memory_limit_bytes, uint64_t disk_limit_bytes);
/* Starts the writer; after this the process must not fork. */
int store_start(struct store *store);

/* The bytes, good until the next call of any of these; NULL if it has them not. */
const unsigned char *store_get(struct store *store, const unsigned char hash[HASH_BYTES], uint32_t *length);
/* Whether it is likely to have them; the bytes themselves were not looked at. */
int store_has(struct store *store, const unsigned char hash[HASH_BYTES]);
/* Keeps a copy of bytes that have this hash. */
void store_put(struct store *store, const unsigned char hash[HASH_BYTES], const void *data, uint32_t length);
/* Lets what the writer is done with leave memory; to be called now and then. */
void store_settle(struct store *store);

#endif
