/**
 * Constants that several files share; a constant with one user is declared beside it. Sizes are in bytes, times in
 * milliseconds.
 */

/**
 * Concurrent transfers of a pull. Small blobs gain from up to 16, large ones stop gaining at 4 to 8. Spin uses 16 too.
 */
export const TRANSFERS = 16;

/** 1 MiB read buffer of a download. */
export const TRANSFER_BUFFER = 1024 * 1024;

/** 256 KiB read buffer for copying or hashing a file. */
export const COPY_BUFFER = 256 * 1024;

/** 1 MiB limit on a token, error body or metadata document from a registry. */
export const MAX_DOCUMENT = 1024 * 1024;

/** Hosts and repositories of which something is remembered: clients of a server can name any number. */
export const MAX_NAMED = 1000;

/** 30 seconds without a byte after which a connection is closed and the request retried. */
export const STALL_TIMEOUT = 30_000;

/** Milliseconds between two attempts at a lock that another process holds. */
export const LOCK_POLL = 50;

/** One hour during which a collector keeps whatever was used or written: another process may be about to use it. */
export const GRACE_AGE = 60 * 60_000;

/** Five minutes by which the clocks of machines that share a cache may differ: a time that far ahead counts as now. */
export const CLOCK_SKEW = 5 * 60_000;

/** Attempts at a write whose files are deleted by another process meanwhile. */
export const PULL_ROUNDS = 5;

/** 64 KiB that are read ahead for a guest that waits for a stream without saying how much it wants. */
export const GUEST_READ_AHEAD = 64 * 1024;
