/* What the command sees: the submitter's tree, over parts of it a layer that is written to, and devices of our own. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "job.h"

enum { FD_PATH = 32 };

/*
 * Where a place that is made ready keeps the machine's /proc until its command gets its own: the kernel lets a user
 * namespace mount one only where another is to be seen whole.
 */
static const char kept_proc[] = "dev/.proc";

static void fd_path(char to[FD_PATH], int fd) { snprintf(to, FD_PATH, "/proc/self/fd/%d", fd); }

int open_inside(int tree, const char *path) {
  struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                         .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS};
  return (int)syscall(SYS_openat2, tree, path, &how, sizeof how);
}

/* Mounts over a directory of the tree. */
static int mount_at(int tree, const char *path, const char *source, const char *type, unsigned long flags,
                    const char *options) {
  char target[FD_PATH];
  int fd = open_inside(tree, path);
  if (fd < 0) return -1;
  fd_path(target, fd);
  int failed = mount(source, target, type, flags, options);
  int error = errno;
  close(fd);
  errno = error;
  return failed;
}

static int open_layer(int scratch, const char *area, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "%s/%s", area, name);
  if (mkdirat(scratch, path, 0755) != 0 && errno != EEXIST) return -1;
  return openat(scratch, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/*
 * A fresh layer over one directory. The layers are named by descriptors, so that no character of a path has a meaning
 * in the options. `volatile`: nothing of it needs to outlive a crash, so nothing is synced.
 */
static int mount_area(int tree, int scratch, const char *path, int number) {
  char area[16], options[160];
  struct stat of;
  snprintf(area, sizeof area, "%d", number);
  if (mkdirat(scratch, area, 0700) != 0) return -1;
  int lower = open_inside(tree, path);
  if (lower < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
  int upper = open_layer(scratch, area, "u"), work = open_layer(scratch, area, "w"), failed = -1;
  /* The layer's own directory is shown in place of the tree's: as writable, as it is there. */
  if (upper >= 0 && work >= 0 && fstat(lower, &of) == 0 && fchmod(upper, of.st_mode & 07777) == 0) {
    futimens(upper, (struct timespec[]){of.st_atim, of.st_mtim});
    char target[FD_PATH];
    fd_path(target, lower);
    static const char *const ways[] = {
        "lowerdir=/proc/self/fd/%d,upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d,userxattr,volatile",
        "lowerdir=/proc/self/fd/%d,upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d,userxattr",
    };
    for (int way = 0; way < 2 && failed; way++) {
      snprintf(options, sizeof options, ways[way], lower, upper, work);
      failed = mount("buildswarm", target, "overlay", MS_NOSUID | MS_NODEV | MS_NOATIME, options);
    }
  }
  int error = errno;
  close(lower);
  if (upper >= 0) close(upper);
  if (work >= 0) close(work);
  errno = error;
  return failed;
}

static int mount_areas(const struct job *job, int tree) {
  int scratch = open(job->scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (scratch < 0) return -1;
  int failed = 0;
  for (int i = 0; i < job->area_count && !failed; i++) failed = mount_area(tree, scratch, job->areas[i], i);
  int error = errno;
  close(scratch);
  errno = error;
  return failed;
}

static int bind_device(int devices, const char *name) {
  char source[32], target[FD_PATH];
  snprintf(source, sizeof source, "/dev/%s", name);
  int fd = openat(devices, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) return -1;
  fd_path(target, fd);
  int failed = mount(source, target, NULL, MS_BIND, NULL);
  int error = errno;
  close(fd);
  errno = error;
  return failed;
}

static int make_devices(int tree) {
  static const char *const names[] = {"null", "zero", "full", "random", "urandom", "tty"};
  static const char *const links[][2] = {{"/proc/self/fd", "fd"},
                                         {"/proc/self/fd/0", "stdin"},
                                         {"/proc/self/fd/1", "stdout"},
                                         {"/proc/self/fd/2", "stderr"},
                                         {"pts/ptmx", "ptmx"}};
  if (mount_at(tree, "dev", "buildswarm", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=1m") != 0) return -1;
  int devices = open_inside(tree, "dev"), failed = devices < 0 ? -1 : 0;
  for (size_t i = 0; i < sizeof names / sizeof *names && !failed; i++)
    failed = bind_device(devices, names[i]);
  for (size_t i = 0; i < sizeof links / sizeof *links && !failed; i++)
    failed = symlinkat(links[i][0], devices, links[i][1]);
  if (!failed) failed = mkdirat(devices, "pts", 0755) | mkdirat(devices, "shm", 01777);
  if (devices >= 0) close(devices);
  if (failed) return -1;
  if (mount_at(tree, "dev/pts", "devpts", "devpts", MS_NOSUID | MS_NOEXEC,
               "newinstance,ptmxmode=0666,mode=620") != 0)
    return -1;
  return mount_at(tree, "dev/shm", "buildswarm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
}

/* Of the machine itself only its processors are shown, which are not the submitter's anyway. */
static void make_sys(int tree) {
  static const char processors[] = "devices/system/cpu";
  char path[64], target[FD_PATH];
  if (mount_at(tree, "sys", "buildswarm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755,size=64k") !=
      0)
    return;
  int sys = open_inside(tree, "sys");
  if (sys < 0) return;
  mkdirat(sys, "devices", 0755);
  mkdirat(sys, "devices/system", 0755);
  mkdirat(sys, processors, 0755);
  int fd = open_inside(sys, processors);
  fd_path(target, fd);
  snprintf(path, sizeof path, "/sys/%s", processors);
  int failed = fd < 0 || mount(path, target, NULL, MS_BIND | MS_REC, NULL) != 0;
  if (fd >= 0) close(fd);
  /* By a descriptor of what is mounted now, not of what is below. */
  fd = failed ? -1 : open_inside(sys, processors);
  fd_path(target, fd);
  if (fd >= 0) {
    mount(NULL, target, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    close(fd);
  }
  close(sys);
}

/* What was the root goes; nothing of it can be reached any more. */
static int change_root(int tree) {
  if (fchdir(tree) != 0 || syscall(SYS_pivot_root, ".", ".") != 0) return -1;
  return umount2(".", MNT_DETACH);
}

static int mount_proc(int tree, int is_ahead) {
  static const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (!is_ahead) return mount_at(tree, "proc", "proc", "proc", flags, NULL);
  if (mkdirat(tree, kept_proc, 0700) != 0) return -1;
  return mount_at(tree, kept_proc, "/proc", NULL, MS_BIND | MS_REC, NULL);
}

static int cover(const struct job *job, int tree, int is_ahead, const char **stage) {
  *stage = "overlay";
  if (mount_areas(job, tree) != 0) return -1;
  *stage = "dev";
  if (make_devices(tree) != 0) return -1;
  *stage = "proc";
  if (mount_proc(tree, is_ahead) != 0) return -1;
  make_sys(tree);
  *stage = "root";
  return change_root(tree);
}

int build_place(const struct job *job, int is_ahead, const char **stage) {
  *stage = "mount";
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return -1;
  *stage = "tree";
  int tree = open(job->tree, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (tree < 0) return -1;
  int failed = cover(job, tree, is_ahead, stage), error = errno;
  close(tree);
  errno = error;
  if (failed) return -1;
  *stage = "hostname";
  return *job->host_name && sethostname(job->host_name, strlen(job->host_name)) != 0 ? -1 : 0;
}

int enter_place(const struct place *place, const char **stage) {
  *stage = "namespace";
  for (int i = PLACE_NAMESPACES; i-- > 0;) {
    if (setns(place->namespaces[i], 0) != 0) return -1;
    close(place->namespaces[i]);
  }
  *stage = "proc";
  if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0) return -1;
  char kept[sizeof kept_proc + 1];
  snprintf(kept, sizeof kept, "/%s", kept_proc);
  return umount2(kept, MNT_DETACH) != 0 || rmdir(kept) != 0 ? -1 : 0;
}

static int open_namespace(const struct job *job, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)job->tree_pid, name);
  return open(path, O_RDONLY | O_CLOEXEC);
}

int enter_tree(const struct job *job) {
  struct stat of;
  int swarmfs = (int)syscall(SYS_pidfd_open, job->tree_pid, 0);
  int user = open_namespace(job, "user"), mounts = open_namespace(job, "mnt");
  if (swarmfs < 0 || user < 0 || mounts < 0 || fstat(mounts, &of) != 0) return -1;
  if (of.st_ino != job->mount_namespace) {
    errno = ESRCH; /* swarmfs has ended, and another process has its number */
    return -1;
  }
  if (setns(user, CLONE_NEWUSER) != 0 || setns(mounts, CLONE_NEWNS) != 0) return -1;
  close(user);
  close(mounts);
  return swarmfs;
}
