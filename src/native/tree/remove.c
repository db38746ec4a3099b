#define _GNU_SOURCE
#include "remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Removes what is in the directory `fd`, which it closes. */
static int remove_below(int fd, int depth) {
  DIR *stream = depth > PATH_MAX / 2 ? NULL : fdopendir(fd);
  if (!stream) {
    close(fd);
    return ELOOP;
  }
  int error = 0;
  for (struct dirent *entry; (entry = readdir(stream));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (unlinkat(fd, entry->d_name, 0) == 0) continue;
    if (errno != EISDIR && errno != EPERM) {
      error = errno;
      continue;
    }
    int below = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (below < 0 && errno == EACCES && fchmodat(fd, entry->d_name, 0700, 0) == 0)
      below = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (below >= 0) {
      fchmod(below, 0700);
      int failed = remove_below(below, depth + 1);
      if (failed) error = failed;
    }
    if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) != 0) error = errno;
  }
  closedir(stream);
  return error;
}

int remove_tree(const char *path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? 0 : errno;
  int error = remove_below(fd, 0);
  if (rmdir(path) != 0 && errno != ENOENT) return errno;
  return error;
}
