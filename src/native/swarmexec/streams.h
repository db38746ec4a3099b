/* The command's standard descriptors: its ends, and ours. */
#ifndef SWARMEXEC_STREAMS_H
#define SWARMEXEC_STREAMS_H

#include "connection.h"
#include "request.h"

struct output {
  int fd; /* our end, -1 when ended */
  int type;
  size_t most; /* bytes that will still be taken */
};

struct input {
  int fd;                                 /* the end we write to; -1 when closed */
  int look;                               /* a read end, only to ask how much is unread */
  unsigned char held[STDIN_WINDOW_BYTES]; /* came from the peer, did not fit into the pipe */
  size_t held_bytes;
  int ended;
  uint64_t written, reported;
  int interval_ms; /* between two looks whether the command read */
};

struct streams {
  struct output outputs[2];
  int spool; /* our end of a file that stdout is, until the command is over; -1: none */
  struct input input;
  int command_ends[3]; /* -1: closed, or /dev/null */
};

/* Makes pipes and terminals as asked; parts from the peer if that fails. */
void streams_make(struct streams *streams, const struct request *request, struct connection *peer);

/* In the command's process: makes its ends 0, 1 and 2. */
void streams_become_stdio(const struct streams *streams, const enum stdio wanted[3]);

/* The command is over: from now on the file that it had for stdout is an output like others. 0 if there is none. */
int streams_unspool(struct streams *streams);

void streams_close_command_ends(struct streams *streams);

void output_close(struct output *output);

/* Takes what was written so far, and no more. */
void output_finish(struct output *output);

/* Moves one piece of output on, if the one before is sent; -1 if the peer is gone. */
int output_relay(struct output *output, struct connection *peer);

/* All that is ours of them. */
void streams_close(struct streams *streams);

void input_close(struct input *input);

/* Takes bytes that the peer sent; -1 if it sent more than it may. */
int input_hold(struct input *input, const unsigned char *data, size_t length);

/* Writes what the command's pipe takes now. */
void input_write(struct input *input);

/* Tells the peer what the command has read since the last time. */
void input_report(struct input *input, struct connection *peer);

#endif
