import type { Clock } from "../../base/concurrency.ts";
import { statIfAny } from "../../base/files/files.ts";
import type { Digest, DigestAlgorithm } from "../../oci/digest.ts";
import { digestOf } from "../../oci/hash.ts";
import { type Reference, repositoryName } from "../../oci/reference.ts";
import { UnnamedIngest } from "../../store/blobs/unnamed_ingest.ts";
import type { Layout } from "../../store/layout.ts";
import { ApiError } from "../errors.ts";
import type { ServingLease } from "../blobs/serving_lease.ts";

/** One hour after its last request when an upload is discarded. */
export const EXPIRY = 60 * 60_000;

/** Uploads that are open at the same time, each with a file; others are continued from their partial files. */
export const MAX_OPEN = 256;

const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The upload of one blob to a repository, in the partial file that is named by the digest of its id. */
export class UploadSession {
  readonly id: string;
  /** Names the partial file. */
  readonly key: Digest;
  readonly repository: string;
  readonly ingest: UnnamedIngest;
  readonly #release: () => void;
  #queue: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #isEnded = false;

  constructor(id: string, repository: string, ingest: UnnamedIngest, release: () => void) {
    this.id = id;
    this.key = keyOf(id);
    this.repository = repository;
    this.ingest = ingest;
    this.#release = release;
  }

  /** True if it was committed, cancelled or closed. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  get isBusy(): boolean {
    return this.#waiting > 0;
  }

  /** Runs the requests of a client one after the other: one whose connection broke off may not have ended yet. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    this.#waiting++;
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => {});
    try {
      return await result;
    } finally {
      this.#waiting--;
    }
  }

  /** Closes the partial file, and keeps what was uploaded. */
  close(): void {
    this.#isEnded = true;
    this.ingest[Symbol.dispose]();
    this.#release();
  }
}

/** The uploads under way. The last ones are open; any other is found by its partial file, also after a restart. */
export class UploadSessions implements Disposable {
  readonly #layout: Layout;
  readonly #lease: ServingLease;
  /** By id, the one whose last request is the longest ago first. */
  readonly #open = new Map<string, UploadSession>();
  readonly #clock: Clock;
  /** The uploads of this server, open or not, each with what ends the wait for its expiry. */
  readonly #known = new Map<
    string,
    { readonly repository: string; readonly wait: AbortController }
  >();
  readonly #opening = new Map<string, Promise<UploadSession | undefined>>();

  constructor(layout: Layout, lease: ServingLease, clock: Clock) {
    this.#layout = layout;
    this.#lease = lease;
    this.#clock = clock;
  }

  /** Begins an upload. @throws ApiError, and LarderError LDR_DISK* */
  async begin(repository: Reference, algorithm?: DigestAlgorithm): Promise<UploadSession> {
    const id = crypto.randomUUID();
    const name = repositoryName(repository);
    const ingest = await this.#ingest(id, algorithm);
    try {
      ingest.restart({ validator: name });
      return this.#add(id, name, ingest);
    } catch (error) {
      ingest[Symbol.dispose]();
      throw error;
    }
  }

  /** Returns an upload of a repository. @throws ApiError if there is none, and LarderError LDR_DISK* */
  async find(repository: Reference, id: string): Promise<UploadSession> {
    const name = repositoryName(repository);
    const session = this.#open.get(id) ?? await this.#reopen(id, name);
    if (session?.repository !== name) throw noUpload(name);
    this.#used(session);
    return session;
  }

  /** Ends an upload, and removes what was uploaded unless it was committed. */
  end(session: UploadSession): void {
    this.#stopWaiting(session.id);
    if (!this.#open.delete(session.id)) return;
    session.ingest.discard();
    session.close();
  }

  /** Closes all uploads; what was uploaded is kept for the next server. */
  [Symbol.dispose](): void {
    for (const id of this.#known.keys()) this.#stopWaiting(id);
    for (const session of this.#open.values()) this.#close(session);
  }

  async #reopen(id: string, name: string): Promise<UploadSession | undefined> {
    const isThere = this.#known.has(id) || statIfAny(this.#layout.partial(keyOf(id)));
    if (!ID.test(id) || !isThere) return undefined;
    const opening = this.#opening.get(id) ?? this.#openPartial(id, name);
    this.#opening.set(id, opening);
    return await opening.finally(() => this.#opening.delete(id));
  }

  async #openPartial(id: string, name: string): Promise<UploadSession | undefined> {
    const ingest = await this.#ingest(id);
    // An upload that was closed before anything had arrived has no file.
    const isEmpty = ingest.offset === 0 && this.#known.get(id)?.repository === name;
    if (isEmpty) ingest.restart({ validator: name });
    if (ingest.version?.validator === name) return this.#add(id, name, ingest);
    ingest[Symbol.dispose]();
    return undefined;
  }

  async #ingest(id: string, algorithm?: DigestAlgorithm): Promise<UnnamedIngest> {
    return (await UnnamedIngest.open(this.#layout, keyOf(id), () => false, { algorithm }))!;
  }

  #add(id: string, name: string, ingest: UnnamedIngest): UploadSession {
    if (this.#open.size >= MAX_OPEN) this.#closeOne();
    const { ready, release } = this.#lease.hold(keyOf(id));
    ready.catch(() => {}); // Without a lease, a collector takes the partial file after seven days.
    const session = new UploadSession(id, name, ingest, release);
    this.#used(session);
    return session;
  }

  #used(session: UploadSession): void {
    const { id } = session;
    this.#open.delete(id);
    this.#open.set(id, session);
    this.#stopWaiting(id);
    const wait = new AbortController();
    this.#known.set(id, { repository: session.repository, wait });
    this.#clock.sleep(EXPIRY, wait.signal).then(() => this.#expire(session), () => {});
  }

  #stopWaiting(id: string): void {
    this.#known.get(id)?.wait.abort();
    this.#known.delete(id);
  }

  async #expire(session: UploadSession): Promise<void> {
    if (session.isBusy) return this.#used(session);
    if (!session.isEnded) return this.end(session);
    this.#known.delete(session.id);
    // It was closed because there were too many. A failure leaves it to gc.
    const reopened = await this.#reopen(session.id, session.repository).catch(() => undefined);
    if (reopened) this.end(reopened);
  }

  #closeOne(): void {
    const idle = this.#open.values().find(({ isBusy }) => !isBusy);
    if (!idle) {
      throw new ApiError(429, "TOOMANYREQUESTS", `${MAX_OPEN} uploads are under way`, {
        "retry-after": "1",
      });
    }
    this.#close(idle);
  }

  #close(session: UploadSession): void {
    this.#open.delete(session.id);
    session.close();
  }
}

export function noUpload(repository: string): ApiError {
  return new ApiError(404, "BLOB_UPLOAD_UNKNOWN", `${repository} has no such upload`);
}

/** Returns the digest whose partial file has the bytes of an upload. */
function keyOf(id: string): Digest {
  return digestOf(new TextEncoder().encode(`upload ${id}`));
}
