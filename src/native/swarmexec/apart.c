#define _GNU_SOURCE
#include "apart.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* As ownPlaces in src/core/own-places.ts, in that order. */
static const char *const places[] = {"/tmp", "/var/tmp", "/dev/shm"};

static int write_text(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  int error = write(fd, text, strlen(text)) < 0 ? errno : 0;
  close(fd);
  return error;
}

/* A user without rights needs a user namespace, too: in it the user is who it was, and others are nobody. */
static int enter_namespaces(void) {
  uid_t uid = geteuid();
  gid_t gid = getegid();
  if (unshare(CLONE_NEWNS) == 0) return 0;
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return errno;
  char map[64];
  int error = write_text("/proc/self/setgroups", "deny");
  snprintf(map, sizeof map, "%u %u 1\n", uid, uid);
  if (!error) error = write_text("/proc/self/uid_map", map);
  snprintf(map, sizeof map, "%u %u 1\n", gid, gid);
  return error ? error : write_text("/proc/self/gid_map", map);
}

/* `kept` was opened before it was covered. */
static int show_again(int kept, const char *path) {
  char source[40];
  snprintf(source, sizeof source, "/proc/self/fd/%d", kept);
  return mount(source, path, NULL, MS_BIND | MS_REC, NULL) == 0 || errno == ENOENT ? 0 : errno;
}

/* Some have no directory to lie over them. What a link leads to must be there: it was made for this command. */
static int is_missing(const char *scratch, size_t number) {
  char path[PATH_MAX + 8];
  struct stat of;
  snprintf(path, sizeof path, "%s/%zu", scratch, number);
  return errno == ENOENT && (lstat(path, &of) != 0 || !S_ISLNK(of.st_mode));
}

static int put_over(const char *scratch, size_t number, int kept_fd, const char *kept) {
  char own[PATH_MAX + 8];
  size_t length = strlen(places[number]);
  snprintf(own, sizeof own, "%s/%zu/u", scratch, number);
  if (mount(own, places[number], NULL, MS_BIND, NULL) != 0) {
    int error = errno;
    return is_missing(scratch, number) ? 0 : error;
  }
  int is_covered = strncmp(kept, places[number], length) == 0 && kept[length] == '/';
  return is_covered && kept_fd >= 0 ? show_again(kept_fd, kept) : 0;
}

int places_apart(const char *scratch, const char *kept) {
  int error = enter_namespaces();
  /* What is mounted later, as by an automounter, is to appear here too. */
  if (!error && mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0) error = errno;
  int kept_fd = open(kept, O_PATH | O_DIRECTORY | O_CLOEXEC);
  char base[PATH_MAX];
  /* The scratch lies in one of the places, which the first of them covers: it is reached by its descriptor. */
  int scratch_fd = open(scratch, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (!error && scratch_fd < 0) error = errno;
  snprintf(base, sizeof base, "/proc/self/fd/%d", scratch_fd);
  for (size_t i = 0; i < sizeof places / sizeof *places && !error; i++)
    error = put_over(base, i, kept_fd, kept);
  if (kept_fd >= 0) close(kept_fd);
  if (scratch_fd >= 0) close(scratch_fd);
  return error;
}
