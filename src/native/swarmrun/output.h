/* The command's output, on its way to our own stdout and stderr. */
#ifndef SWARMRUN_OUTPUT_H
#define SWARMRUN_OUTPUT_H

#include "wrapper.h"

/* Takes a frame of output for descriptor `fd`; the one before has been written. */
void output_take(struct wrapper *self, int fd, const struct frame *frame);

/* Writes what can be written now of the frame at hand. */
void output_write(struct wrapper *self);

#endif
