/* The ways in which the wrapper ends, and what it says on the way if asked to. */
#ifndef SWARMRUN_ENDING_H
#define SWARMRUN_ENDING_H

#include "wrapper.h"

/* Says something on stderr if BUILDSWARM_DEBUG asks for it. */
void debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Dies of `number` as the command did, without a core of our own over the one it may have left. */
noreturn void die_of(int number);

/* Executes the command here and now, with everything as we found it. */
noreturn void exec_inline(struct wrapper *self);

/* Can the command still run as if nothing had been tried? */
int is_untouched(const struct wrapper *self);

/* The peer is of no use any more: runs the command here, or says that it was cut off and fails. */
noreturn void lost(struct wrapper *self, const char *why);

#endif
