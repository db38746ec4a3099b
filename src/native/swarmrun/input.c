#define _GNU_SOURCE
#include "input.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "descriptors.h"
#include "ending.h"
#include "peer.h"

static void empty_copy(struct input *input) {
  int left = 0;
  while (ioctl(input->copy[0], FIONREAD, &left) == 0 && left > 0)
    if (read(input->copy[0], input->window, sizeof input->window) <= 0) return;
}

static int hung_up(void) {
  struct pollfd state = {.fd = 0, .events = POLLIN | POLLRDHUP};
  return poll(&state, 1, 0) > 0 && (state.revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL));
}

/* Fills the window from the beginning of what stdin holds, without taking it. */
static ssize_t look_into(struct input *input, enum kind kind, size_t most) {
  if (kind == SOCKET) return recv(0, input->window, most, MSG_PEEK | MSG_DONTWAIT);
  ssize_t copied = tee(0, input->copy[1], most, SPLICE_F_NONBLOCK);
  for (ssize_t at = 0, got; at < copied; at += got)
    if ((got = read(input->copy[0], input->window + at, (size_t)(copied - at))) <= 0) return -1;
  return copied;
}

/* Bytes after those that were sent already, at the start of the window: 0 at the end, -1 if none are there now. */
static ssize_t look_ahead(struct input *input, enum kind kind, size_t most) {
  size_t ahead = (size_t)(input->sent - input->taken);
  int ended = hung_up(); /* asked first: what was written before the end is then seen below */
  int held = 0;
  if (ioctl(0, FIONREAD, &held) != 0) return 0;
  if ((size_t)held > ahead) {
    ssize_t seen = look_into(input, kind, ahead + most);
    if (seen <= (ssize_t)ahead) return -1;
    memmove(input->window, input->window + ahead, (size_t)seen - ahead);
    return seen - (ssize_t)ahead;
  }
  return ended ? 0 : -1;
}

static ssize_t next_input(struct input *input, enum kind kind, size_t most) {
  if (kind == PIPE || kind == SOCKET) return look_ahead(input, kind, most);
  if (kind == REGULAR) {
    ssize_t got = pread(0, input->window, most, input->start + (off_t)input->sent);
    return got < 0 ? 0 : got;
  }
  /* A terminal or device can't be looked into: one piece (a line) at a time. */
  struct pollfd ready = {.fd = 0, .events = POLLIN};
  if (input->sent > input->taken || poll(&ready, 1, 0) <= 0) return -1;
  ssize_t got = read(0, input->window, most);
  return got < 0 ? (errno == EAGAIN || errno == EINTR ? -1 : 0) : got;
}

static int is_open(const struct input *input) {
  return input->wanted && !input->ended && input->sent - input->taken < STDIN_WINDOW_BYTES;
}

void input_send(struct wrapper *self) {
  struct input *input = &self->input;
  while (is_open(input)) {
    size_t most = STDIN_WINDOW_BYTES - (size_t)(input->sent - input->taken);
    ssize_t got = next_input(input, self->kinds[0], most);
    if (got < 0) return;
    if (got == 0) input->ended = 1;
    send_frame(self->peer, got ? FRAME_STDIN : FRAME_STDIN_END, input->window, (size_t)got);
    input->sent += (uint64_t)got;
  }
}

/* Takes from stdin what the command has read. */
static void drop(struct input *input, enum kind kind, uint64_t count) {
  while (count > 0 && (kind == PIPE || kind == SOCKET)) {
    size_t most = count < sizeof input->window ? (size_t)count : sizeof input->window;
    ssize_t gone = kind == SOCKET ? recv(0, input->window, most, MSG_DONTWAIT)
                                  : splice(0, NULL, input->copy[1], NULL, most, SPLICE_F_NONBLOCK);
    if (gone <= 0) return; /* another reader of the same pipe was quicker */
    if (kind == PIPE) empty_copy(input);
    count -= (uint64_t)gone;
  }
  if (kind == REGULAR && count > 0) lseek(0, input->start + (off_t)input->taken, SEEK_SET);
}

static void begin(struct wrapper *self) {
  struct input *input = &self->input;
  enum kind kind = self->kinds[0];
  input->wanted = 1;
  if (kind == REGULAR) input->start = lseek(0, 0, SEEK_CUR);
  if (kind == PIPE) {
    if (pipe2(input->copy, O_CLOEXEC) != 0) lost(self, "no pipe can be made");
    for (int i = 0; i < 2; i++) input->copy[i] = to_high(input->copy[i]);
    /* As many buffers as stdin has, else many small ones in it would hide what comes after them. */
    fcntl(input->copy[1], F_SETPIPE_SZ, fcntl(0, F_GETPIPE_SZ));
  }
  if (kind == PIPE || kind == SOCKET) {
    input->watch = to_high(epoll_create1(EPOLL_CLOEXEC));
    struct epoll_event changes = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET};
    if (epoll_ctl(input->watch, EPOLL_CTL_ADD, 0, &changes) != 0)
      lost(self, "standard input can't be watched");
  }
}

void input_taken(struct wrapper *self, const struct frame *frame) {
  struct input *input = &self->input;
  if (frame->length != 8) lost(self, "the peer sent garbage");
  uint64_t taken = get_u64(frame->payload);
  if (taken < input->taken || taken > input->sent) lost(self, "the peer sent garbage");
  if (!input->wanted) begin(self);
  uint64_t more = taken - input->taken;
  input->taken = taken;
  drop(input, self->kinds[0], more);
}

/* A regular file is always ready, so its descriptor never is: the watch of one is -1. */
int input_descriptor(const struct wrapper *self) {
  const struct input *input = &self->input;
  enum kind kind = self->kinds[0];
  if (!is_open(input)) return -1;
  if (kind == PIPE || kind == SOCKET || kind == REGULAR) return input->watch;
  return input->sent == input->taken ? 0 : -1;
}

void input_acknowledge(struct wrapper *self) {
  struct epoll_event change;
  if (self->input.watch >= 0) epoll_wait(self->input.watch, &change, 1, 0);
}
