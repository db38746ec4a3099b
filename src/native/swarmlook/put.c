#define _GNU_SOURCE
#include "put.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "rest.h"

enum { MODE_BITS = 07777, MOST_DIRECTORIES = 64 };

struct head {
  int64_t started_ns;
  uint32_t directories, files;
};

/* Held open: its names are those of this directory and of no other. */
struct held {
  char path[PATH_MAX];
  int fd;
};
static struct held held[MOST_DIRECTORIES];
static size_t held_count;

struct directory {
  const char *path;
  uint32_t mode;
  int64_t time_ns, before_ns;
  int is_chosen;
};

struct file {
  const char *path, *hidden, *name;
  uint32_t mode, bytes;
  int64_t time_ns;
  int was_there, fd; /* of the directory */
  const unsigned char *content;
};

static uint32_t take_u32(struct rest *rest) {
  uint32_t value;
  memcpy(&value, take(rest, sizeof value), sizeof value);
  return value;
}

static int64_t take_i64(struct rest *rest) {
  int64_t value;
  memcpy(&value, take(rest, sizeof value), sizeof value);
  return value;
}

static struct directory take_directory(struct rest *rest) {
  struct directory directory = {.path = take_name(rest)};
  directory.mode = take_u32(rest);
  directory.time_ns = take_i64(rest);
  directory.is_chosen = *take(rest, 1);
  return directory;
}

static struct file take_file(struct rest *rest) {
  struct file file = {.path = take_name(rest)};
  file.hidden = take_name(rest);
  file.mode = take_u32(rest);
  file.time_ns = take_i64(rest);
  file.was_there = *take(rest, 1);
  file.bytes = take_u32(rest);
  file.content = take(rest, file.bytes);
  const char *slash = strrchr(file.path, '/');
  if (slash == NULL) exit(1);
  file.name = slash + 1;
  return file;
}

/* Is it what its path leads to, without a link? */
static int is_in_place(const struct held *directory) {
  char own[32], real[PATH_MAX];
  snprintf(own, sizeof own, "/proc/self/fd/%d", directory->fd);
  ssize_t length = readlink(own, real, sizeof real);
  return length == (ssize_t)strlen(directory->path) && memcmp(real, directory->path, (size_t)length) == 0;
}

/* -1: there is none, but by way of a link, or too many are held. */
static int hold(const char *path, size_t length) {
  for (size_t i = 0; i < held_count; i++)
    if (strlen(held[i].path) == length && memcmp(held[i].path, path, length) == 0)
      return is_in_place(&held[i]) ? held[i].fd : -1;
  if (held_count == MOST_DIRECTORIES || length >= PATH_MAX) return -1;
  struct held *directory = &held[held_count];
  memcpy(directory->path, path, length);
  directory->path[length] = 0;
  directory->fd = open(directory->path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory->fd < 0) return -1;
  held_count++;
  return is_in_place(directory) ? directory->fd : -1;
}

static int hold_above(const struct file *file) {
  size_t length = (size_t)(file->name - 1 - file->path);
  return length == 0 ? hold("/", 1) : hold(file->path, length);
}

static void let_go(void) {
  while (held_count > 0) close(held[--held_count].fd);
}

static struct timespec to_time(int64_t ns) {
  enum { NS_PER_S = 1000000000 };
  struct timespec time = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
  if (time.tv_nsec < 0)
    time = (struct timespec){.tv_sec = time.tv_sec - 1, .tv_nsec = time.tv_nsec + NS_PER_S};
  return time;
}

/* 1: it lies there under its hidden name, with its mode and time. What is begun and not done stays to be removed. */
static int write_hidden(const struct file *file, int *is_begun) {
  int fd = openat(file->fd, file->hidden, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return 0;
  *is_begun = 1;
  int is_done = 1;
  for (uint32_t at = 0; is_done && at < file->bytes;) {
    ssize_t done = write(fd, file->content + at, file->bytes - at);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) is_done = 0;
    else at += (uint32_t)done;
  }
  const struct timespec times[] = {{.tv_nsec = UTIME_NOW}, to_time(file->time_ns)};
  is_done = is_done && fchmod(fd, file->mode) == 0 && futimens(fd, times) == 0;
  return close(fd) == 0 && is_done;
}

