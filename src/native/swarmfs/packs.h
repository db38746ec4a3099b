/* The pack files of a store: `N.pack` holds contents one after the other, `N.index` says which and where. */
#ifndef BUILDSWARM_SWARMFS_PACKS_H
#define BUILDSWARM_SWARMFS_PACKS_H

#include "blobs.h"

/* Reads the indexes of all packs in the store's directory. */
void packs_load(struct store *store);
/* The bytes of a blob, hashed and found right; NULL otherwise. To be freed. */
unsigned char *packs_read(struct store *store, const struct blob *blob);
/* Gives a blob its place in a pack and hands it to the writer; without one, or without room, it stays in memory. */
void packs_write(struct store *store, struct blob *blob);
/* The blob is in its pack no more. */
void packs_leave(struct store *store, struct blob *blob);
/* Starts the thread that writes them; after this the process must not fork. 0, or -1 with errno. */
int packs_start(struct store *store);

#endif
