#define _GNU_SOURCE
#include "store.h"

#include <unistd.h>

#include "packs.h"

static uint64_t key_of(const unsigned char hash[HASH_BYTES]) { return get_u64(hash); }

static struct blob *find(const struct store *store, const unsigned char hash[HASH_BYTES]) {
  struct blob *blob = map_get(&store->by_hash, key_of(hash));
  while (blob && memcmp(blob->hash, hash, HASH_BYTES) != 0) blob = blob->next_of_key;
  return blob;
}

struct blob *store_add(struct store *store, const unsigned char hash[HASH_BYTES], uint32_t length) {
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

static void leave_memory(struct store *store, struct blob *blob) {
  if (blob->newer) blob->newer->older = blob->older;
  else store->newest = blob->older;
  if (blob->older) blob->older->newer = blob->newer;
  else store->oldest = blob->newer;
  blob->newer = blob->older = NULL;
}

static void enter_memory(struct store *store, struct blob *blob) {
  blob->newer = NULL;
  blob->older = store->newest;
  if (store->newest) store->newest->newer = blob;
  else store->oldest = blob;
  store->newest = blob;
}

void store_remove(struct store *store, struct blob *blob) {
  struct blob *first = map_get(&store->by_hash, key_of(blob->hash)), **link = &first;
  while (*link && *link != blob) link = &(*link)->next_of_key;
  if (*link) *link = blob->next_of_key;
  if (!first) map_remove(&store->by_hash, key_of(blob->hash));
  else map_set(&store->by_hash, key_of(blob->hash), first);
  if (blob->data) {
    leave_memory(store, blob);
    store->memory_bytes -= blob->length;
  }
  free(blob->data);
  free(blob);
}

/* The least used leave memory; those on no disk are then gone. */
static void make_room(struct store *store, const struct blob *keep) {
  struct blob *blob = store->oldest;
  while (blob && store->memory_bytes > store->memory_limit_bytes) {
    struct blob *next = blob->newer;
    if (!blob->writing && blob != keep) {
      if (blob->pack < 0) {
        store_remove(store, blob);
      } else {
        leave_memory(store, blob);
        store->memory_bytes -= blob->length;
        free(blob->data);
        blob->data = NULL;
      }
    }
    blob = next;
  }
}

void store_settle(struct store *store) {
  if (!store->has_writer) return;
  pthread_mutex_lock(&store->lock);
  struct blob *done = store->written;
  store->written = NULL;
  store->written_last = &store->written;
  pthread_mutex_unlock(&store->lock);
  if (!done) return;
  for (; done; done = done->next_to_write) done->writing = 0;
  make_room(store, NULL);
}

const unsigned char *store_get(struct store *store, const unsigned char hash[HASH_BYTES], uint32_t *length) {
  struct blob *blob = find(store, hash);
  if (!blob) return NULL;
  if (blob->pack >= 0) store->packs[blob->pack].last_use = ++store->use;
  if (blob->data) {
    leave_memory(store, blob);
  } else {
    blob->data = packs_read(store, blob);
    if (!blob->data) {
      store->damaged++;
      packs_leave(store, blob);
      store_remove(store, blob);
      return NULL;
    }
    store->memory_bytes += blob->length;
  }
  enter_memory(store, blob);
  make_room(store, blob);
  store->hits++;
  *length = blob->length;
  return blob->data;
}

int store_has(struct store *store, const unsigned char hash[HASH_BYTES]) { return find(store, hash) != NULL; }

void store_put(struct store *store, const unsigned char hash[HASH_BYTES], const void *data, uint32_t length) {
  if (find(store, hash)) return;
  struct blob *blob = store_add(store, hash, length);
  if (!blob) return;
  blob->data = malloc(length ? length : 1);
  if (!blob->data) {
    store_remove(store, blob);
    return;
  }
  memcpy(blob->data, data, length);
  store->memory_bytes += length;
  enter_memory(store, blob);
  packs_write(store, blob);
  make_room(store, blob);
}
