/** Every number that shapes larder's behaviour, in one place. Sizes are bytes, times are milliseconds. */

/** Transfers at once. Small blobs gain up to 16; large ones nothing past 4 to 8. Spin uses 16 too. */
export const TRANSFERS = 16;

/** Read buffer of a download. */
export const TRANSFER_BUFFER = 1024 * 1024;

/** Read buffer when copying or hashing a file. */
export const COPY_BUFFER = 256 * 1024;

/** From this size on a blob is hashed in a thread of its own: below it, starting one costs more than it brings. */
export const HASH_IN_THREAD = 16 * 1024 * 1024;

/** So many new bytes are worth telling the hashing thread of. */
export const HASH_STEP = 1024 * 1024;

/** Threads that hash the files of a cache, where there are so many processors. */
export const HASH_THREADS = 8;

/** A thread is given so many bytes of files to hash at once … */
export const HASH_BATCH = 32 * 1024 * 1024;

/** … or so many files, … */
export const HASH_BATCH_FILES = 1024;

/** … and of a large file says how far it has come after so many bytes. */
export const HASH_PROGRESS = 32 * 1024 * 1024;

/** The largest manifest accepted: the limit that the distribution specification names for registries. */
export const MAX_MANIFEST = 4 * 1024 * 1024;

/** The largest token, error body or metadata document read from a registry. */
export const MAX_DOCUMENT = 1024 * 1024;

/** The largest Spin locked app: it is the one blob that is read whole, because it is JSON. */
export const MAX_LOCKED_APP = 64 * 1024 * 1024;

/** The largest download whose size nobody told beforehand: a component that a Spin manifest names by URL. */
export const MAX_UNSIZED = 4 * 1024 * 1024 * 1024;

/** The largest import or export section of a Wasm binary: hundreds of thousands of names. */
export const MAX_WASM_NAMES = 16 * 1024 * 1024;

/** How deep a Wasm component may nest others. */
export const MAX_WASM_NESTING = 100;

/** Read buffer when looking for the sections of a Wasm binary. */
export const WASM_WINDOW = 64 * 1024;

/** How deep an index may nest other indexes. */
export const MAX_INDEX_DEPTH = 4;

/** A connection that brings no byte for so long is cut off and tried again. */
export const STALL_TIMEOUT = 30_000;

/** Tries of one request, the first included. */
export const TRIES = 5;

/** First pause between tries; it doubles each time, and full jitter picks a point below it. */
export const RETRY_BASE = 250;

/** The longest pause between tries that larder chooses itself. */
export const RETRY_CAP = 10_000;

/** The longest `Retry-After` that is waited for; a longer one ends the tries. */
export const RETRY_AFTER_CAP = 60_000;

/** A download that got at least this much further starts its count of tries anew. */
export const PROGRESS_RESETS_TRIES = 1024 * 1024;

/** Questions that one registry is asked at once about the tags that are cached … */
export const TAG_CHECKS = 8;

/** … and registries that are asked at once. */
export const REGISTRIES = 8;

/** Redirects followed for one request. */
export const MAX_REDIRECTS = 10;

/** How often another process's download or lock is looked at again. */
export const LOCK_POLL = 50;

/** How long a writer waits for a sweep to finish. */
export const LOCK_WAIT = 10 * 60_000;

/** How long a sweep waits for writers to finish; new ones wait so long for it at most. */
export const SWEEP_WAIT = 60_000;

/** A collector leaves alone what was used or written so recently: somebody may be about to use it. */
export const GRACE_AGE = 60 * 60_000;

/** A download that was broken off so long ago is not continued any more. */
export const PARTIAL_AGE = 7 * 24 * 60 * 60_000;

/** So many deletions are made before a sweep looks whether it was interrupted. */
export const SWEEP_CHUNK = 256;

/** From this size on the journal of hits, misses and sweeps begins anew; the last one is kept beside it. */
export const JOURNAL_SIZE = 2 * 1024 * 1024;

/** So many of the entries that a sweep took are named in the journal. */
export const SWEEP_DETAILS = 500;

/** So many of the entries that damage was done to are named in the journal. */
export const MAX_NAMED = 20;

/** What is fetched again so soon after a sweep took it should have stayed. */
export const REGRET_AGE = 7 * 24 * 60 * 60_000;

/** Where locks cannot tell whether a lease is in use, it counts for so long even if its process is not found. */
export const LEASE_GRACE = 24 * 60 * 60_000;

