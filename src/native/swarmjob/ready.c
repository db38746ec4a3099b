#define _GNU_SOURCE
#include "ready.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const own_parts[OWN_PARTS] = {"/dev", "/dev/pts", "/dev/shm", "/sys"};

/* Those that we are in. 0, or -1 with errno. */
static int open_own(struct place *place) {
  static const char *const names[PLACE_NAMESPACES] = {"mnt", "ipc", "uts"};
  for (int i = 0; i < PLACE_NAMESPACES; i++) place->namespaces[i] = -1;
  for (int i = 0; i < PLACE_NAMESPACES; i++) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
    place->namespaces[i] = open(path, O_RDONLY | O_CLOEXEC);
    if (place->namespaces[i] < 0) return -1;
  }
  return 0;
}

static void close_place(struct place *place) {
  for (int i = 0; i < PLACE_NAMESPACES; i++)
    if (place->namespaces[i] >= 0) close(place->namespaces[i]);
}

static int go_into(const struct place *place) { return setns(place->namespaces[0], CLONE_NEWNS); }

/* Whoever is in no place must not stay in another's: all that was built there would look like home. */
static void go_home(const struct workshop *workshop) {
  for (int i = 0; i < PLACE_NAMESPACES; i++)
    if (setns(workshop->home.namespaces[i], 0) != 0) abort();
}

int workshop_open(struct workshop *workshop, const struct job *job) {
  workshop->tree = open(job->tree, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (workshop->tree < 0) return -1;
  /* The machine's own could not be come back to: they are not of our user namespace. */
  return unshare(CLONE_NEWIPC | CLONE_NEWUTS) != 0 ? -1 : open_own(&workshop->home);
}

/* 0 and what lies below a layer; `covered->is_there` is 0 where the tree has no such directory. */
static int look_below(const struct workshop *workshop, const char *area, struct covered *covered,
                      struct stat *of) {
  int fd = open_inside(workshop->tree, area);
  if (fd < 0 && errno != ENOENT && errno != ENOTDIR) return -1;
  covered->is_there = fd >= 0;
  if (fd < 0) return 0;
  int failed = fstat(fd, of);
  close(fd);
  covered->lower_device = of->st_dev;
  covered->lower_inode = of->st_ino;
  return failed;
}

static dev_t device_of(const char *path) {
  struct stat of;
  return lstat(path, &of) == 0 ? of.st_dev : 0;
}

static int build(struct ready_place *ready, const struct job *job) {
  const char *stage;
  if (unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS) != 0) return -1;
  if (open_own(&ready->place) != 0 || build_place(job, 1, &stage) != 0) return -1;
  for (int i = 0; i < job->area_count; i++) ready->areas[i].layer_device = device_of(job->areas[i]);
  for (int i = 0; i < OWN_PARTS; i++) ready->parts[i] = device_of(own_parts[i]);
  return 0;
}

int ready_make(struct ready_place *ready, const struct workshop *workshop, const struct job *job) {
  struct stat of;
  for (int i = 0; i < PLACE_NAMESPACES; i++) ready->place.namespaces[i] = -1;
  for (int i = 0; i < job->area_count; i++)
    if (look_below(workshop, job->areas[i], &ready->areas[i], &of) != 0) return -1;
  int failed = build(ready, job);
  go_home(workshop);
  if (failed) close_place(&ready->place);
  return failed;
}

/* In the place: the layer is still there, and is shown as the directory below it is now. */
static int is_layer_fresh(const char *area, const struct covered *covered, const struct stat *lower) {
  struct stat layer;
  if (lstat(area, &layer) != 0 || layer.st_dev != covered->layer_device || layer.st_mode != lower->st_mode)
    return 0;
  if (layer.st_mtim.tv_sec == lower->st_mtim.tv_sec && layer.st_mtim.tv_nsec == lower->st_mtim.tv_nsec)
    return 1;
  return utimensat(AT_FDCWD, area, (struct timespec[]){lower->st_atim, lower->st_mtim}, 0) == 0;
}

int ready_is_fresh(const struct ready_place *ready, const struct workshop *workshop, const struct job *job) {
  struct stat lower[MOST_AREAS];
  for (int i = 0; i < job->area_count; i++) {
    struct covered now;
    const struct covered *then = &ready->areas[i];
    if (look_below(workshop, job->areas[i], &now, &lower[i]) != 0 || now.is_there != then->is_there) return 0;
    if (now.is_there && (now.lower_device != then->lower_device || now.lower_inode != then->lower_inode))
      return 0;
  }
  int is_fresh = go_into(&ready->place) == 0;
  for (int i = 0; i < job->area_count && is_fresh; i++)
    if (ready->areas[i].is_there) is_fresh = is_layer_fresh(job->areas[i], &ready->areas[i], &lower[i]);
  for (int i = 0; i < OWN_PARTS && is_fresh; i++) is_fresh = device_of(own_parts[i]) == ready->parts[i];
  go_home(workshop);
  return is_fresh;
}

void ready_close(struct ready_place *ready) { close_place(&ready->place); }
