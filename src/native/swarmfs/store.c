#define _GNU_SOURCE
#include "store.h"

#include <fcntl.h>
#include <unistd.h>

#include "packs.h"

int store_open(struct store *store, const char *path, uint64_t memory_limit_bytes,
               uint64_t disk_limit_bytes) {
  store->directory = store->current = store->index_fd = -1;
  store->memory_limit_bytes = memory_limit_bytes;
  store->disk_limit_bytes = disk_limit_bytes;
  store->to_write_last = &store->to_write;
  store->written_last = &store->written;
  pthread_mutex_init(&store->lock, NULL);
  pthread_cond_init(&store->wake, NULL);
  if (!*path) return 0;
  store->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (store->directory < 0) return -1;
  packs_load(store);
  return 0;
}

int store_start(struct store *store) {
  if (store->directory < 0) return 0;
  return packs_start(store);
}

/* The least used leave memory; those on no disk are then gone. */
static void make_room(struct store *store, const struct blob *keep) {
  struct blob *blob = store->oldest;
  while (blob && store->memory_bytes > store->memory_limit_bytes) {
    struct blob *next = blob->newer;
    if (!blob->writing && blob != keep) {
      if (blob->pack < 0) {
        blob_remove(store, blob);
      } else {
        blob_leave_memory(store, blob);
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
  struct blob *blob = blob_find(store, hash);
  if (!blob) return NULL;
  if (blob->pack >= 0) store->packs[blob->pack].last_use = ++store->use;
  if (blob->data) {
    blob_leave_memory(store, blob);
  } else {
    blob->data = packs_read(store, blob);
    if (!blob->data) {
      store->damaged++;
      packs_leave(store, blob);
      blob_remove(store, blob);
      return NULL;
    }
    store->memory_bytes += blob->length;
  }
  blob_enter_memory(store, blob);
  make_room(store, blob);
  store->hits++;
  *length = blob->length;
  return blob->data;
}

int store_has(struct store *store, const unsigned char hash[HASH_BYTES]) {
  return blob_find(store, hash) != NULL;
}

void store_put(struct store *store, const unsigned char hash[HASH_BYTES], const void *data, uint32_t length) {
  if (blob_find(store, hash)) return;
  struct blob *blob = blob_add(store, hash, length);
  if (!blob) return;
  blob->data = malloc(length ? length : 1);
  if (!blob->data) {
    blob_remove(store, blob);
    return;
  }
  memcpy(blob->data, data, length);
  store->memory_bytes += length;
  blob_enter_memory(store, blob);
  packs_write(store, blob);
  make_room(store, blob);
}
