#define _GNU_SOURCE
#include "request.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

enum { REQUEST_DEADLINE_MS = 10000 }; /* for ARGV, ENV and JOB to be whole */

static long request_limit(int type) {
  if (type == FRAME_ARGV || type == FRAME_ENV) return FRAME_LIST_BYTES;
  return type == FRAME_JOB ? FRAME_DATA_BYTES : -1;
}

/* Said to a command that had ended by then. */
static int is_late(int type) {
  return type == FRAME_STDIN || type == FRAME_STDIN_END || type == FRAME_SIGNAL || type == FRAME_BEAT;
}

static long next_limit(int type) { return is_late(type) ? FRAME_DATA_BYTES : request_limit(type); }

/* For `wait_ms` (-1: for ever) at most. */
static void receive_more(struct connection *from, int wait_ms) {
  struct pollfd polls[] = {{.fd = from->fd, .events = POLLIN}, {.fd = from->life}};
  int ready;
  do ready = poll(polls, 2, wait_ms);
  while (ready < 0 && errno == EINTR);
  if (ready <= 0 || polls[1].revents) _exit(1);
  ssize_t got = frame_receive(&from->reader, from->fd);
  if (got == 0 || (got < 0 && errno != EAGAIN)) _exit(1);
}

/* Waits for the first frame of what comes after a job. */
static void await_next(struct connection *from) {
  struct frame frame;
  for (;;) {
    size_t at = from->reader.start;
    int found = frame_next(&from->reader, next_limit, &frame);
    if (found < 0) _exit(1);
    if (found > 0 && !is_late(frame.type)) {
      from->reader.start = at;
      return;
    }
    if (found == 0) receive_more(from, -1);
  }
}

/* Waits for a frame of `type`; a peer that sends another, or none in time, gets no answer. */
static unsigned char *read_payload(struct connection *from, int type, size_t *length, long long deadline) {
  struct frame frame;
  int found;
  while ((found = frame_next(&from->reader, request_limit, &frame)) == 0) {
    long long left = deadline - now_ms();
    receive_more(from, left > 0 ? (int)left : 0);
  }
  if (found < 0 || frame.type != type) _exit(1);
  if (frame.length > 0 && frame.payload[frame.length - 1] != 0) _exit(1);
  unsigned char *copy = malloc(frame.length + 1);
  if (!copy) connection_spawn_failed(from, "fork", ENOMEM);
  memcpy(copy, frame.payload, frame.length);
  *length = frame.length;
  return copy;
}

/* The strings of a payload, each ended by a NUL, as exec takes them. */
static char **read_list(struct connection *from, int type, long long deadline) {
  size_t length, count = 0;
  unsigned char *payload = read_payload(from, type, &length, deadline);
  for (size_t i = 0; i < length; i++) count += payload[i] == 0;
  char **list = calloc(count + 1, sizeof *list);
  if (!list) connection_spawn_failed(from, "fork", ENOMEM);
  char *at = (char *)payload;
  if (count == 0) free(payload);
  for (size_t i = 0; i < count; i++, at += strlen(at) + 1) list[i] = at;
  return list;
}

static enum stdio to_stdio(const char *value) {
  static const char *const names[] = {"closed", "null", "pipe", "pty"};
  for (int i = 0; i < 4; i++)
    if (strcmp(value, names[i]) == 0) return (enum stdio)i;
  _exit(1); /* a peer of another version; it gets no answer */
}

static void set_key(struct request *request, const char *key, size_t length, const char *value) {
#define IS(name) (length == sizeof name - 1 && memcmp(key, name, sizeof name - 1) == 0)
  if (IS("cwd")) request->cwd = value;
  else if (IS("root")) request->root = value;
  else if (IS("umask")) request->umask = (mode_t)strtoul(value, NULL, 8) & 0777;
  else if (IS("nice")) request->nice = atoi(value);
  else if (IS("apart")) request->apart = value;
  else if (IS("kept")) request->kept = value;
  else if (IS("spool")) request->spool = value;
  else if (IS("limits")) request->limits = value;
  else if (IS("lease")) request->lease_ms = atoll(value);
  else if (IS("background")) request->background_ms = atoi(value);
  else if (IS("stdin")) request->stdio[0] = to_stdio(value);
  else if (IS("stdout")) request->stdio[1] = to_stdio(value);
  else if (IS("stderr")) request->stdio[2] = to_stdio(value);
  else if (IS("relays")) request->relays = strcmp(value, "1") == 0;
  else if (IS("merged")) request->merged = strcmp(value, "1") == 0;
  else if (IS("blocked")) request->blocked = strtoull(value, NULL, 16);
  else if (IS("ignored")) request->ignored = strtoull(value, NULL, 16);
  else if (IS("rows")) request->size.ws_row = (unsigned short)atoi(value);
  else if (IS("columns")) request->size.ws_col = (unsigned short)atoi(value);
#undef IS
}

struct request request_read(struct connection *from, int is_first) {
  if (!is_first) await_next(from);
  struct request request = {.cwd = "",
                            .root = "",
                            .limits = "",
                            .apart = "",
                            .kept = "",
                            .spool = "",
                            .umask = 022,
                            .stdio = {NULL_DEVICE, PIPE, PIPE}};
  long long deadline = now_ms() + REQUEST_DEADLINE_MS;
  request.argv = read_list(from, FRAME_ARGV, deadline);
  request.envp = read_list(from, FRAME_ENV, deadline);
  char **pairs = read_list(from, FRAME_JOB, deadline);
  for (char **pair = pairs; *pair; pair++) {
    char *equals = strchr(*pair, '=');
    if (equals) set_key(&request, *pair, (size_t)(equals - *pair), equals + 1);
  }
  request.pairs = pairs[0];
  free(pairs);
  if (!request.argv[0]) connection_spawn_failed(from, "exec", ENOENT);
  if (request.stdio[0] == PTY) request.stdio[0] = NULL_DEVICE;
  return request;
}

/* A list ends where there is none; the first of its strings begins what all of them lie in. */
static void free_list(char **list) {
  free(list[0]);
  free(list);
}

void request_free(struct request *request) {
  free_list(request->argv);
  free_list(request->envp);
  free(request->pairs);
}
