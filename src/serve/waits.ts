import { LarderError } from "../base/errors.ts";
import type { Reference } from "../oci/reference.ts";
import type { Upstreams } from "./upstreams.ts";
import type { Via } from "./via.ts";

/**
 * Keeps servers that are mirrors of each other from waiting for each other. If both are asked for the same new content
 * at the same time, each asks the other one, which has the question under way, too: without this, both answers took the
 * 30 seconds after which a mirror counts as away.
 *
 * Invariant: a question that a server began waits at another server only for one of the same or of a later server, in
 * the order of their names, so that no circle of questions waits for itself.
 */
export class Waits {
  readonly #via: Via;
  readonly #upstreams: Upstreams;
  /** The servers that began what is under way here. */
  readonly #origins = new Map<string, string>();

  constructor(via: Via, upstreams: Upstreams) {
    this.#via = via;
    this.#upstreams = upstreams;
  }

  /** Notes that the request that is answered now has begun a question. */
  begin<T>(key: string, answer: Promise<T>): Promise<T> {
    this.#origins.set(key, this.#via.origin);
    const remove = () => void this.#origins.delete(key);
    answer.then(remove, remove);
    return answer;
  }

  /**
   * Checks that the request that is answered now may wait for a question that is under way. Clients always may, and so
   * may servers if this one has no mirrors for it.
   * @throws LarderError LDR_NOT_FOUND, which sends the server that asks to the next place
   */
  async check(key: string, repository: Reference): Promise<void> {
    const origin = this.#origins.get(key);
    if (origin === undefined || !this.#via.isOfServer || this.#via.origin <= origin) return;
    if (!await this.#upstreams.repository(repository).hasMirrors()) return;
    throw new LarderError("LDR_NOT_FOUND", "this server is asking its mirrors for it", {
      hint: "ask the registry itself",
    });
  }
}
