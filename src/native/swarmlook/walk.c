#define _GNU_SOURCE
#include "walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Looks between two at the clock. */
enum { LOOKS_A_TIME = 64 };

struct walk {
  const struct walk_request *request;
  struct answer *answer;
  uint32_t looks, changed;
  enum walk_cut cut;
  int64_t until_ns;
  /* Those that were asked for, in order. */
  char **roots;
  size_t root_count;
  /* Directories that are still to be walked, the next one last. */
  char **waiting;
  size_t count, room;
  /* The one that is walked. */
  char path[PATH_MAX];
};

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return nanoseconds(now);
}

static void wait_with(struct walk *walk, const char *path) {
  if (walk->count == walk->room) {
    walk->room = walk->room * 2 + 64;
    walk->waiting = realloc(walk->waiting, walk->room * sizeof *walk->waiting);
    if (walk->waiting == NULL) exit(1);
  }
  char *copy = strdup(path);
  if (copy == NULL) exit(1);
  walk->waiting[walk->count++] = copy;
}

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static int is_root(const struct walk *walk, const char *path) {
  return bsearch(&path, walk->roots, walk->root_count, sizeof path, compare) != NULL;
}

/* Counts a look; 0: there may be no more. */
static int may_look(struct walk *walk) {
  if (walk->looks >= walk->request->max_looks) walk->cut = WALK_LOOKS;
  else if (++walk->looks % LOOKS_A_TIME == 0 && now_ns() > walk->until_ns) walk->cut = WALK_TIME;
  return walk->cut == WALK_WHOLE;
}

/* `name` is empty for the directory itself. 0: no more may be told. */
static int tell_if_changed(struct walk *walk, const struct stat *stats, const char *name) {
  if (nanoseconds(stats->st_ctim) < walk->request->since_ns) return 1;
  if (walk->changed >= walk->request->max_changed) {
    walk->cut = WALK_CHANGES;
    return 0;
  }
  walk->changed++;
  size_t length = strlen(walk->path);
  answer_put_fact(walk->answer, stats);
  answer_put(walk->answer, walk->path, length);
  if (*name != 0 && walk->path[length - 1] != '/') answer_put(walk->answer, "/", 1);
  answer_put(walk->answer, name, strlen(name) + 1);
  return 1;
}

/* An NFS client asks the server for what it opens. What may not be opened, or is gone, cannot be read by a command either. */
static int open_anew(int directory, const char *name) {
  enum { HOW = O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC };
  int file = openat(directory, name, HOW);
  /* It was replaced on the server; asked once more, the client looks the name up. */
  if (file < 0 && errno == ESTALE) file = openat(directory, name, HOW);
  if (file < 0)
    return means_absent(errno) || errno == EACCES || errno == EPERM || errno == ELOOP || errno == ENXIO
               ? 0
               : errno;
  close(file);
  return 0;
}

/* Returns an errno. */
static int take_entry(struct walk *walk, int directory, const struct dirent *entry) {
  const char *name = entry->d_name;
  unsigned char type = entry->d_type;
  struct stat stats;
  int is_looked_at = walk->request->purpose == WALK_CHANGED ? type != DT_DIR : type == DT_UNKNOWN;
  if (!may_look(walk)) return 0;
  if (is_looked_at) {
    if (fstatat(directory, name, &stats, AT_SYMLINK_NOFOLLOW) != 0) return means_absent(errno) ? 0 : errno;
    type = S_ISDIR(stats.st_mode) ? DT_DIR : S_ISREG(stats.st_mode) ? DT_REG : DT_UNKNOWN;
  }
  if (type == DT_DIR) {
    size_t length = strlen(walk->path), bytes = strlen(name);
    if (length + bytes + 2 > sizeof walk->path) return ENAMETOOLONG;
    char *end = walk->path + length;
    if (end[-1] != '/') *end++ = '/';
    memcpy(end, name, bytes + 1);
    if (!is_root(walk, walk->path)) wait_with(walk, walk->path);
    walk->path[length] = 0;
    return 0;
  }
  if (walk->request->purpose == WALK_CHANGED) return tell_if_changed(walk, &stats, name), 0;
  return type == DT_REG ? open_anew(directory, name) : 0;
}

