/* READ and NOTE: what files hold. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "server.h"

enum { TRIES = 3 };

struct read_request {
  uint32_t id, length;
  uint64_t offset;
  int has_expected, candidate_count;
  struct tree_attr expected;
  const unsigned char *candidates; /* HASH_BYTES each */
  char path[PATH_MAX];
};

struct answer {
  int flags, candidate, error;
  struct tree_attr attr;
  unsigned char hash[HASH_BYTES];
  size_t length; /* of server->content */
};

int hash_of_file(struct server *server, int fd, const struct tree_attr *attr,
                 unsigned char hash[HASH_BYTES]) {
  if (hash_index_get(&server->index, 0, attr, WHOLE_FILE, hash)) return 1;
  if (sha256_of_file(fd, attr->size, hash) != 0) return 0;
  server->figures.hashed_bytes += attr->size;
  struct stat after;
  struct tree_attr attr_after;
  if (fstat(fd, &after) != 0) return 0;
  attr_from_stat(&attr_after, &after);
  if (!attr_is_same_content(attr, &attr_after)) return 0;
  if (is_settled(attr)) hash_index_set(&server->index, 0, attr, WHOLE_FILE, hash);
  return 1;
}

static int parse(const struct frame *frame, struct read_request *request) {
  struct cursor from = cursor_of(frame);
  request->id = take_u32(&from);
  request->offset = take_u64(&from);
  request->length = take_u32(&from);
  request->has_expected = take_u8(&from);
  take_attr(&from, &request->expected);
  request->candidate_count = take_u8(&from);
  if (request->candidate_count > TREE_CANDIDATES) return -1;
  request->candidates = take(&from, (size_t)request->candidate_count * HASH_BYTES);
  take_path(&from, request->path);
  return from.failed || request->length > TREE_WHOLE_BYTES || request->offset > INT64_MAX / 2 ? -1 : 0;
}

