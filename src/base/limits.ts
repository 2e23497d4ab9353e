/** Numbers that several folders share; those with one user stand beside it. Sizes are bytes, times are milliseconds. */

/** Transfers at once. Small blobs gain up to 16; large ones nothing past 4 to 8. Spin uses 16 too. */
export const TRANSFERS = 16;

/** Read buffer of a download. */
export const TRANSFER_BUFFER = 1024 * 1024;

/** Read buffer when copying or hashing a file. */
export const COPY_BUFFER = 256 * 1024;

/** The largest token, error body or metadata document read from a registry. */
export const MAX_DOCUMENT = 1024 * 1024;

/** A connection that brings no byte for so long is cut off and tried again. */
export const STALL_TIMEOUT = 30_000;

/** Tries of one request, the first included. */
export const TRIES = 5;

/** How often another process's download or lock is looked at again. */
export const LOCK_POLL = 50;

/** A collector leaves alone what was used or written so recently: somebody may be about to use it. */
export const GRACE_AGE = 60 * 60_000;

/** How often a pull starts over because somebody deletes the cache under it. */
export const PULL_ROUNDS = 5;

/** So much is fetched for a guest that waits for a stream without saying how much it wants. */
export const GUEST_READ_AHEAD = 64 * 1024;