/* What may be written to without being readable may have been changed by a command: nobody can tell. */
static int unopened(struct walk *walk) {
  int error = errno;
  if (means_absent(error)) return 0;
  if (error != EACCES) return error;
  if (walk->request->purpose == WALK_CHANGED && faccessat(AT_FDCWD, walk->path, W_OK | X_OK, AT_EACCESS) == 0)
    walk->cut = WALK_UNREADABLE;
  return 0;
}

static int walk_directory(struct walk *walk) {
  struct stat stats;
  if (!may_look(walk)) return 0;
  enum { HOW = O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC };
  int is_link = 0, descriptor = open(walk->path, HOW | O_NOFOLLOW);
  if (descriptor < 0 && (errno == ENOTDIR || errno == ELOOP) && is_root(walk, walk->path)) {
    descriptor = open(walk->path, HOW);
    is_link = 1;
  }
  if (descriptor < 0) return unopened(walk);
  DIR *directory = fdopendir(descriptor);
  if (directory == NULL) exit(1);
  int error = fstat(descriptor, &stats) == 0 ? 0 : errno;
  if (error == 0 && !is_link && walk->request->purpose == WALK_CHANGED) tell_if_changed(walk, &stats, "");
  while (error == 0 && walk->cut == WALK_WHOLE) {
    errno = 0;
    const struct dirent *entry = readdir(directory);
    if (entry == NULL) {
      error = errno;
      break;
    }
    const char *name = entry->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strncmp(name, ".buildswarm", 11) == 0) continue;
    error = take_entry(walk, descriptor, entry);
  }
  closedir(directory);
  return error;
}

/* Each directory once, the first in order last. */
static void begin_with(struct walk *walk, const char *directories, const char *end) {
  for (const char *path = directories; path < end; path += strlen(path) + 1) wait_with(walk, path);
  walk->roots = walk->waiting;
  walk->root_count = walk->count;
  walk->waiting = NULL;
  walk->count = walk->room = 0;
  if (walk->root_count > 0) qsort(walk->roots, walk->root_count, sizeof *walk->roots, compare);
  for (size_t index = walk->root_count; index-- > 0;)
    if (index == 0 || strcmp(walk->roots[index], walk->roots[index - 1]) != 0)
      wait_with(walk, walk->roots[index]);
}

static void discard(char **paths, size_t count) {
  while (count > 0) free(paths[--count]);
  free(paths);
}

int walk_below(const struct walk_request *request, const char *directories, const char *end,
               struct answer *answer, const char **failed_at) {
  static struct walk walk;
  walk = (struct walk){.request = request, .answer = answer};
  walk.until_ns = now_ns() + request->timeout_ms * INT64_C(1000000);
  begin_with(&walk, directories, end);
  size_t head = answer->bytes;
  answer_grow(answer, 3 * sizeof(uint32_t));
  int error = 0;
  while (walk.count > 0 && error == 0 && walk.cut == WALK_WHOLE) {
    char *next = walk.waiting[--walk.count];
    size_t length = strlen(next);
    if (length < sizeof walk.path) memcpy(walk.path, next, length + 1);
    else error = ENAMETOOLONG;
    free(next);
    if (error == 0) error = walk_directory(&walk);
  }
  discard(walk.waiting, walk.count);
  discard(walk.roots, walk.root_count);
  uint32_t ended[3] = {walk.cut, walk.looks, walk.changed};
  memcpy(answer->data + head, ended, sizeof ended);
  answer_put(answer, walk.path, strlen(walk.path) + 1);
  *failed_at = walk.path;
  return error;
}
