/* The pack files of a store: `N.pack` holds contents one after the other, `N.index` says which and where. */
#ifndef BUILDSWARM_SWARMFS_PACKS_H
#define BUILDSWARM_SWARMFS_PACKS_H

#include "store.h"

/* Of store.c, for packs.c. */
struct blob *store_add(struct store *store, const unsigned char hash[HASH_BYTES], uint32_t length);
void store_remove(struct store *store, struct blob *blob);

/* Reads the indexes of all packs in the store's directory. */
void packs_load(struct store *store);
/* The bytes of a blob, hashed and found right; NULL otherwise. To be freed. */
unsigned char *packs_read(struct store *store, const struct blob *blob);
/* Gives a blob its place in a pack and hands it to the writer; without one, or without room, it stays in memory. */
void packs_write(struct store *store, struct blob *blob);
/* The blob is in its pack no more. */
void packs_leave(struct store *store, struct blob *blob);

#endif
