/* Directories that each machine has for itself, such as /tmp: a command may get empty ones of its own in their place. */
#ifndef SWARMEXEC_APART_H
#define SWARMEXEC_APART_H

/*
 * Puts SCRATCH/0/u, SCRATCH/1/u, … over them for this process and all that it starts; one that is not there leaves its
 * place as it is. `kept` stays visible where a directory was made for it. 0, or an errno: then nothing is as it was, and
 * the process must end.
 */
int places_apart(const char *scratch, const char *kept);

#endif
