/* Our stdin, on its way to the command. Nothing is taken from it that the command has not really read. */
#ifndef SWARMRUN_INPUT_H
#define SWARMRUN_INPUT_H

#include "wrapper.h"

/* Sends what may be sent now. */
void input_send(struct wrapper *self);

/* The peer tells how much the command has read; the first such frame asks for input. */
void input_taken(struct wrapper *self, const struct frame *frame);

/* The descriptor to wait at for more input, -1 if none is to be sent now. */
int input_descriptor(const struct wrapper *self);

/* After the descriptor became ready. */
void input_acknowledge(struct wrapper *self);

#endif
