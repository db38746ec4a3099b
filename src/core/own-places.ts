/** Directories that each machine has for itself, for what is temporary. In this order: swarmexec has the same list. */
export const ownPlaces: readonly string[] = ['/tmp', '/var/tmp', '/dev/shm'];
