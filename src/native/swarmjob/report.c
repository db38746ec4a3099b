/*
 * What a job left: each name in the layers that it wrote to, with its attributes and the hash of its content. The
 * report is a file of frames' parts, made with the same encoding: a head, then records.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../tree/map.h"
#include "../tree/wire.h"
#include "job.h"

enum record_kind {
  RECORD_FILE = 0,
  RECORD_DIRECTORY = 1,
  RECORD_LINK = 2,
  RECORD_REMOVED = 3, /* a whiteout: what the tree has there is gone */
  RECORD_SPECIAL = 4, /* a fifo or a socket */
};

enum { RECORD_OPAQUE = 1, RECORD_IN_PLACE = 2, RECORD_ATTRIBUTES = 4, REPORT_VERSION = 1, MOST_DEPTH = 2048 };

struct report {
  struct bytes out;
  struct map links; /* (device, inode) of a file with several names -> number of its first record + 1 */
  uint32_t count;
  int area, error;
  int inherits; /* what is made in the area has an access list by itself */
};

static int is_whiteout(const struct stat *of) { return S_ISCHR(of->st_mode) && of->st_rdev == makedev(0, 0); }

static int is_opaque(int directory) {
  char value[2];
  return fgetxattr(directory, "user.overlay.opaque", value, sizeof value) == 1 && value[0] == 'y';
}

/* Whether it is a copy of what the tree has, which the job then changed: not a file that it made. */
static int is_copy(int file) { return fgetxattr(file, "user.overlay.origin", NULL, 0) >= 0; }

/* Has it attributes of the job's own, as setfattr and setfacl give them? They do not travel. */
static int has_attributes(const struct report *report, int file) {
  static const char overlays[] = "user.overlay.";
  char names[4096];
  ssize_t length = flistxattr(file, names, sizeof names);
  if (length < 0) return errno == ERANGE;
  for (ssize_t at = 0; at < length; at += (ssize_t)strlen(names + at) + 1) {
    const char *name = names + at;
    int is_list = strncmp(name, "system.posix_acl_", 17) == 0 && !report->inherits;
    int is_users = is_list || strncmp(name, "user.", 5) == 0;
    if (is_users && strncmp(name, overlays, sizeof overlays - 1) != 0) return 1;
  }
  return 0;
}

static int flags_of(const struct report *report, int file) {
  return (is_copy(file) ? RECORD_IN_PLACE : 0) | (has_attributes(report, file) ? RECORD_ATTRIBUTES : 0);
}

static void add_record(struct report *report, enum record_kind kind, int flags, const char *path,
                       const struct stat *of) {
  struct tree_attr attr;
  attr_from_stat(&attr, of);
  add_u8(&report->out, (uint8_t)kind);
  add_u8(&report->out, (uint8_t)flags);
  add_u8(&report->out, (uint8_t)report->area);
  add_text(&report->out, path);
  add_attr(&report->out, &attr);
  report->count++;
}

/* The number + 1 of the record with the same file, or 0 and this one is remembered. */
static uint32_t first_name(struct report *report, const struct stat *of) {
  if (of->st_nlink < 2) return 0;
  uint64_t key = hash_data(of->st_dev, &of->st_ino, sizeof of->st_ino);
  uintptr_t first = (uintptr_t)map_get(&report->links, key);
  if (!first) map_set(&report->links, key, (void *)(uintptr_t)(report->count + 1));
  return (uint32_t)first;
}

static void report_file(struct report *report, int directory, const char *name, const char *path,
                        const struct stat *of) {
  unsigned char hash[HASH_BYTES] = {0};
  uint32_t first = first_name(report, of);
  int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  /* Whoever reads it for the submitter has no more rights than the user: the mode is in the record. */
  if (fd >= 0 && (of->st_mode & 0400) == 0) fchmod(fd, of->st_mode | 0400);
  if (!first && (fd < 0 || sha256_of_file(fd, (uint64_t)of->st_size, hash) != 0)) report->error = errno;
  int flags = fd >= 0 ? flags_of(report, fd) : 0;
  if (fd >= 0) close(fd);
  add_record(report, RECORD_FILE, flags, path, of);
  add_u32(&report->out, first);
  bytes_add(&report->out, hash, HASH_BYTES);
}

