#define _GNU_SOURCE
#include "relay.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ending.h"
#include "input.h"
#include "output.h"
#include "signals.h"

enum {
  PEER_SILENCE_MS = 20000, /* a peer that lives sends a beat every few seconds */
  WORKER_END_MS = 500,     /* TERM, a quarter of a second, KILL */
};

/* ccache looks here, where its cache is; what it lacks it has compiled through us. Its setting is words, so no blanks. */
static void stand_behind_ccache(void) {
  char path[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  if (length <= 0) return;
  path[length] = '\0';
  if (!strpbrk(path, " \t")) setenv("CCACHE_PREFIX", path, 1);
}

static noreturn void take_inline(struct wrapper *self, const struct frame *frame) {
  if (!is_untouched(self)) lost(self, "the peer gave the command back");
  debug("inline: the peer says so (%.*s)", (int)frame->length, (const char *)frame->payload);
  if (self->input.watch >= 0) close(self->input.watch);
  if (frame->length > 7 && memcmp(frame->payload, "ccache:", 7) == 0) stand_behind_ccache();
  /* Open across the exec: its closing tells the peer that the slot is free. */
  fcntl(self->peer, F_SETFD, 0);
  exec_inline(self);
}

static noreturn void take_exit(struct wrapper *self, const struct frame *frame) {
  if (frame->length < 3 || frame->payload[0] > 1) lost(self, "the peer sent garbage");
  if (frame->payload[0] == 1) die_of(frame->payload[1]);
  _exit(frame->payload[1]);
}

static long limit_of(int type) {
  switch (type) {
    case FRAME_INLINE: return 256;
    case FRAME_STDIN_TAKEN: return 8;
    case FRAME_STDOUT:
    case FRAME_STDERR: return FRAME_DATA_BYTES;
    case FRAME_EXIT: return 64;
    case FRAME_BEAT: return 0;
    default: return -1;
  }
}

static void take_frame(struct wrapper *self, const struct frame *frame) {
  self->signals.requests_to_end = 0; /* it is not frozen */
  switch (frame->type) {
    case FRAME_INLINE: take_inline(self, frame);
    case FRAME_EXIT: take_exit(self, frame);
    case FRAME_STDOUT: output_take(self, 1, frame); break;
    case FRAME_STDERR: output_take(self, 2, frame); break;
    case FRAME_BEAT: break; /* it lives; the job waits or runs */
    default: input_taken(self, frame);
  }
}

/* Waits until there is something to do. While output waits for its reader, nothing more is read from the peer. */
static void wait_for_events(struct wrapper *self, struct frame_reader *reader) {
  int is_writing = self->output.left > 0;
  struct pollfd polls[] = {
      {.fd = self->signals.fd, .events = POLLIN},
      {.fd = is_writing ? -1 : self->peer, .events = POLLIN},
      {.fd = is_writing ? self->output.fd : -1, .events = POLLOUT},
      {.fd = input_descriptor(self), .events = POLLIN},
  };
  int ready = poll(polls, 4, is_writing ? -1 : PEER_SILENCE_MS);
  if (ready < 0) return; /* EINTR: stopped and continued */
  if (ready == 0) lost(self, "the peer fell silent");
  if (polls[0].revents) signals_pass_on(&self->signals, self->peer);
  if (polls[2].revents) output_write(self);
  if (polls[3].revents) input_acknowledge(self);
  if (!polls[1].revents) return;
  ssize_t got = frame_receive(reader, self->peer);
  if (got == 0 || (got < 0 && errno != EAGAIN)) {
    /* A worker that ran it hears of this too and ends what writes in place: let it, before we write there. */
    if (is_untouched(self)) usleep(WORKER_END_MS * 1000);
    lost(self, "the connection to the peer was lost");
  }
}

noreturn void relay(struct wrapper *self) {
  struct frame_reader reader = {0};
  for (;;) {
    struct frame frame;
    int found = 0;
    while (!self->output.left && (found = frame_next(&reader, limit_of, &frame)) > 0)
      take_frame(self, &frame);
    if (found < 0) lost(self, "the peer sent garbage");
    input_send(self);
    wait_for_events(self, &reader);
  }
}
