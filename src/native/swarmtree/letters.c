#define _GNU_SOURCE
#include "letters.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reach.h"

enum { MOST_TRIED = 8 };

/* The name with small letters for capitals and the other way round; 0 if it has none of these. */
static int swap_letters(const char *name, char swapped[NAME_MAX + 1]) {
  int any = 0;
  size_t at = 0;
  for (; name[at] && at < NAME_MAX; at++) {
    int is_letter = (name[at] >= 'a' && name[at] <= 'z') || (name[at] >= 'A' && name[at] <= 'Z');
    swapped[at] = (char)(is_letter ? name[at] ^ 0x20 : name[at]);
    any |= is_letter;
  }
  swapped[at] = '\0';
  return any;
}

static int is_among(char *const *names, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(names[i], name) == 0) return 1;
  return 0;
}

/* By the attribute that a directory of ext4, F2FS or tmpfs can have. */
static int is_marked(int directory) {
  int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), flags = 0;
  if (fd < 0) return 0;
  int marked = ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && flags & FS_CASEFOLD_FL;
  close(fd);
  return marked;
}

/* Without a name to tell by: what the file system can. */
static int may_fold(int directory) { return folds_letters(directory) || is_marked(directory); }

void look_at_letters(const struct listing *listing, char *const *names, size_t count) {
  int directory = listing->fd;
  char other[NAME_MAX + 1], path[PATH_MAX];
  struct stat by_name, by_other;
  int folds = -1;
  for (size_t i = 0, tried = 0; i < count && tried < MOST_TRIED && folds < 0; i++) {
    if (!swap_letters(names[i], other)) continue;
    tried++;
    if (is_among(names, count, other) || join_path(path, listing->path, names[i]) != 0) continue;
    if (!mounts_answer(&listing->server->watcher.mounts, path)) continue;
    int is_found = fstatat(directory, other, &by_other, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0;
    /* What went meanwhile tells nothing. */
    if (fstatat(directory, names[i], &by_name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0) continue;
    folds = is_found && by_name.st_dev == by_other.st_dev && by_name.st_ino == by_other.st_ino;
  }
  listing->place->folds = folds < 0 ? may_fold(directory) : folds;
  if (listing->place->folds) listing->place->network = 1;
}
