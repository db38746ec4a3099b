/*
 * One job, from its request to its end. It has a process of its own, the subreaper of everything that the command
 * starts. It is over when no process of it is left: then nothing writes into the tree any more. What the command
 * leaves in the background has some time to end and to say what it has to say; what then is left lives on, as it
 * would have where the command was called, but not longer than the runner.
 */
#ifndef SWARMEXEC_SESSION_H
#define SWARMEXEC_SESSION_H

#include <stdnoreturn.h>
#include <sys/stat.h>

#include "connection.h"

/* `swarmrun`: the wrapper beside us, see command_start; may be NULL. */
noreturn void session_serve(struct connection *peer, const struct stat *swarmrun);

#endif
