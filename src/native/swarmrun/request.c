#define _GNU_SOURCE
#include "request.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../limits.h"
#include "descriptors.h"
#include "ending.h"
#include "peer.h"

extern char **environ;

static uint64_t mask_of(const sigset_t *set) {
  uint64_t mask = 0;
  for (int number = 1; number <= 64; number++)
    if (sigismember(set, number) == 1) mask |= 1ull << (number - 1);
  return mask;
}

static uint64_t ignored_signals(void) {
  uint64_t mask = 0;
  struct sigaction action;
  for (int number = 1; number <= 64; number++)
    if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN) mask |= 1ull << (number - 1);
  return mask;
}

static void add_frame(struct bytes *to, int type, const struct bytes *payload) {
  unsigned char header[FRAME_HEADER_BYTES];
  put_header(header, payload->length, type);
  bytes_add(to, header, sizeof header);
  bytes_add(to, payload->data, payload->length);
  if (payload->failed) to->failed = 1;
}

static void add_list(struct bytes *to, int type, char **items) {
  struct bytes payload = {0};
  for (; *items; items++) bytes_add(&payload, *items, strlen(*items) + 1);
  if (payload.length > FRAME_LIST_BYTES) payload.failed = 1;
  add_frame(to, type, &payload);
  free(payload.data);
}

static void add_pair(struct bytes *to, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add_pair(struct bytes *to, const char *format, ...) {
  char text[64];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  bytes_add(to, text, (size_t)length + 1);
}

static mode_t current_umask(void) {
  mode_t mask = umask(0);
  umask(mask);
  return mask;
}

static void add_cwd(struct bytes *to) {
  char *cwd = getcwd(NULL, 0);
  bytes_add(to, "cwd=", 4);
  bytes_add(to, cwd ? cwd : "", (cwd ? strlen(cwd) : 0) + 1);
  free(cwd);
}

/* How much nicer than others we are; what is less nice than others does not travel. */
static int niceness(void) {
  int nice = getpriority(PRIO_PROCESS, 0);
  return nice > 0 ? nice : 0;
}

static void add_number(struct bytes *to, rlim_t number) {
  char text[32];
  int length = number == RLIM_INFINITY ? snprintf(text, sizeof text, ":-")
                                       : snprintf(text, sizeof text, ":%llu", (unsigned long long)number);
  bytes_add(to, text, (size_t)length);
}

static void add_limits(struct bytes *to) {
  const char *before = "limits=";
  for (int i = 0; i < LIMIT_NAMES; i++) {
    struct rlimit limit;
    if (getrlimit(limit_names[i].resource, &limit) != 0) continue;
    bytes_add(to, before, strlen(before));
    bytes_add(to, limit_names[i].name, strlen(limit_names[i].name));
    add_number(to, limit.rlim_cur);
    add_number(to, limit.rlim_max);
    before = ",";
  }
  bytes_add(to, "", 1);
}

static struct winsize terminal_size(const enum kind kinds[3]) {
  struct winsize size = {0};
  int fd = kinds[2] == TERMINAL ? 2 : kinds[1] == TERMINAL ? 1 : 0;
  if (kinds[fd] == TERMINAL) ioctl(fd, TIOCGWINSZ, &size);
  return size;
}

static void add_job(struct bytes *to, const struct wrapper *self) {
  const enum kind *kinds = self->kinds;
  struct bytes job = {0};
  struct winsize size = terminal_size(kinds);
  add_pair(&job, "version=1");
  add_pair(&job, "pid=%d", (int)getpid());
  add_cwd(&job);
  add_pair(&job, "umask=%03o", (unsigned)current_umask());
  add_pair(&job, "stdin=%s", kind_names[kinds[0]]);
  add_pair(&job, "stdout=%s", kind_names[kinds[1]]);
  add_pair(&job, "stderr=%s", kind_names[kinds[2]]);
  add_pair(&job, "merged=%d", is_merged(kinds));
  add_pair(&job, "descriptors=%d", count_descriptors(self->command));
  add_pair(&job, "blocked=%llx", (unsigned long long)mask_of(&self->signals.found));
  add_pair(&job, "ignored=%llx", (unsigned long long)ignored_signals());
  add_pair(&job, "rows=%u", size.ws_row);
  add_pair(&job, "columns=%u", size.ws_col);
  add_pair(&job, "nice=%d", niceness());
  add_limits(&job);
  add_pair(&job, "surroundings=%s", self->surroundings);
  add_pair(&job, "force=%s", self->force);
  if (job.length > FRAME_DATA_BYTES) job.failed = 1;
  add_frame(to, FRAME_JOB, &job);
  free(job.data);
}

void hand_over(struct wrapper *self) {
  struct bytes request = {0};
  add_list(&request, FRAME_ARGV, self->command);
  add_list(&request, FRAME_ENV, environ);
  add_job(&request, self);
  if (request.failed || send_all(self->peer, request.data, request.length) != 0) {
    debug("inline: %s",
          request.failed ? "the command line or environment is too long" : "the peer takes no job");
    close(self->peer);
    exec_inline(self);
  }
  free(request.data);
}