/** An unpacked archive may hold so many files. */
export const MAX_ARCHIVE_FILES = 100_000;

/** An unpacked archive may expand to so many bytes … */
export const MAX_ARCHIVE_SIZE = 8 * 1024 * 1024 * 1024;

/** … and, past the first 64 MiB, to so many times its compressed size (DEFLATE cannot pass 1032). */
export const MAX_ARCHIVE_RATIO = 200;
export const ARCHIVE_RATIO_FREE = 64 * 1024 * 1024;

/** A credential helper that says nothing for so long is given up. */
export const HELPER_TIMEOUT = 60_000;

/** An engine's program that does not tell its version for so long is listed without one. */
export const ENGINE_TIMEOUT = 10_000;

/** How often a pull starts over because somebody deletes the cache under it. */
export const PULL_ROUNDS = 5;

/** How long a token lives whose server does not say (distribution: "Token Authentication Specification"). */
export const TOKEN_LIFETIME = 60_000;

/** A token is dropped so long before it expires, or at half its life if that is later. */
export const TOKEN_MARGIN = 10_000;

/** A token that replaced a rejected one and is itself rejected this soon is not replaced again. */
export const TOKEN_PROBATION = 10_000;

/** So long an answer of a credential helper is used again; some of what they give expires within the hour. */
export const HELPER_REUSE = 5 * 60_000;

/** A guest that has not begun its response after so long is given up. */
export const GUEST_HEAD_TIMEOUT = 60_000;

/** How often a guest's thread shows that its event loop turns, while it has requests under way. */
export const GUEST_BEAT = 50;

/** A guest's thread that has not shown so for this long gets no new request if another can have it … */
export const GUEST_SILENCE = 200;

/** … and is ended after this: what else it had under way is lost, and a new thread takes its place. */
export const GUEST_HANG = 10_000;

/** So long a guest may go on after its response is over; what it then waits for fails. */
export const IDLE_AFTER_RESPONSE = 20_000;

/** How often the threads that have requests under way are looked at. */
export const GUEST_LOOK = 100;

/** Requests that a thread has under way at most; each has an instance, and its memory, of its own. */
export const GUESTS_PER_THREAD = 32;

/** Bytes of a response that a guest may be ahead of its client. */
export const RESPONSE_WINDOW = 256 * 1024;

/** The most that a guest is given by one read of a stream or file. */
export const GUEST_READ = 1024 * 1024;

/** So much is fetched for a guest that waits for a stream without saying how much it wants. */
export const GUEST_READ_AHEAD = 64 * 1024;

/** Bytes that a guest may have written to a stream before they have gone on. */
export const GUEST_WRITE_WINDOW = 256 * 1024;

/** The most random bytes that a component gets at once, of which the host makes a list. */
export const GUEST_RANDOM = 64 * 1024 * 1024;

/** So many open files, requests and timers one instance of a guest may have. */
export const GUEST_RESOURCES = 4096;

/** The most that the names and values of one header, as a guest builds it, may have together. */
export const GUEST_HEADER = 256 * 1024;

/** After so long without a turn of the event loop a guest's next wait gives it one. */
export const GUEST_SLICE = 10;

/** How long a pipe that is full is left alone, where its reader made it one that does not block. */
export const OUTPUT_PAUSE = 5;

/** So many names of hosts one instance of a guest may have looked up and still reach by their addresses. */
export const GUEST_NAMES = 1024;

/** So many datagrams wait for a guest to take them, and so many of its own to leave; the system keeps more. */
export const GUEST_DATAGRAMS = 16;

/** After a guest has closed a connection, what it had written gets so long to leave. */
export const SOCKET_LINGER = 10_000;

/** The longest path that a guest may name, as on Linux … */
export const GUEST_PATH = 4096;

/** … and how many symbolic links it may lead through. */
export const GUEST_LINKS = 40;

/** So many of a guest's refused accesses are told of; a guest could think of new ones for ever. */
export const GUEST_REFUSALS = 20;

/** The memory that a guest's module may have, unless it asks for more to begin with. */
export const GUEST_MEMORY = 1024 * 1024 * 1024;

/** So many memories of ended instances are kept for the next ones, for each module in a thread. */
export const SPARE_MEMORIES = 2;

/** After Ctrl-C, requests under way get so long to end … */
export const STOP_GRACE = 20_000;

/** … and what was answered then gets so long to leave. */
export const STOP_FLUSH = 2_000;
