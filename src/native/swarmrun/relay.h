/* Passes everything on between the caller and the peer, until the command has ended. */
#ifndef SWARMRUN_RELAY_H
#define SWARMRUN_RELAY_H

#include "wrapper.h"

noreturn void relay(struct wrapper *self);

#endif
