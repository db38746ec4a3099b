#define _GNU_SOURCE
#include "descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { HIGH_DESCRIPTOR = 200 }; /* shells and scripts use those below for themselves */

const char *const kind_names[] = {"closed", "null", "file", "pipe", "socket", "tty", "other", "fresh"};

int to_high(int fd) {
  if (fd < 0) return fd;
  int moved = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR);
  if (moved < 0) moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  close(fd);
  return moved;
}

enum kind kind_of(int fd) {
  struct stat st;
  if (fstat(fd, &st) != 0) return CLOSED;
  if (S_ISREG(st.st_mode)) return REGULAR;
  if (S_ISFIFO(st.st_mode)) return PIPE;
  if (S_ISSOCK(st.st_mode)) return SOCKET;
  if (!S_ISCHR(st.st_mode)) return OTHER;
  if (st.st_rdev == makedev(1, 3)) return NULL_DEVICE;
  return isatty(fd) ? TERMINAL : OTHER;
}

enum kind output_kind_of(int fd) {
  enum kind kind = kind_of(fd);
  struct stat st;
  if (kind != REGULAR || fstat(fd, &st) != 0 || st.st_size > 0 || lseek(fd, 0, SEEK_CUR) != 0) return kind;
  int flags = fcntl(fd, F_GETFL);
  return flags < 0 || flags & O_APPEND || (flags & O_ACCMODE) == O_RDONLY ? kind : FRESH;
}

static int is_same(const struct stat *one, const struct stat *other) {
  return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

int is_merged(const enum kind kinds[3]) {
  struct stat out, err;
  enum kind kind = kinds[1] == FRESH ? REGULAR : kinds[1];
  if (kind != kinds[2] || kind == CLOSED || kind == NULL_DEVICE) return 0;
  return fstat(1, &out) == 0 && fstat(2, &err) == 0 && is_same(&out, &err);
}

/* Is `fd` one that make left open for its jobserver? It is of no use to a command other than make. */
static int is_jobserver(int fd, const char *flags) {
  static const char *const options[] = {"--jobserver-auth=", "--jobserver-fds="};
  for (int i = 0; flags && i < 2; i++) {
    const char *at = strstr(flags, options[i]);
    if (!at) continue;
    at += strlen(options[i]);
    int in, out;
    if (sscanf(at, "%d,%d", &in, &out) == 2) return fd == in || fd == out;
    char path[PATH_MAX];
    struct stat fifo, own;
    if (sscanf(at, "fifo:%4095[^ ]", path) == 1 && stat(path, &fifo) == 0 && fstat(fd, &own) == 0)
      return is_same(&fifo, &own);
  }
  return 0;
}

/*
 * Whether our parent has the very same thing open under this number: then it was not given to this command for a
 * purpose, but leaked through everything on the way (terminals, CI runners and daemons all leak some).
 */
static int is_leaked(int fd) {
  char path[64];
  struct stat ours, theirs;
  snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getppid(), fd);
  return fstat(fd, &ours) == 0 && stat(path, &theirs) == 0 && is_same(&ours, &theirs);
}

/* Does an argument speak of descriptors by path, as bash's <(...) does? Bash has those open itself, too. */
static int names_descriptors(char **command) {
  for (char **argument = command; *argument; argument++)
    if (strstr(*argument, "/dev/fd/") || strstr(*argument, "/proc/self/fd/")) return 1;
  return 0;
}

int count_descriptors(char **command) {
  int count = 0, named = names_descriptors(command);
  int fd = to_high(open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DIR *list = fd < 0 ? NULL : fdopendir(fd);
  if (!list) return 0;
  for (struct dirent *entry; (entry = readdir(list));) {
    int other = atoi(entry->d_name); /* "." and ".." are 0 */
    int flags = other > 2 ? fcntl(other, F_GETFD) : -1;
    if (flags < 0 || flags & FD_CLOEXEC || is_jobserver(other, getenv("MAKEFLAGS"))) continue;
    if (named || !is_leaked(other)) count++;
  }
  closedir(list);
  return count;
}
