#define _GNU_SOURCE
#include "streams.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

enum {
  LOOK_SOONEST_MS = 1, /* how often to look whether the command read its stdin */
  LOOK_LATEST_MS = 64,
};

/* Ours is non-blocking; pipes have a file description for each end, so the command's stays blocking. */
static void make_pipe(struct connection *peer, int *ours, int *theirs, int we_write) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) connection_spawn_failed(peer, "pipe", errno);
  *ours = ends[we_write];
  *theirs = ends[!we_write];
  fcntl(*ours, F_SETFL, O_NONBLOCK | (we_write ? O_WRONLY : O_RDONLY));
}

/* A raw terminal for output: gcc and others colour what they print for it, and not a byte is changed. */
static void make_pty(struct connection *peer, const struct winsize *size, int *ours, int *theirs) {
  int unlock = 0;
  *ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (*ours < 0 || ioctl(*ours, TIOCSPTLCK, &unlock) != 0) connection_spawn_failed(peer, "pipe", errno);
  *theirs = ioctl(*ours, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  struct termios mode;
  if (*theirs < 0 || tcgetattr(*theirs, &mode) != 0) connection_spawn_failed(peer, "pipe", errno);
  cfmakeraw(&mode);
  tcsetattr(*theirs, TCSANOW, &mode);
  if (size->ws_row || size->ws_col) ioctl(*theirs, TIOCSWINSZ, size);
}

/* A file without a name: where there is no such thing, one whose name is gone. */
static int make_nameless(const char *directory) {
  int fd = open(directory, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return fd;
  char *name;
  if (asprintf(&name, "%s/.spool-XXXXXX", directory) < 0) return -1;
  fd = mkostemp(name, O_CLOEXEC);
  if (fd >= 0) unlink(name);
  free(name);
  return fd;
}

/* What the command leaves in it is what it printed: it may go back in there, as in the file that its caller has for it. */
static void make_spool(struct connection *peer, const char *directory, int *ours, int *theirs) {
  char path[64];
  *theirs = make_nameless(directory);
  snprintf(path, sizeof path, "/proc/self/fd/%d", *theirs);
  *ours = *theirs < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (*ours < 0) connection_spawn_failed(peer, "spool", errno);
}

void streams_make(struct streams *streams, const struct request *request, struct connection *peer) {
  const enum stdio *wanted = request->stdio;
  struct output *outputs = streams->outputs;
  struct input *input = &streams->input;
  int *ends = streams->command_ends;
  outputs[0] = (struct output){-1, FRAME_STDOUT, SIZE_MAX};
  outputs[1] = (struct output){-1, FRAME_STDERR, SIZE_MAX};
  ends[0] = ends[1] = ends[2] = input->fd = input->look = streams->spool = -1;
  input->interval_ms = LOOK_SOONEST_MS;
  if (wanted[0] == PIPE) {
    make_pipe(peer, &input->fd, &ends[0], 1);
    input->look = fcntl(ends[0], F_DUPFD_CLOEXEC, 3);
  }
  int both = request->merged || (wanted[1] == PTY && wanted[2] == PTY);
  for (int i = 1; i < 3; i++) {
    if (i == 2 && both && wanted[1] == wanted[2]) ends[2] = ends[1];
    else if (i == 1 && *request->spool && wanted[1] == PIPE)
      make_spool(peer, request->spool, &streams->spool, &ends[1]);
    else if (wanted[i] == PIPE) make_pipe(peer, &outputs[i - 1].fd, &ends[i], 0);
    else if (wanted[i] == PTY) make_pty(peer, &request->size, &outputs[i - 1].fd, &ends[i]);
  }
}

void streams_become_stdio(const struct streams *streams, const enum stdio wanted[3]) {
  for (int fd = 0; fd < 3; fd++) {
    if (streams->command_ends[fd] >= 0) {
      dup2(streams->command_ends[fd], fd); /* the copy is not close-on-exec */
      continue;
    }
    close(fd); /* so that open gives this number: those below are open, or closed for the command */
    if (wanted[fd] != NULL_DEVICE) continue;
    int null = open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY);
    if (null >= 0 && null != fd) {
      dup2(null, fd);
      close(null);
    }
  }
}

int streams_unspool(struct streams *streams) {
  struct stat st;
  if (streams->spool < 0) return 0;
  /* What lives on may write more: that counts as little as what comes late into a pipe. */
  size_t size = fstat(streams->spool, &st) == 0 ? (size_t)st.st_size : 0;
  streams->outputs[0] = (struct output){streams->spool, FRAME_STDOUT, size};
  streams->spool = -1;
  if (size == 0) output_close(&streams->outputs[0]);
  return 1;
}

void streams_close_command_ends(struct streams *streams) {
  int *ends = streams->command_ends;
  if (ends[2] == ends[1]) ends[2] = -1;
  for (int i = 0; i < 3; i++) {
    if (ends[i] >= 0) close(ends[i]);
    ends[i] = -1;
  }
}

void output_close(struct output *output) {
  if (output->fd >= 0) close(output->fd);
  output->fd = -1;
}

void output_finish(struct output *output) {
  int unread = 0;
  if (output->fd < 0 || output->most < SIZE_MAX) return;
  if (ioctl(output->fd, FIONREAD, &unread) == 0) output->most = (size_t)unread;
  if (unread == 0) output_close(output);
}

int output_relay(struct output *output, struct connection *peer) {
  if (output->fd < 0 || !connection_is_sent(peer)) return 0;
  connection_clear(peer);
  size_t most = output->most < FRAME_DATA_BYTES ? output->most : FRAME_DATA_BYTES;
  ssize_t got = read(output->fd, peer->out + FRAME_HEADER_BYTES, most);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (got <= 0) { /* EIO is the end of a terminal */
    output_close(output);
    return 0;
  }
  put_header(peer->out, (size_t)got, output->type);
  peer->end = FRAME_HEADER_BYTES + (size_t)got;
  if (output->most < SIZE_MAX) output->most -= (size_t)got;
  if (output->most == 0) output_close(output);
  return connection_send_some(peer);
}

void input_close(struct input *input) {
  if (input->fd >= 0) close(input->fd);
  input->fd = -1;
  input->held_bytes = 0;
}

void streams_close(struct streams *streams) {
  for (int i = 0; i < 2; i++) output_close(&streams->outputs[i]);
  if (streams->spool >= 0) close(streams->spool);
  streams->spool = -1;
  input_close(&streams->input);
  if (streams->input.look >= 0) close(streams->input.look);
  streams->input.look = -1;
}

int input_hold(struct input *input, const unsigned char *data, size_t length) {
  if (input->ended || length > sizeof input->held - input->held_bytes) return -1;
  if (input->fd < 0) return 0; /* the command has closed it, or ended */
  memcpy(input->held + input->held_bytes, data, length);
  input->held_bytes += length;
  return 0;
}

void input_write(struct input *input) {
  while (input->fd >= 0 && input->held_bytes > 0) {
    ssize_t done = write(input->fd, input->held, input->held_bytes);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0 && errno == EAGAIN) return;
    if (done < 0) {
      input_close(input);
      return;
    }
    input->written += (uint64_t)done;
    input->held_bytes -= (size_t)done;
    memmove(input->held, input->held + done, input->held_bytes);
    input->interval_ms = LOOK_SOONEST_MS;
  }
  if (input->ended) input_close(input);
}

static uint64_t bytes_taken(const struct input *input) {
  int unread = 0;
  if (input->look < 0 || ioctl(input->look, FIONREAD, &unread) != 0) return input->written;
  return input->written - (uint64_t)unread;
}

void input_report(struct input *input, struct connection *peer) {
  if (input->look < 0 || !connection_has_room(peer)) return;
  uint64_t taken = bytes_taken(input);
  if (taken == input->reported) {
    input->interval_ms = input->interval_ms * 2 < LOOK_LATEST_MS ? input->interval_ms * 2 : LOOK_LATEST_MS;
    return;
  }
  unsigned char payload[8];
  put_u64(payload, taken);
  connection_queue(peer, FRAME_STDIN_TAKEN, payload, sizeof payload);
  input->reported = taken;
  input->interval_ms = LOOK_SOONEST_MS;
}
