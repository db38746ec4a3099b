#define _GNU_SOURCE
#include "mount.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

static int write_file(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  ssize_t done = write(fd, text, strlen(text));
  int error = errno;
  close(fd);
  errno = error;
  return done == (ssize_t)strlen(text) ? 0 : -1;
}

/* One number inside, the submitter's, is one outside, ours. */
static int map_one(const char *path, uint32_t inside, uint32_t outside) {
  char text[64];
  snprintf(text, sizeof text, "%u %u 1\n", inside, outside);
  return write_file(path, text);
}

static int enter_user_namespace(const struct identity *identity) {
  uint32_t uid = getuid(), gid = getgid();
  /*
   * Groups that the worker has besides would let jobs into what only its user may use. Root of a user namespace that a
   * plain user made may not drop them, as that user may not.
   */
  if (uid == 0 && setgroups(0, NULL) != 0 && errno != EPERM) return -1;
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return -1;
  /* Kernels before 3.19 have no such file. */
  if (write_file("/proc/self/setgroups", "deny") != 0 && errno != ENOENT) return -1;
  if (map_one("/proc/self/uid_map", identity->uid, uid) != 0) return -1;
  return map_one("/proc/self/gid_map", identity->gid, gid);
}

/* Mounts an overlay of the directories l, u and w over o, as a job will, and takes it away. 0, or -1 with errno. */
static int try_overlay(const char *directory) {
  int failed = chdir(directory) != 0 ||
               mount("buildswarm", "o", "overlay", 0, "lowerdir=l,upperdir=u,workdir=w,userxattr") != 0 ||
               umount("o") != 0;
  int error = errno;
  if (chdir("/") != 0) return -1;
  errno = error;
  return failed ? -1 : 0;
}

struct mount_failure mount_tree(struct fs *fs, const char *device, const char *point, const char *overlay) {
  char options[256];
  if (enter_user_namespace(&fs->identity) != 0) return (struct mount_failure){"user-namespace", errno};
  /* Jobs enter these namespaces by way of /proc/PID/ns, which the kernel allows only then. */
  prctl(PR_SET_DUMPABLE, 1);
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
    return (struct mount_failure){"mount-namespace", errno};
  fs->device = open(device, O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fs->device < 0) return (struct mount_failure){"device", errno};
  /* Not mounted read-only: then the kernel would refuse writes by itself, and no job could be told from another. */
  snprintf(options, sizeof options,
           "fd=%d,rootmode=40000,user_id=%u,group_id=%u,allow_other,default_permissions,max_read=%u",
           fs->device, fs->identity.uid, fs->identity.gid, KERNEL_READ_BYTES);
  if (mount("buildswarm", point, "fuse", MS_NOSUID | MS_NODEV | MS_NOATIME, options) != 0)
    return (struct mount_failure){"mount", errno};
  if (*overlay && try_overlay(overlay) != 0) return (struct mount_failure){"overlay", errno};
  return (struct mount_failure){0};
}
