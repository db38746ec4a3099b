/* Signals that come while the command runs elsewhere. */
#ifndef SWARMRUN_SIGNALS_H
#define SWARMRUN_SIGNALS_H

#include "wrapper.h"

/*
 * From here on signals are passed on. Blocked ones stay blocked, and ignored ones ignored, as they would for the
 * command; all others act on the wrapper as they would on the command.
 */
void signals_watch(struct signal_watch *signals);

void signals_pass_on(struct signal_watch *signals, int peer);

#endif
