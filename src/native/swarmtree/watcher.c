#define _GNU_SOURCE
#include "watcher.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
  DIRECTORY_EVENTS = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MODIFY | IN_ATTRIB |
                     IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR,
  FILE_EVENTS = IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_DELETE_SELF,
  NAME_EVENTS = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO,
  GONE_EVENTS = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED,
};

int watcher_open(struct watcher *watcher) {
  *watcher = (struct watcher){.generation = 1};
  watcher->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (watcher->inotify < 0 || places_open(&watcher->places) != 0) return -1;
  changes_open(&watcher->changes);
  mounts_open(&watcher->mounts);
  return 0;
}

static void remove_watch(void *context, int watch) {
  inotify_rm_watch(((struct watcher *)context)->inotify, watch);
}
static void leave_watch(void *context, int watch) { (void)context, (void)watch; }

void watcher_forget(struct watcher *watcher, struct place *place) {
  place_drop(&watcher->places, place, remove_watch, watcher);
}

/* Events were lost: nothing that was ever told is known to hold. */
static void start_anew(struct watcher *watcher) {
  int fresh = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fresh >= 0) {
    /* Under the same number, which the loop polls; the old watches go at once with the old instance. */
    dup3(fresh, watcher->inotify, O_CLOEXEC);
    close(fresh);
    place_drop(&watcher->places, watcher->places.root, leave_watch, NULL);
  } else {
    watcher_forget(watcher, watcher->places.root);
  }
  changes_add_everything(&watcher->changes);
}

void watcher_watch(struct watcher *watcher, struct place *place, int fd, const char *name) {
  if (place->watch >= 0) return;
  char path[NAME_MAX + 32];
  snprintf(path, sizeof path, name ? "/proc/self/fd/%d/%s" : "/proc/self/fd/%d", fd, name);
  uint32_t events = place->is_file ? FILE_EVENTS : DIRECTORY_EVENTS;
  int watch = inotify_add_watch(watcher->inotify, path, name ? events | IN_DONT_FOLLOW : events);
  /* What was told without events is compared for as long as it is told, even if events come by now. */
  if (watch >= 0 && place_set_watch(&watcher->places, place, watch) == 0) return;
  if (watch < 0 && errno == ENOSPC) watcher->limits++;
  place_unwatch(&watcher->places, place);
}

static void path_changed(struct watcher *watcher, const char *path, int kind) {
  changes_add_path(&watcher->changes, kind, path);
}

/* Something happened to `name` in the directory `place`. */
static void take_child_event(struct watcher *watcher, struct place *place, uint32_t mask, const char *name) {
  char directory[PATH_MAX];
  if (place_path(place, directory) != 0) return;
  if (!is_name(name)) {
    /* Some file systems have longer ones than are told to anybody, whose message would end there. */
    changes_add_path(&watcher->changes, CHANGE_NODE, directory);
    return;
  }
  if (!(mask & NAME_EVENTS)) {
    changes_add(&watcher->changes, CHANGE_NODE, directory, name);
    return;
  }
  changes_add(&watcher->changes, CHANGE_NAME, directory, name);
  struct place *child = place_child(&watcher->places, place, name);
  if (child) watcher_forget(watcher, child);
}

/* Something happened to the place itself. 1 if it is gone from the table. */
static int take_own_event(struct watcher *watcher, struct place *place, uint32_t mask) {
  char path[PATH_MAX];
  if (place_path(place, path) != 0) return 0;
  int gone = (mask & GONE_EVENTS) != 0;
  path_changed(watcher, path, gone && !place->is_file ? CHANGE_NAME : CHANGE_NODE);
  if (gone) watcher_forget(watcher, place);
  return gone;
}

static void take_event(struct watcher *watcher, const struct inotify_event *event) {
  watcher->events++;
  if (event->mask & IN_Q_OVERFLOW) {
    watcher->overflows++;
    start_anew(watcher);
    return;
  }
  struct place *place = places_of_watch(&watcher->places, event->wd);
  while (place) {
    if (event->len == 0) {
      /* What goes may take places below with it, even the next of this watch: so the list is read anew. */
      if (take_own_event(watcher, place, event->mask)) place = places_of_watch(&watcher->places, event->wd);
      else place = place->next_of_watch;
      continue;
    }
    struct place *next = place->next_of_watch;
    take_child_event(watcher, place, event->mask, event->name);
    /* A directory mounted below itself could have lost its own entry. */
    if (next && places_of_watch(&watcher->places, event->wd) == NULL) return;
    place = next;
  }
}

static int drain_events(struct watcher *watcher) {
  char buffer[64 * 1024] __attribute__((aligned(8)));
  int found = 0;
  ssize_t got;
  uint64_t overflows = watcher->overflows;
  while ((got = read(watcher->inotify, buffer, sizeof buffer)) > 0) {
    found = 1;
    for (char *at = buffer; at < buffer + got && watcher->overflows == overflows;) {
      const struct inotify_event *event = (const struct inotify_event *)at;
      take_event(watcher, event);
      at += sizeof *event + event->len;
    }
    /* The rest of this buffer speaks of watches that went with the old instance. */
    overflows = watcher->overflows;
  }
  return found;
}

/* What was mounted or unmounted may have put something else under a path, without an event. */
static void take_mount(void *context, const char *path) {
  struct watcher *watcher = context;
  struct place *place = is_path(path) ? place_find(&watcher->places, path) : NULL;
  if (is_path(path)) path_changed(watcher, path, CHANGE_NAME);
  else changes_add_everything(&watcher->changes);
  if (place) watcher_forget(watcher, place);
}

void watcher_drain(struct watcher *watcher) {
  int found = drain_events(watcher);
  if (mounts_changed(&watcher->mounts, take_mount, watcher)) found = 1;
  if (found) watcher->generation++;
}
