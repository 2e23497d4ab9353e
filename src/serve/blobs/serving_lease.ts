import type { Digest } from "../../oci/digest.ts";
import type { Layout } from "../../store/layout.ts";
import { Lease } from "../../store/locks/leases.ts";

/** The command that collectors show as the user of what is served. */
const COMMAND = "larder serve";

/** 10 seconds for which a digest stays in the lease after its last use, so that requests in turn cost one write. */
export const LINGER = 10_000;

/**
 * The lease of everything that is being served: one file, which is written again only when a digest is missing in it.
 * Digests that are no longer served are left out then.
 */
export class ServingLease implements Disposable {
  readonly #layout: Layout;
  readonly #warn: (message: string) => void;
  /** The number of uses of each digest. */
  readonly #uses = new Map<Digest, number>();
  #written: { readonly lease: Lease; readonly digests: ReadonlySet<Digest> } | undefined;
  #writing: Promise<void> | undefined;

  constructor(layout: Layout, warn: (message: string) => void) {
    this.#layout = layout;
    this.#warn = warn;
  }

  /** Counts one more use of a digest; `ready` resolves once the lease has it. */
  hold(digest: Digest): { readonly ready: Promise<void>; readonly release: () => void } {
    this.#uses.set(digest, (this.#uses.get(digest) ?? 0) + 1);
    let isHeld = true;
    const release = () => {
      if (!isHeld) return;
      isHeld = false;
      Deno.unrefTimer(setTimeout(() => this.#end(digest), LINGER));
    };
    return { ready: this.#include(digest), release };
  }

  [Symbol.dispose](): void {
    this.#uses.clear();
    this.#written?.lease.release();
  }

  #end(digest: Digest): void {
    const left = (this.#uses.get(digest) ?? 0) - 1;
    if (left > 0) this.#uses.set(digest, left);
    else this.#uses.delete(digest);
    if (this.#uses.size > 0 || this.#writing) return;
    this.#written?.lease.release();
    this.#written = undefined;
  }

  async #include(digest: Digest): Promise<void> {
    while (!this.#written?.digests.has(digest) && this.#uses.has(digest)) {
      // All requests that arrive while a file is written share the next one.
      await (this.#writing ??= this.#write().finally(() => this.#writing = undefined));
    }
  }

  async #write(): Promise<void> {
    const digests = new Set(this.#uses.keys());
    const lease = new Lease(this.#layout, COMMAND);
    await lease.add({ digests: [...digests] }, { warn: this.#warn });
    this.#written?.lease.release();
    this.#written = { lease, digests };
  }
}
