/* BARRIER: all that changed before this request came; and, where that is little, what there is now. */
#define _GNU_SOURCE
#include <poll.h>

#include "entry.h"

/* Who changes more, as a checkout does, has hardly any of it looked at soon. */
enum { MOST_LOOKED_AT = 64 };

struct looking {
  struct server *server;
  int looks;
  /* The directory that was looked into last; the place is NULL if nothing can be told of it. */
  const char *path;
  struct reached reached;
  struct place *place;
};

static void leave(struct looking *looking) {
  if (looking->path) reached_close(&looking->reached);
  looking->path = NULL;
}

/* What raises no event is looked at by comparisons only, as what they are with must be what was told. */
static void enter(struct looking *looking, const char *path) {
  if (looking->path && strcmp(looking->path, path) == 0) return;
  leave(looking);
  struct server *server = looking->server;
  struct reached *reached = &looking->reached;
  reach(&server->reacher, path, reached);
  looking->path = path;
  looking->place = NULL;
  if (reached->fd < 0 || !S_ISDIR(reached->stat.st_mode)) return;
  struct place *place = watch_reached(&server->reacher, reached, path);
  if (place && !needs_comparing(place)) looking->place = place;
}

static int write_seen(struct looking *looking, struct bytes *to, const struct change *change) {
  enter(looking, change->text);
  if (!looking->place) return 0;
  struct listing listing = {
      .server = looking->server,
      .path = change->text,
      .reached = &looking->reached,
      .place = looking->place,
      .fd = looking->reached.fd,
  };
  size_t start = to->length;
  struct tree_attr attr;
  struct stat stat;
  add_entry(&listing, to, change->name, &attr, &stat);
  if (!needs_comparing(listing.place)) return 1;
  /* A watch could not be had for it. */
  looking->place = NULL;
  if (!to->failed) to->length = start;
  return 0;
}

static void write_change(void *context, struct bytes *to, const struct change *change) {
  struct looking *looking = context;
  if (looking->looks && write_seen(looking, to, change)) return;
  add_u8(to, ENTRY_UNTOLD);
  add_text(to, change->name);
}

/* Has anything changed since events were taken in? */
static int is_quiet(struct watcher *watcher) {
  struct pollfd events = {.fd = watcher->inotify, .events = POLLIN};
  return poll(&events, 1, 0) == 0 && !mounts_are_news(&watcher->mounts);
}

/* The queue of inotify is in the order of changes, so that all before this request are in the answer. */
int serve_barrier(struct server *server, const struct frame *frame) {
  if (frame->length != 4) return -1;
  server->figures.barriers++;
  struct watcher *watcher = &server->watcher;
  struct changes *changes = &watcher->changes;
  struct bytes *to = &server->link.outgoing;
  struct looking looking = {.server = server};
  looking.looks = !server->changes_only && changes->count <= MOST_LOOKED_AT;
  uint32_t id = get_u32(frame->payload);
  size_t start = to->length;
  if (looking.looks) changes_add_times(changes);
  changes_write(changes, to, id, watcher->generation, write_change, &looking);
  leave(&looking);
  /* What was seen is how all of it was at one moment, or is not told; what happened meanwhile is. */
  if (looking.looks && changes->count > 0 && !is_quiet(watcher) && !to->failed) {
    watcher_drain(watcher);
    looking.looks = 0;
    to->length = start;
    changes_write(changes, to, id, watcher->generation, write_change, &looking);
  }
  changes_clear(changes);
  return 0;
}
