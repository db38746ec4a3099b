/**
 * Limits that both ends keep. docs/PROTOCOL.md lists those of fields, and a test holds the messages against that list. A
 * limit bounds what one message can make this peer keep; no honest peer comes near it.
 */

/** Longest frame of a member: arguments, environments and reports of what was read may have some megabytes. */
export const memberFrameBytes = 8 * 1024 * 1024;
/** Bytes of output that a worker may send before it is granted more. */
export const outputWindowBytes = 1024 * 1024;

/** Linux takes no longer path. */
export const maxPathBytes = 4_096;
/** Text for people: details of refusals, versions of programs. */
export const maxTextLength = 1_024;

/** Of a load report. 256 of the longest fit a GOSSIP frame. */
export const maxReports = 256;
export const maxNameLength = 64;
export const maxVersionLength = 64;
export const maxIdLength = 128;
export const maxAddressLength = 128;
export const maxAddresses = 16;
export const maxReasonLength = 32;
export const maxReasons = 16;
export const maxSlots = 4_096;

/** Shares of which one SHARES message speaks. */
export const maxShares = 64;
export const maxCacheMs = 86_400_000;

/** What a command leaves in the background holds its slot no longer. */
export const maxBackgroundMs = 600_000;

/** Longest time that a job may go on without a word of its submitter. */
export const maxLeaseMs = 600_000;

/** Directories to refresh and files to compare with one offer. */
export const maxSeen = 70_000;
export const maxStale = 1_000;
export const maxPrograms = 16;
export const maxDigestLength = 128;
export const maxKindBytes = 16_384;
export const maxScanned = 4_096;
export const maxReopened = 2_048;
export const maxReopenedBelow = 64;
export const maxOutputs = 4_096;
/** Beside the outputs that the offer names, those that were found by scanning. */
export const maxMadeOutputs = 8_192;

/** Runs of numbers of files that were read, and entries that are told for the first time. */
export const maxReadRuns = 20_000;
export const maxAdded = 20_000;
/** Numbers that the runs stand for. */
export const maxRead = 1_000_000;
export const maxOutsideAnswers = 20_000;
/** A build id or a hash of the contents, with a word that says which. */
export const maxIdentityLength = 80;
/** Files that make up one program. */
export const maxToolParts = 256;

/** Arguments, and entries of an environment; Linux itself stops at 6 MB of them. */
export const maxStrings = 1_000_000;
/** Key=value strings of a JOB; those with keys that are not known are dropped. */
export const maxKeys = 64;

/** Checks of a machine that one answer tells of. */
export const maxFindings = 64;
export const maxCheckLength = 128;

/** Name of a served tree, unique among those of its submitter. */
export const maxTreeIdLength = 32;
/** Groups of a submitter that its jobs see. */
export const maxGroups = 64;
/** Directories that a served job may write below; swarmjob takes no more. */
export const maxAreas = 16;
/** Faults that are told with a result: one is enough. */
export const maxFaults = 8;
/** What swarmjob reports of one command: some 150 bytes a name. */
export const maxReportBytes = 64 * 1024 * 1024;
/** Contents that one served command may write. */
export const maxWrittenBytes = 64 * 1024 * 1024 * 1024;