static void report_link(struct report *report, int directory, const char *name, const char *path,
                        const struct stat *of) {
  char target[PATH_MAX];
  ssize_t length = readlinkat(directory, name, target, sizeof target);
  if (length < 0) report->error = errno;
  add_record(report, RECORD_LINK, 0, path, of);
  add_text_of(&report->out, target, length > 0 && length < PATH_MAX ? (size_t)length : 0);
}

static void walk(struct report *report, int directory, const char *path, int depth);

static void report_directory(struct report *report, int directory, const char *name, const char *path,
                             const struct stat *of, int depth) {
  int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 || depth > MOST_DEPTH) {
    report->error = fd < 0 ? errno : ELOOP;
    if (fd >= 0) close(fd);
    return;
  }
  if ((of->st_mode & 0700) != 0700) fchmod(fd, of->st_mode | 0700);
  int flags = (is_opaque(fd) ? RECORD_OPAQUE : 0) | flags_of(report, fd);
  add_record(report, RECORD_DIRECTORY, flags, path, of);
  walk(report, fd, path, depth + 1);
}

static void report_name(struct report *report, int directory, const char *name, const char *parent,
                        int depth) {
  char path[PATH_MAX];
  struct stat of;
  if (fstatat(directory, name, &of, AT_SYMLINK_NOFOLLOW) != 0 || join_path(path, parent, name) != 0) {
    report->error = errno;
    return;
  }
  if (S_ISREG(of.st_mode)) report_file(report, directory, name, path, &of);
  else if (S_ISDIR(of.st_mode)) report_directory(report, directory, name, path, &of, depth);
  else if (S_ISLNK(of.st_mode)) report_link(report, directory, name, path, &of);
  else add_record(report, is_whiteout(&of) ? RECORD_REMOVED : RECORD_SPECIAL, 0, path, &of);
}

/* All names of a directory, which is closed. */
static void walk(struct report *report, int directory, const char *path, int depth) {
  DIR *stream = fdopendir(directory);
  if (!stream) {
    report->error = errno;
    close(directory);
    return;
  }
  struct dirent *entry = NULL;
  do {
    errno = 0;
    entry = readdir(stream);
    if (!entry) report->error = errno;
    else if (is_name(entry->d_name)) report_name(report, directory, entry->d_name, path, depth);
  } while (entry && !report->error);
  closedir(stream);
}

static void report_areas(struct report *report, const struct job *job) {
  for (int i = 0; i < job->area_count; i++) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%d/u", job->scratch, i);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) continue; /* the tree has no such directory */
    report->area = i;
    report->inherits = fgetxattr(fd, "system.posix_acl_default", NULL, 0) >= 0;
    walk(report, fd, job->areas[i], 0);
  }
}

static int write_whole(const char *path, const struct bytes *bytes) {
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return -1;
  size_t at = 0;
  while (at < bytes->length) {
    ssize_t done = write(fd, bytes->data + at, bytes->length - at);
    if (done < 0 && errno != EINTR) break;
    if (done > 0) at += (size_t)done;
  }
  int error = errno;
  close(fd);
  errno = error;
  return at == bytes->length ? 0 : -1;
}

int write_report(const struct job *job, const struct outcome *outcome) {
  struct report report = {0};
  if (!outcome->stage[0]) report_areas(&report, job);
  struct bytes head = {0};
  add_u32(&head, REPORT_VERSION);
  add_text(&head, outcome->stage);
  add_u32(&head, (uint32_t)outcome->error);
  add_u32(&head, (uint32_t)outcome->status);
  add_u32(&head, (uint32_t)outcome->left);
  add_u32(&head, (uint32_t)report.error);
  add_u32(&head, report.count);
  bytes_add(&head, report.out.data, report.out.length);
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/report", job->scratch);
  int failed = head.failed || report.out.failed ? -1 : write_whole(path, &head);
  map_clear(&report.links);
  free(report.out.data);
  free(head.data);
  return failed;
}
