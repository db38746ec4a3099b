#define _GNU_SOURCE
#include "commit.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rest.h"

struct head {
  uint32_t mark, fields, outputs, unwanted;
};

struct output {
  enum commit_role role;
  const unsigned char *fact;
  const char *hidden, *path;
};

static struct output take_output(struct rest *rest) {
  struct output output;
  output.role = (enum commit_role) * take(rest, 1);
  output.fact = take(rest, FACT_BYTES);
  output.hidden = take_name(rest);
  output.path = take_name(rest);
  return output;
}

int may_write_beside(const char *path) {
  char directory[PATH_MAX];
  const char *slash = strrchr(path, '/');
  size_t length = slash == NULL ? 0 : (size_t)(slash - path);
  if (length >= sizeof directory) return 0;
  memcpy(directory, path, length);
  directory[length] = 0;
  return access(length == 0 ? "/" : directory, W_OK | X_OK) == 0;
}

/* Only a file is seen here; all else is left to who asks. */
static int is_seen(const struct output *output, uint32_t fields) {
  static const struct {
    enum commit_field field;
    size_t at;
  } places[] = {{COMMIT_INODE, 1}, {COMMIT_SIZE, 9}, {COMMIT_MTIME, 17}, {COMMIT_CTIME, 25}};
  unsigned char own[FACT_BYTES];
  struct stat stats;
  if (lstat(output->hidden, &stats) != 0) return 0;
  put_fact(own, &stats);
  if (own[0] != 'f' || output->fact[0] != 'f') return 0;
  for (size_t i = 0; i < sizeof places / sizeof *places; i++)
    if (fields & places[i].field && memcmp(own + places[i].at, output->fact + places[i].at, 8) != 0) return 0;
  return 1;
}

/* Does a rename do what the tool would have done with what is there? */
static int is_plain(const struct output *output) {
  struct stat there, hidden;
  if (lstat(output->path, &there) != 0) return errno == ENOENT;
  if (output->role == COMMIT_ONLY_NEW || !S_ISREG(there.st_mode) || there.st_uid != getuid() ||
      !(there.st_mode & 0200) || !may_write_beside(output->path))
    return 0;
  if (output->role == COMMIT_REPLACED) return there.st_size > 0;
  if (there.st_nlink > 1 || lstat(output->hidden, &hidden) != 0) return 0;
  return (there.st_mode & 0777) == (hidden.st_mode & 0777);
}

static int remove_all(struct rest rest, uint32_t count) {
  for (; count > 0; count--)
    if (unlink(take_name(&rest)) != 0 && !means_absent(errno)) return 0;
  return 1;
}

void commit(const unsigned char *request, size_t bytes, struct answer *answer) {
  struct rest rest = {request, request + bytes};
  struct head head;
  memcpy(&head, take(&rest, sizeof head), sizeof head);
  struct rest unwanted = rest;
  int is_done = 1;
  for (uint32_t n = 0; n < head.outputs; n++) {
    struct output output = take_output(&unwanted);
    if (!is_seen(&output, head.fields)) is_done = 0;
  }
  uint32_t renamed = 0;
  for (; is_done && renamed < head.outputs; renamed++) {
    struct output output = take_output(&rest);
    is_done = is_plain(&output) && rename(output.hidden, output.path) == 0;
    if (!is_done) break;
  }
  unsigned char done = (unsigned char)(is_done && remove_all(unwanted, head.unwanted));
  answer_put(answer, &renamed, sizeof renamed);
  answer_put(answer, &done, 1);
}