/* Reads what was asked for; the bytes read, or -1 with errno. */
static ssize_t read_part(struct server *server, int fd, const struct read_request *request) {
  size_t at = 0;
  while (at < request->length) {
    ssize_t got = pread(fd, server->content + at, request->length - at, (off_t)(request->offset + at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    at += (size_t)got;
  }
  return (ssize_t)at;
}

static int is_candidate(struct server *server, int fd, const struct read_request *request,
                        struct answer *answer) {
  if (request->candidate_count == 0 || answer->attr.size > TREE_CANDIDATE_BYTES) return 0;
  if (!hash_of_file(server, fd, &answer->attr, answer->hash)) return 0;
  for (int i = 0; i < request->candidate_count; i++) {
    if (memcmp(request->candidates + i * HASH_BYTES, answer->hash, HASH_BYTES) != 0) continue;
    answer->flags |= CONTENT_SAME;
    answer->candidate = i;
    return 1;
  }
  return 0;
}

/* One try; 1 if the file kept still meanwhile, or there is nothing to read. */
static int try_read(struct server *server, int fd, const struct read_request *request,
                    struct answer *answer) {
  struct stat stat;
  struct tree_attr after;
  *answer = (struct answer){0};
  if (fstat(fd, &stat) != 0) {
    answer->flags = CONTENT_FAILED;
    answer->error = errno;
    return 1;
  }
  attr_from_stat(&answer->attr, &stat);
  if (is_settled(&answer->attr)) answer->flags |= CONTENT_SETTLED;
  if (request->has_expected && !attr_is_same_content(&request->expected, &answer->attr)) {
    answer->flags |= CONTENT_CHANGED;
    return 1;
  }
  if (is_candidate(server, fd, request, answer)) return 1;
  ssize_t length = read_part(server, fd, request);
  if (length < 0 || fstat(fd, &stat) != 0) {
    answer->flags = CONTENT_FAILED;
    answer->error = errno;
    return 1;
  }
  attr_from_stat(&after, &stat);
  answer->length = (size_t)length;
  return attr_is_same_content(&answer->attr, &after);
}

static void hash_answer(struct server *server, const struct read_request *request, struct answer *answer) {
  int whole = request->offset == 0 && answer->length == answer->attr.size;
  if (whole && hash_index_get(&server->index, 0, &answer->attr, WHOLE_FILE, answer->hash)) return;
  sha256_of(server->content, answer->length, answer->hash);
  server->figures.hashed_bytes += answer->length;
  if (whole && answer->flags & CONTENT_SETTLED)
    hash_index_set(&server->index, 0, &answer->attr, WHOLE_FILE, answer->hash);
}

/*
 * Whether all that may happen to a file is seen. Another name for it may be made anywhere, and a change by that name is no event in
 * its directory: so it is watched itself. Where no watch is left, its name is compared, once that was told for it.
 */
static int is_covered(struct server *server, const struct reached *reached, const char *path) {
  const struct place *place = watch_file(&server->watcher, reached, path);
  if (!place) abort();
  if (place->watch >= 0 || place_told(reached->directory, place->name)) return 1;
  place_unwatch(&server->watcher.places, reached->directory);
  return 0;
}

static void read_reached(struct server *server, const struct reached *reached,
                         const struct read_request *request, struct answer *answer) {
  char name[32];
  if (!is_covered(server, reached, request->path)) {
    /* The worker looks again, and so it is told. */
    *answer = (struct answer){.flags = CONTENT_CHANGED};
    attr_from_stat(&answer->attr, &reached->stat);
    return;
  }
  if (map_set(&server->given, file_key(&reached->stat), server) != 0) abort();
  snprintf(name, sizeof name, "/proc/self/fd/%d", reached->fd);
  int fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) {
    *answer = (struct answer){.flags = CONTENT_FAILED, .error = errno};
    return;
  }
  int still = 0;
  for (int i = 0; i < TRIES && !still; i++) still = try_read(server, fd, request, answer);
  if (!still) {
    answer->flags |= CONTENT_CHANGED;
    answer->length = 0;
  }
  if (!(answer->flags & (CONTENT_SAME | CONTENT_CHANGED | CONTENT_FAILED)))
    hash_answer(server, request, answer);
  close(fd);
}

static void send_answer(struct server *server, const struct read_request *request,
                        const struct answer *answer, uint64_t generation) {
  struct bytes *to = &server->link.outgoing;
  size_t start = frame_start(to, FRAME_TREE_CONTENT);
  add_u32(to, request->id);
  add_u64(to, generation);
  add_u8(to, (uint8_t)answer->flags);
  add_u8(to, (uint8_t)answer->candidate);
  add_u32(to, (uint32_t)answer->error);
  add_attr(to, &answer->attr);
  add_u64(to, request->offset);
  bytes_add(to, answer->hash, HASH_BYTES);
  add_text(to, request->path);
  bytes_add(to, server->content, answer->length);
  frame_finish(to, start);
  server->figures.read_bytes += answer->length;
}

int serve_read(struct server *server, const struct frame *frame) {
  struct read_request request;
  if (parse(frame, &request) != 0) return -1;
  server->figures.reads++;
  struct reached reached;
  struct answer answer = {0};
  uint64_t generation = server->watcher.generation;
  reach(&server->reacher, request.path, &reached);
  if (reached.refused || (reached.fd >= 0 && !may_take(&server->policy, &reached)))
    answer.flags = CONTENT_REFUSED;
  else if (reached.fd < 0) answer = (struct answer){.flags = CONTENT_FAILED, .error = reached.error};
  else if (!S_ISREG(reached.stat.st_mode)) answer = (struct answer){.flags = CONTENT_FAILED, .error = EINVAL};
  else read_reached(server, &reached, &request, &answer);
  reached_close(&reached);
  send_answer(server, &request, &answer, generation);
  return 0;
}

/* The peer knows what a file holds, because it has just written it. */
int serve_note(struct server *server, const struct frame *frame) {
  struct cursor from = cursor_of(frame);
  char path[PATH_MAX];
  struct tree_attr attr;
  take_attr(&from, &attr);
  const unsigned char *hash = take(&from, HASH_BYTES);
  take_path(&from, path);
  if (from.failed) return -1;
  struct reached reached;
  reach(&server->reacher, path, &reached);
  struct tree_attr now;
  if (reached.fd >= 0) {
    attr_from_stat(&now, &reached.stat);
    if (attr_is_same_content(&attr, &now)) hash_index_set(&server->index, 0, &attr, WHOLE_FILE, hash);
  }
  reached_close(&reached);
  return 0;
}
