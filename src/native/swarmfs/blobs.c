#define _GNU_SOURCE
#include "blobs.h"

static uint64_t key_of(const unsigned char hash[HASH_BYTES]) { return get_u64(hash); }

struct blob *blob_find(const struct store *store, const unsigned char hash[HASH_BYTES]) {
  struct blob *blob = map_get(&store->by_hash, key_of(hash));
  while (blob && memcmp(blob->hash, hash, HASH_BYTES) != 0) blob = blob->next_of_key;
  return blob;
}

struct blob *blob_add(struct store *store, const unsigned char hash[HASH_BYTES], uint32_t length) {
  struct blob *blob = calloc(1, sizeof *blob);
  if (!blob) return NULL;
  memcpy(blob->hash, hash, HASH_BYTES);
  blob->length = length;
  blob->pack = -1;
  blob->next_of_key = map_get(&store->by_hash, key_of(hash));
  if (map_set(&store->by_hash, key_of(hash), blob) == 0) return blob;
  free(blob);
  return NULL;
}

void blob_leave_memory(struct store *store, struct blob *blob) {
  if (blob->newer) blob->newer->older = blob->older;
  else store->newest = blob->older;
  if (blob->older) blob->older->newer = blob->newer;
  else store->oldest = blob->newer;
  blob->newer = blob->older = NULL;
}

void blob_enter_memory(struct store *store, struct blob *blob) {
  blob->newer = NULL;
  blob->older = store->newest;
  if (store->newest) store->newest->newer = blob;
  else store->oldest = blob;
  store->newest = blob;
}

void blob_remove(struct store *store, struct blob *blob) {
  struct blob *first = map_get(&store->by_hash, key_of(blob->hash)), **link = &first;
  while (*link && *link != blob) link = &(*link)->next_of_key;
  if (*link) *link = blob->next_of_key;
  if (!first) map_remove(&store->by_hash, key_of(blob->hash));
  else map_set(&store->by_hash, key_of(blob->hash), first);
  if (blob->data) {
    blob_leave_memory(store, blob);
    store->memory_bytes -= blob->length;
  }
  free(blob->data);
  free(blob);
}
