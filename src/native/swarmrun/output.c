#define _GNU_SOURCE
#include "output.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

enum { PIPE_PIECE_BYTES = 4096 }; /* what a pipe that polls as writable takes without blocking */

/* The reader went away or the disk is full. SIGPIPE has ended us before, unless it is ignored. */
static void output_failed(struct wrapper *self) {
  /* Commands fail if their stdout does, and few look whether their stderr does. */
  if (self->output.fd == 1) {
    dprintf(2, "swarmrun: %s: cannot write its standard output: %s\n", self->command[0], strerror(errno));
    _exit(1);
  }
  self->output.left = 0;
}

static ssize_t write_piece(const struct output *output, enum kind kind) {
  if (kind == SOCKET) return send(output->fd, output->at, output->left, MSG_DONTWAIT);
  if (kind != PIPE) return write(output->fd, output->at, output->left);
  /* A write that blocks would make us deaf to signals, and O_NONBLOCK is not ours to set: others share it. */
  struct pollfd ready = {.fd = output->fd, .events = POLLOUT};
  if (poll(&ready, 1, 0) == 0) {
    errno = EAGAIN;
    return -1;
  }
  return write(output->fd, output->at, output->left < PIPE_PIECE_BYTES ? output->left : PIPE_PIECE_BYTES);
}

void output_write(struct wrapper *self) {
  struct output *output = &self->output;
  while (output->left > 0) {
    ssize_t done = write_piece(output, self->kinds[output->fd]);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0 && errno == EAGAIN) return;
    if (done < 0) {
      output_failed(self);
      return;
    }
    output->begun = 1;
    output->at += done;
    output->left -= (size_t)done;
  }
}

void output_take(struct wrapper *self, int fd, const struct frame *frame) {
  if (self->kinds[fd] == CLOSED) return;
  self->output.fd = fd;
  self->output.at = frame->payload;
  self->output.left = frame->length;
  output_write(self);
}
