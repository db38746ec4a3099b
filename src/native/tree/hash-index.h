/*
 * What content a file has, by its identity: (tree, device, inode, size, mtime, ctime, piece) -> SHA-256. Kept in
 * memory, and where a path is given in a file that a later start reads. Only files whose times are settled belong
 * in: see is_settled().
 */
#ifndef BUILDSWARM_TREE_HASH_INDEX_H
#define BUILDSWARM_TREE_HASH_INDEX_H

#include <stdio.h>

#include "map.h"
#include "wire.h"

enum { WHOLE_FILE = UINT32_MAX }; /* in place of the number of a piece */

struct hash_index {
  struct map by_key;
  FILE *file; /* appended to; NULL: in memory only */
  size_t limit;
};

/* Reads what is there; a record that is damaged is passed over. An empty path keeps all in memory. */
void hash_index_open(struct hash_index *index, const char *path, size_t limit);

/* 1 and the hash, or 0. */
int hash_index_get(const struct hash_index *index, uint64_t tree, const struct tree_attr *attr,
                   uint32_t piece, unsigned char hash[HASH_BYTES]);
void hash_index_set(struct hash_index *index, uint64_t tree, const struct tree_attr *attr, uint32_t piece,
                    const unsigned char hash[HASH_BYTES]);
void hash_index_flush(struct hash_index *index);

/*
 * Can a later content be told from this one? A file changed twice within a tick of the kernel's clock keeps its
 * times, so those changed in the last two seconds cannot.
 */
int is_settled(const struct tree_attr *attr);

#endif
