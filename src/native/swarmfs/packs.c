#define _GNU_SOURCE
#include "packs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  PACK_BYTES = 64 * 1024 * 1024,
  INDEX_BYTES = HASH_BYTES + 8, /* hash, offset, length */
  MOST_WAITING_BYTES = 128 * 1024 * 1024,
};

static int open_file(const struct store *store, uint32_t number, const char *kind, int flags) {
  char name[32];
  snprintf(name, sizeof name, "%u.%s", number, kind);
  return openat(store->directory, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static void remove_file(const struct store *store, uint32_t number, const char *kind) {
  char name[32];
  snprintf(name, sizeof name, "%u.%s", number, kind);
  unlinkat(store->directory, name, 0);
}

static int free_pack(const struct store *store) {
  for (int i = 0; i < STORE_PACKS; i++)
    if (store->packs[i].fd < 0) return i;
  return -1;
}

static void enter_pack(struct store *store, struct blob *blob, int pack, uint32_t offset) {
  blob->pack = pack;
  blob->offset = offset;
  blob->next_of_pack = store->packs[pack].first;
  store->packs[pack].first = blob;
}

void packs_leave(struct store *store, struct blob *blob) {
  if (blob->pack < 0) return;
  struct blob **link = &store->packs[blob->pack].first;
  while (*link && *link != blob) link = &(*link)->next_of_pack;
  if (*link) *link = blob->next_of_pack;
  blob->pack = -1;
}

static void drop_pack(struct store *store, int index) {
  struct pack *pack = &store->packs[index];
  for (struct blob *blob = pack->first, *next; blob; blob = next) {
    next = blob->next_of_pack;
    blob->pack = -1;
    if (!blob->data) blob_remove(store, blob);
  }
  close(pack->fd);
  store->pack_count--;
  store->disk_bytes -= pack->length;
  store->evicted_bytes += pack->length;
  remove_file(store, pack->number, "pack");
  remove_file(store, pack->number, "index");
  *pack = (struct pack){.fd = -1};
}

static int is_being_written(const struct pack *pack) {
  for (const struct blob *blob = pack->first; blob; blob = blob->next_of_pack)
    if (blob->writing) return 1;
  return 0;
}

/* The packs used longest ago go; never those into which the writer writes. There may be many small ones: each start begins one. */
static void keep_limit(struct store *store) {
  while (store->disk_bytes > store->disk_limit_bytes || store->pack_count > store->pack_limit) {
    int oldest = -1;
    for (int i = 0; i < STORE_PACKS; i++) {
      if (store->packs[i].fd < 0 || i == store->current || is_being_written(&store->packs[i])) continue;
      if (oldest < 0 || store->packs[i].last_use < store->packs[oldest].last_use) oldest = i;
    }
    if (oldest < 0) return;
    drop_pack(store, oldest);
  }
}

static void load_index(struct store *store, int index) {
  struct pack *pack = &store->packs[index];
  int fd = open_file(store, pack->number, "index", O_RDONLY);
  FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
  if (!file) return;
  unsigned char record[INDEX_BYTES];
  while (fread(record, sizeof record, 1, file) == 1) {
    uint32_t offset = get_u32(record + HASH_BYTES), length = get_u32(record + HASH_BYTES + 4);
    /* What a crash cut off is not there; what it garbled is found when it is hashed. */
    if (length > TREE_WHOLE_BYTES || offset > pack->length || pack->length - offset < length) continue;
    if (blob_find(store, record)) continue;
    struct blob *blob = blob_add(store, record, length);
    if (blob) enter_pack(store, blob, index, offset);
  }
  fclose(file);
}

static void load_pack(struct store *store, uint32_t number) {
  int index = free_pack(store);
  int fd = index < 0 ? -1 : open_file(store, number, "pack", O_RDWR);
  off_t length = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
  if (length < 0 || length > 2 * PACK_BYTES) {
    if (fd >= 0) close(fd);
    if (length > 0) { /* nobody has written that */
      remove_file(store, number, "pack");
      remove_file(store, number, "index");
    }
    return;
  }
  store->packs[index] =
      (struct pack){.fd = fd, .number = number, .length = (uint32_t)length, .last_use = number};
  store->pack_count++;
  store->disk_bytes += (uint64_t)length;
  if (number > store->use) store->use = number;
  load_index(store, index);
  keep_limit(store);
}

/* Nothing says what is in a pack that is gone, and a new one of its number would go on in this. */
static void drop_lone_index(const struct store *store, uint32_t number) {
  char name[32];
  struct stat of;
  snprintf(name, sizeof name, "%u.pack", number);
  if (fstatat(store->directory, name, &of, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
    remove_file(store, number, "index");
}

/* The others are for the kernel, the peer and what is read. */
static int pack_limit(void) {
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur / 2 >= STORE_PACKS) return STORE_PACKS - 1;
  return (int)files.rlim_cur / 2;
}

void packs_load(struct store *store) {
  for (int i = 0; i < STORE_PACKS; i++) store->packs[i].fd = -1;
  store->pack_limit = pack_limit();
  int fd = openat(store->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *stream = fd < 0 ? NULL : fdopendir(fd);
  if (!stream) return;
  for (struct dirent *entry; (entry = readdir(stream));) {
    unsigned number;
    int end = 0;
    if (sscanf(entry->d_name, "%u.index%n", &number, &end) == 1 && end && !entry->d_name[end])
      drop_lone_index(store, number);
    end = 0;
    if (sscanf(entry->d_name, "%u.pack%n", &number, &end) != 1 || !end || entry->d_name[end]) continue;
    if (number >= store->next_number) store->next_number = number + 1;
    load_pack(store, number);
  }
  closedir(stream);
}

unsigned char *packs_read(struct store *store, const struct blob *blob) {
  unsigned char *data = malloc(blob->length ? blob->length : 1), hash[HASH_BYTES];
  if (!data || blob->pack < 0) {
    free(data);
    return NULL;
  }
  ssize_t got = pread(store->packs[blob->pack].fd, data, blob->length, blob->offset);
  sha256_of(data, got > 0 ? (size_t)got : 0, hash);
  if (got == (ssize_t)blob->length && memcmp(hash, blob->hash, HASH_BYTES) == 0) return data;
  free(data);
  return NULL;
}

static int start_pack(struct store *store) {
  int index = free_pack(store);
  uint32_t number = store->next_number++;
  int fd = index < 0 ? -1 : open_file(store, number, "pack", O_RDWR | O_CREAT | O_EXCL);
  if (fd < 0) return -1;
  store->packs[index] = (struct pack){.fd = fd, .number = number};
  store->pack_count++;
  store->current = index;
  return 0;
}

void packs_write(struct store *store, struct blob *blob) {
  if (!store->has_writer || store->memory_bytes > MOST_WAITING_BYTES) return;
  if (store->current < 0 || store->packs[store->current].length + blob->length > PACK_BYTES) {
    store->current = -1;
    if (start_pack(store) != 0) return;
  }
  struct pack *pack = &store->packs[store->current];
  enter_pack(store, blob, store->current, pack->length);
  pack->length += blob->length;
  pack->last_use = ++store->use;
  store->disk_bytes += blob->length;
  blob->writing = 1;
  blob->next_to_write = NULL;
  pthread_mutex_lock(&store->lock);
  *store->to_write_last = blob;
  store->to_write_last = &blob->next_to_write;
  pthread_cond_signal(&store->wake);
  pthread_mutex_unlock(&store->lock);
  keep_limit(store);
}

/* ---- The writer's thread: it reads blobs that are `writing`, which nobody changes meanwhile. ---- */

struct written_place {
  int fd;
  uint32_t number;
};

static int write_blob(struct store *store, const struct blob *blob, struct written_place place) {
  for (uint32_t at = 0; at < blob->length;) {
    ssize_t done = pwrite(place.fd, blob->data + at, blob->length - at, (off_t)blob->offset + at);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return -1;
    at += (uint32_t)done;
  }
  if (store->index_fd < 0 || store->index_number != place.number) {
    if (store->index_fd >= 0) close(store->index_fd);
    store->index_fd = open_file(store, place.number, "index", O_WRONLY | O_CREAT | O_APPEND);
    store->index_number = place.number;
  }
  unsigned char record[INDEX_BYTES];
  memcpy(record, blob->hash, HASH_BYTES);
  put_u32(record + HASH_BYTES, blob->offset);
  put_u32(record + HASH_BYTES + 4, blob->length);
  if (write(store->index_fd, record, sizeof record) == (ssize_t)sizeof record) return 0;
  /* Half of a record, as on a full disk, would put those that follow out of their places. */
  struct stat of;
  if (fstat(store->index_fd, &of) == 0 && of.st_size % INDEX_BYTES)
    while (ftruncate(store->index_fd, of.st_size - of.st_size % INDEX_BYTES) != 0 && errno == EINTR) continue;
  return -1;
}

__attribute__((noreturn)) static void *write_behind(void *argument) {
  struct store *store = argument;
  pthread_mutex_lock(&store->lock);
  for (;;) {
    while (!store->to_write) pthread_cond_wait(&store->wake, &store->lock);
    struct blob *blob = store->to_write;
    store->to_write = blob->next_to_write;
    if (!store->to_write) store->to_write_last = &store->to_write;
    struct written_place place = {store->packs[blob->pack].fd, store->packs[blob->pack].number};
    pthread_mutex_unlock(&store->lock);
    /* A full disk costs the copy there, which is then found to be damaged. */
    int failed = write_blob(store, blob, place) != 0;
    pthread_mutex_lock(&store->lock);
    store->write_failures += (uint64_t)failed;
    blob->next_to_write = NULL;
    *store->written_last = blob;
    store->written_last = &blob->next_to_write;
  }
}

int packs_start(struct store *store) {
  int error = pthread_create(&store->writer, NULL, write_behind, store);
  store->has_writer = error == 0;
  errno = error;
  return error ? -1 : 0;
}