/* As whyNotReplaced and whyNotWritten of core/tree/conflict.ts have it. */
static int may_be_replaced(const struct file *file, int64_t started_ns) {
  struct stat there;
  if (fstatat(file->fd, file->name, &there, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT && !file->was_there;
  if (S_ISDIR(there.st_mode) || there.st_nlink > 1 || nanoseconds(there.st_ctim) >= started_ns) return 0;
  return !file->was_there || there.st_uid == geteuid();
}

/* As isTimeNews of src/share/blocking/written-commit.ts has it. */
static int is_time_news(const struct directory *directory, int64_t started_ns) {
  if (!directory->is_chosen) return directory->time_ns > directory->before_ns;
  return directory->time_ns != directory->before_ns && directory->before_ns < started_ns;
}

/* Gives a directory its mode and time, when nothing more is made in it. Returns an errno. */
static int settle(const struct directory *directory, int64_t started_ns) {
  int fd = hold(directory->path, strlen(directory->path));
  struct stat there;
  if (fd < 0) return ENOTDIR;
  if (fstat(fd, &there) != 0) return errno;
  const struct timespec times[] = {{.tv_nsec = UTIME_NOW}, to_time(directory->time_ns)};
  if (is_time_news(directory, started_ns) && utimensat(fd, ".", times, 0) != 0) return errno;
  uint32_t wanted = directory->mode & MODE_BITS;
  if ((there.st_mode & MODE_BITS) != wanted && fchmodat(fd, ".", wanted, 0) != 0) return errno;
  return 0;
}

struct work {
  struct head head;
  struct directory *directories;
  struct file *files;
};

/* Opens all that is needed, and looks when it was changed before anything is made in it. */
static int begin(struct work *work) {
  for (uint32_t n = 0; n < work->head.directories; n++) {
    struct stat there;
    struct directory *directory = &work->directories[n];
    int fd = hold(directory->path, strlen(directory->path));
    if (fd < 0 || fstat(fd, &there) != 0) return 0;
    directory->before_ns = nanoseconds(there.st_mtim);
    if (directory->time_ns < 0) return 0;
  }
  for (uint32_t n = 0; n < work->head.files; n++) {
    struct file *file = &work->files[n];
    file->fd = hold_above(file);
    if (file->fd < 0 || *file->name == 0 || file->time_ns < 0) return 0;
  }
  return 1;
}

/* Returns an errno, with the path that it is about; -1: nothing is done. */
static int put_all(struct work *work, const char **failed) {
  const struct head *head = &work->head;
  uint32_t begun = 0, renamed = 0;
  int is_done = begin(work);
  while (is_done && begun < head->files) {
    int is_begun = 0;
    is_done = write_hidden(&work->files[begun], &is_begun);
    begun += (uint32_t)is_begun;
    if (!is_begun) break;
  }
  for (uint32_t n = 0; is_done && n < head->files; n++)
    is_done = hold_above(&work->files[n]) == work->files[n].fd &&
              may_be_replaced(&work->files[n], head->started_ns);
  int error = 0;
  for (; is_done && renamed < head->files; renamed++) {
    const struct file *file = &work->files[renamed];
    *failed = file->path;
    error = renameat(file->fd, file->hidden, file->fd, file->name) == 0 ? 0 : errno;
    if (error != 0) break;
  }
  for (uint32_t n = renamed; n < begun; n++) unlinkat(work->files[n].fd, work->files[n].hidden, 0);
  if (!is_done || (error != 0 && renamed == 0)) return -1;
  for (uint32_t n = head->directories; error == 0 && n-- > 0;) {
    *failed = work->directories[n].path;
    error = settle(&work->directories[n], head->started_ns);
  }
  return error;
}

void put_files(const unsigned char *request, size_t bytes, struct answer *answer) {
  struct rest rest = {request, request + bytes};
  struct work work = {0};
  take(&rest, sizeof(uint32_t));
  work.head.started_ns = take_i64(&rest);
  work.head.directories = take_u32(&rest);
  work.head.files = take_u32(&rest);
  /* Each takes some bytes of the request. */
  if (work.head.directories > bytes || work.head.files > bytes) exit(1);
  work.directories = calloc(work.head.directories + 1, sizeof *work.directories);
  work.files = calloc(work.head.files + 1, sizeof *work.files);
  if (work.directories == NULL || work.files == NULL) exit(1);
  for (uint32_t n = 0; n < work.head.directories; n++) work.directories[n] = take_directory(&rest);
  for (uint32_t n = 0; n < work.head.files; n++) work.files[n] = take_file(&rest);
  const char *failed = "";
  int error = put_all(&work, &failed);
  unsigned char done = error == 0;
  int32_t told = error < 0 ? 0 : error;
  answer_put(answer, &done, 1);
  answer_put(answer, &told, sizeof told);
  answer_put(answer, failed, strlen(failed) + 1);
  let_go();
  free(work.directories);
  free(work.files);
}
