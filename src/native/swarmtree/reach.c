#define _GNU_SOURCE
#include "reach.h"

#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { MOST_TYPES = 24 };

/* Does it lie on a file system of one of these types, of which 0 is the last? */
static int is_on(int fd, const unsigned long types[MOST_TYPES]) {
  struct statfs of;
  if (fstatfs(fd, &of) != 0) return 0;
  for (int i = 0; i < MOST_TYPES && types[i]; i++)
    if (((unsigned long)of.f_type & 0xFFFFFFFF) == types[i]) return 1;
  return 0;
}

int tells_changes(int fd) {
  static const unsigned long types[MOST_TYPES] = {
      0xEF53,     /* ext2, ext3, ext4 */
      0x58465342, /* XFS */
      0x9123683E, /* Btrfs */
      0x01021994, /* tmpfs */
      0x858458F6, /* ramfs */
      0x794C7630, /* overlay */
      0xF2F52010, /* F2FS */
      0x2FC12FC1, /* ZFS */
      0xCA451A4E, /* bcachefs */
      0x3153464A, /* JFS */
      0x52654973, /* ReiserFS */
      0x3434,     /* NILFS */
      0x7366746E, /* NTFS, by the kernel's own */
      0x2011BAB0, /* exFAT */
      0x4D44,     /* FAT */
      0x482B,     /* HFS+ */
      0x9660,     /* ISO 9660 */
      0x15013346, /* UDF */
      0x73717368, /* SquashFS */
      0xE0F5E1E2, /* EROFS */
  };
  return is_on(fd, types);
}

/*
 * Does a directory hold more than it lists, or files more than their size says? Automounters mount what is asked for; what
 * the kernel makes up says of all its files that they are empty. A worker believes both, so it is told of directories only.
 */
static int is_made_up(int fd) {
  static const unsigned long types[MOST_TYPES] = {
      0x0187,     /* autofs */
      0x9FA0,     /* proc */
      0x62656572, /* sysfs */
      0x0027E0EB, /* cgroup */
      0x63677270, /* cgroup2 */
      0x64626720, /* debugfs */
      0x74726163, /* tracefs */
      0x73636673, /* securityfs */
      0x62656570, /* configfs */
  };
  return is_on(fd, types);
}

int folds_letters(int fd) {
  static const unsigned long types[MOST_TYPES] = {
      0x4D44,     /* FAT */
      0x2011BAB0, /* exFAT */
      0x482B,     /* HFS+ */
      0x4244,     /* HFS */
      0x7366746E, /* NTFS */
      0x9660,     /* ISO 9660 */
      0xFF534D42, /* CIFS */
      0xFE534D42, /* SMB 2 */
      0x517B,     /* SMB */
      0x01021997, /* 9P, by which a virtual machine sees its host */
      0x786F4256, /* folders of VirtualBox */
      0xBACBACBC, /* those of VMware */
      0x65735546, /* FUSE: whatever is behind it */
      0x5DCA2DF5, /* SDCardFS */
  };
  return is_on(fd, types);
}

/* The place of a directory, watched; NULL if memory ran out. */
static struct place *watch_directory(struct watcher *watcher, struct place *parent, const char *name,
                                     int fd) {
  struct place *place = parent ? place_child(&watcher->places, parent, name) : watcher->places.root;
  if (place && place->is_file) {
    watcher_forget(watcher, place);
    place = NULL;
  }
  if (!place) place = place_make(&watcher->places, parent, name);
  if (!place) return NULL;
  watcher_watch(watcher, place, fd, NULL);
  if (!place->reached) {
    place->network = !tells_changes(fd);
    place->made_up = is_made_up(fd);
  }
  place->reached = 1;
  return place;
}

static void fail(struct reached *reached, int fd, int error) {
  if (fd >= 0) close(fd);
  reached->fd = -1;
  reached->error = error;
}

int may_show(const struct policy *policy, const char *path, int public_way) {
  enum reach reach = policy_reach(policy, path);
  if (reach == REACH_NEVER) return 0;
  return reach == REACH_SHARE || public_way || policy_leads_to_share(policy, path);
}

void reach(const struct reacher *reacher, const char *path, struct reached *reached) {
  *reached = (struct reached){.fd = -1, .public_way = 1};
  int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &reached->stat) != 0) return fail(reached, fd, errno);
  char way[PATH_MAX] = "", name[NAME_MAX + 1] = "";
  for (size_t at = 0; path[at];) {
    if (!S_ISDIR(reached->stat.st_mode)) return fail(reached, fd, ENOTDIR);
    /* The directory itself is shown by the way to it; its entries only to whom it lets through. */
    if (!(reached->stat.st_mode & 0001)) reached->public_way = 0;
    if (!may_show(reacher->policy, way, reached->public_way)) {
      reached->refused = 1;
      return fail(reached, fd, EACCES);
    }
    reached->directory = watch_directory(reacher->watcher, reached->directory, name, fd);
    if (!reached->directory) return fail(reached, fd, ENOMEM);
    size_t length = strcspn(path + at + 1, "/");
    memcpy(name, path + at + 1, length);
    name[length] = '\0';
    memcpy(way + at, path + at, length + 1);
    at += length + 1;
    way[at] = '\0';
    int next = openat(fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0) return fail(reached, fd, errno);
    close(fd);
    fd = next;
    if (fstat(fd, &reached->stat) != 0) return fail(reached, fd, errno);
  }
  reached->reach = policy_reach(reacher->policy, path);
  reached->fd = fd;
  if (!may_show(reacher->policy, path, reached->public_way) &&
      !is_own_ground(reacher->policy, path, &reached->stat)) {
    reached->refused = 1;
    fail(reached, fd, EACCES);
  }
}

void reached_close(struct reached *reached) {
  if (reached->fd >= 0) close(reached->fd);
  reached->fd = -1;
}

/* A file that only its owner or a group may read is taken if the owner is the user or the system. */
int may_take(const struct policy *policy, const struct reached *reached) {
  int others = is_of_another_person(policy, &reached->stat);
  if (reached->reach == REACH_SHARE) return is_public(&reached->stat) || !others;
  return reached->reach == REACH_PUBLIC && reached->public_way && is_public(&reached->stat) && !others;
}

struct place *watch_reached(const struct reacher *reacher, const struct reached *reached, const char *path) {
  const char *slash = strrchr(path, '/');
  return watch_directory(reacher->watcher, reached->directory, slash ? slash + 1 : "", reached->fd);
}

struct place *watch_file(struct watcher *watcher, const struct reached *reached, const char *path) {
  struct place *place = place_make(&watcher->places, reached->directory, strrchr(path, '/') + 1);
  if (!place || place->watch >= 0) return place;
  place->is_file = 1;
  watcher_watch(watcher, place, reached->fd, NULL);
  return place;
}
