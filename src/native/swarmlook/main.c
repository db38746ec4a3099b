/*
 * swarmlook: looks at many paths at once. A peer starts some, writes requests to their stdin and reads answers from
 * their stdout (src/share/looker.ts). A program of its own, because 400 lstats cost 0.2 ms here and 3 ms in a thread
 * of Node, and because one that hangs in a dead file server can be left behind.
 *
 * Request: u32 bytes that follow, u32 paths, u32 links, u32 lists, then so many NUL-ended paths of each.
 * Answer: u32 bytes that follow, i32 errno. If 0: a fact of each path (see ../fact.h), the NUL-ended target of
 * each link (empty: there is none any more), and of each list the NUL-ended names of its sub-directories, ended by an
 * empty one. Otherwise: the path that failed. Numbers are little-endian.
 * A request whose count of paths is WALK_MARK is for a walk, see walk.h; QUESTIONS_MARK: see questions.h; COMMIT_MARK and
 * PUT_MARK, which change something: see commit.h and put.h.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "answer.h"
#include "commit.h"
#include "put.h"
#include "questions.h"
#include "walk.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "swarmlook writes its numbers as they lie in memory, which must be little-endian"
#endif

enum { MAX_REQUEST_BYTES = 256 << 20 };

static struct answer answer;

static void put(const void *data, size_t bytes) { answer_put(&answer, data, bytes); }

static int put_record(const char *path) {
  struct stat stats;
  if (lstat(path, &stats) == 0) {
    answer_put_fact(&answer, &stats);
    return 0;
  }
  int error = errno;
  answer_put_fact(&answer, NULL);
  return means_absent(error) ? 0 : error;
}

static int put_target(const char *path) {
  char target[PATH_MAX];
  ssize_t length = readlink(path, target, sizeof target - 1);
  if (length < 0) {
    put("", 1);
    return means_absent(errno) || errno == EINVAL ? 0 : errno;
  }
  target[length] = 0;
  put(target, (size_t)length + 1);
  return 0;
}

static int is_directory(int directory, const struct dirent *entry) {
  if (entry->d_type != DT_UNKNOWN) return entry->d_type == DT_DIR;
  struct stat stats;
  return fstatat(directory, entry->d_name, &stats, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(stats.st_mode);
}

static int put_names(const char *path) {
  DIR *directory = opendir(path);
  int error = 0;
  if (directory == NULL) {
    error = means_absent(errno) || errno == EACCES ? 0 : errno;
  } else {
    for (;;) {
      errno = 0;
      const struct dirent *entry = readdir(directory);
      if (entry == NULL) {
        error = errno;
        break;
      }
      if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
      if (is_directory(dirfd(directory), entry)) put(entry->d_name, strlen(entry->d_name) + 1);
    }
    closedir(directory);
  }
  put("", 1);
  return error;
}

/* 1: all of it; 0: the other end is gone. */
static int transfer(int descriptor, unsigned char *data, size_t bytes, int writes) {
  while (bytes > 0) {
    ssize_t done = writes ? write(descriptor, data, bytes) : read(descriptor, data, bytes);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return 0;
    data += done;
    bytes -= (size_t)done;
  }
  return 1;
}

/* Returns an errno, with the path that it is about in `*failed`. */
static int32_t take_looks(const unsigned char *request, size_t bytes, const char **failed) {
  static int (*const puts[])(const char *) = {put_record, put_target, put_names};
  uint32_t counts[3];
  if (bytes < sizeof counts) exit(1);
  memcpy(counts, request, sizeof counts);
  const char *path = (const char *)request + sizeof counts;
  const char *end = (const char *)request + bytes;
  int32_t error = 0;
  for (int kind = 0; kind < 3; kind++) {
    for (uint32_t left = counts[kind]; left > 0; left--) {
      const char *nul = path < end ? memchr(path, 0, (size_t)(end - path)) : NULL;
      if (nul == NULL) exit(1); /* no request that our peer would send */
      if (error == 0) {
        *failed = path;
        error = puts[kind](path);
      }
      path = nul + 1;
    }
  }
  return error;
}

static int32_t walk(const unsigned char *request, size_t bytes, const char **failed) {
  struct walk_request walk;
  if (bytes < sizeof walk || (bytes > sizeof walk && request[bytes - 1] != 0)) exit(1);
  memcpy(&walk, request, sizeof walk);
  const char *directories = (const char *)request + sizeof walk;
  return walk_below(&walk, directories, (const char *)request + bytes, &answer, failed);
}

static int32_t answer_questions(const unsigned char *request, size_t bytes, const char **failed) {
  const char *questions = (const char *)request + sizeof(uint32_t);
  return questions_answer(questions, (const char *)request + bytes, &answer, failed);
}

static void answer_to(const unsigned char *request, size_t bytes) {
  uint32_t mark;
  memcpy(&mark, request, sizeof mark);
  answer.bytes = 0;
  answer_grow(&answer, 8);
  const char *failed = "";
  int32_t error = 0;
  if (mark == WALK_MARK) error = walk(request, bytes, &failed);
  else if (mark == QUESTIONS_MARK) error = answer_questions(request, bytes, &failed);
  else if (mark == COMMIT_MARK) commit(request, bytes, &answer);
  else if (mark == PUT_MARK) put_files(request, bytes, &answer);
  else error = take_looks(request, bytes, &failed);
  if (error != 0) {
    answer.bytes = 8;
    put(failed, strlen(failed));
  }
  uint32_t follow = (uint32_t)(answer.bytes - 4);
  memcpy(answer.data, &follow, 4);
  memcpy(answer.data + 4, &error, 4);
}

int main(void) {
  signal(SIGXFSZ, SIG_IGN); /* what may not grow on is as on a full disk */
  unsigned char *request = NULL;
  for (;;) {
    uint32_t bytes;
    if (!transfer(0, (unsigned char *)&bytes, 4, 0)) return 0;
    if (bytes < 4 || bytes > MAX_REQUEST_BYTES) return 1;
    unsigned char *larger = realloc(request, bytes);
    if (larger == NULL) return 1;
    request = larger;
    if (!transfer(0, request, bytes, 0)) return 0;
    answer_to(request, bytes);
    if (!transfer(1, answer.data, answer.bytes, 1)) return 0;
  }
}
