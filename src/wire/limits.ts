/** Limits that both ends of a job's stream keep. */

/** Longest frame of a member: arguments, environments and reports of what was read may have some megabytes. */
export const memberFrameBytes = 8 * 1024 * 1024;
/** Bytes of output that a worker may send before it is granted more. */
export const outputWindowBytes = 1024 * 1024;
