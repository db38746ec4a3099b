/* LOOKS: what there is at paths of this machine, for the peer itself; and whether that holds until a change of it is told. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "../fact.h"
#include "entry.h"

struct looks {
  struct server *server;
  char path[PATH_MAX]; /* the directory that was looked into last */
  int is_open;
  struct reached reached;
  struct place *place; /* NULL: nothing in it can be watched, or on the way to it */
};

static void leave(struct looks *looks) {
  if (looks->is_open) reached_close(&looks->reached);
  looks->is_open = 0;
}

/* What is watched already stays so, however much that is. */
static int may_watch(const struct server *server, const char *path) {
  const struct watcher *watcher = &server->watcher;
  const struct place *known = place_find(&watcher->places, path);
  return watcher->places.count < server->most_watched || (known && known->watch >= 0);
}

static void enter(struct looks *looks, const char *path) {
  if (looks->is_open && strcmp(looks->path, path) == 0) return;
  leave(looks);
  struct server *server = looks->server;
  struct reached *reached = &looks->reached;
  strcpy(looks->path, path);
  looks->is_open = 1;
  looks->place = NULL;
  *reached = (struct reached){.fd = -1};
  if (!may_watch(server, path)) return;
  reach(&server->reacher, path, reached);
  if (reached->fd < 0 || !S_ISDIR(reached->stat.st_mode)) return;
  struct place *place = watch_reached(&server->reacher, reached, path);
  looks->place = place;
  for (const struct place *way = place; way; way = way->parent)
    if (needs_comparing(way)) looks->place = NULL;
}

/* Watches what is there; 1 if all that can become of it raises an event. */
static int is_watched(struct looks *looks, const char *path, int fd, const struct stat *stat) {
  const struct reacher *reacher = &looks->server->reacher;
  if (S_ISLNK(stat->st_mode)) return 1;
  if (!S_ISDIR(stat->st_mode) && !S_ISREG(stat->st_mode)) return 0;
  if (!may_watch(looks->server, path)) return 0;
  const struct reached reached = {.fd = fd, .directory = looks->place};
  /* A file is written by another name, or through a file server, without an event in this directory. */
  const struct place *place = S_ISDIR(stat->st_mode) ? watch_reached(reacher, &reached, path)
                                                     : watch_file(reacher->watcher, &reached, path);
  return place && place->watch >= 0 && !needs_comparing(place);
}

/* A path whose directory cannot be watched, or is none: as it is. Returns an errno. */
static int look_plainly(const char *path, unsigned char fact[FACT_BYTES]) {
  struct stat stat;
  int error = lstat(*path ? path : "/", &stat) == 0 ? 0 : errno;
  put_fact(fact, error == 0 ? &stat : NULL);
  return error == ENOENT || error == ENOTDIR ? 0 : error;
}

/* Returns an errno. */
static int look(struct looks *looks, const char *path, unsigned char fact[FACT_BYTES], int *holds) {
  char directory[PATH_MAX];
  const char *slash = strrchr(path, '/');
  *holds = 0;
  if (!slash) return look_plainly(path, fact);
  memcpy(directory, path, (size_t)(slash - path));
  directory[slash - path] = '\0';
  enter(looks, directory);
  if (!looks->place) return look_plainly(path, fact);
  int fd = openat(looks->reached.fd, slash + 1, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 && errno != ENOENT) return look_plainly(path, fact);
  struct stat stat;
  if (fd < 0) {
    /* That it comes is an event of its directory. */
    put_fact(fact, NULL);
    *holds = 1;
    return 0;
  }
  int error = fstat(fd, &stat) == 0 ? 0 : errno;
  if (error == 0) {
    *holds = is_watched(looks, path, fd, &stat);
    /* What happened before it was watched shows in it. */
    error = fstat(fd, &stat) == 0 ? 0 : errno;
  }
  put_fact(fact, error == 0 ? &stat : NULL);
  close(fd);
  return error;
}

int serve_looks(struct server *server, const struct frame *frame) {
  struct cursor from = cursor_of(frame);
  struct bytes *to = &server->link.outgoing;
  struct looks looks = {.server = server};
  char path[PATH_MAX];
  size_t start = frame_start(to, FRAME_TREE_LOOKED);
  add_u32(to, take_u32(&from));
  add_u64(to, server->watcher.generation);
  size_t error_at = to->length;
  add_u32(to, 0);
  while (!from.failed && cursor_left(&from) > 0) {
    unsigned char record[1 + FACT_BYTES];
    int holds = 0;
    take_path(&from, path);
    if (from.failed) break;
    int error = look(&looks, path, record + 1, &holds);
    if (error != 0 && !to->failed && get_u32(to->data + error_at) == 0)
      put_u32(to->data + error_at, (uint32_t)error);
    record[0] = (unsigned char)holds;
    bytes_add(to, record, sizeof record);
  }
  leave(&looks);
  frame_finish(to, start);
  return from.failed ? -1 : 0;
}
