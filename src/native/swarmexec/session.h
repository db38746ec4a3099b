/*
 * The jobs of one connection, one after the other, each from its request to its end. They have a process of their own, the
 * subreaper of everything that a command starts. A job is over when no process of it is left: then nothing writes into the
 * tree any more. What the command leaves in the background has some time to end and to say what it has to say; what then
 * is left lives on, as it would have where the command was called, but not longer than the runner: such a job is the last
 * one of its connection.
 */
#ifndef SWARMEXEC_SESSION_H
#define SWARMEXEC_SESSION_H

#include <stdnoreturn.h>
#include <sys/stat.h>

#include "connection.h"

/* `swarmrun`: the wrapper beside us, see command_start; may be NULL. */
noreturn void session_serve(struct connection *peer, const struct stat *swarmrun);

#endif
