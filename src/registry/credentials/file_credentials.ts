import type { Clock } from "../../base/concurrency.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import type { Credential, CredentialSource } from "./credential.ts";
import { CredentialFile, type HelperCall } from "./docker_config.ts";
import { askHelper } from "./helper.ts";

/** So long an answer of a credential helper is used again; some of what they give expires within the hour. */
const HELPER_REUSE = 5 * 60_000;

/**
 * The credentials that this user has in files and helper programs. The first file that has any for a registry
 * wins; within a file, helpers come first.
 */
export class FileCredentials implements CredentialSource {
  readonly #files: readonly CredentialFile[];
  readonly #clock: Clock;
  readonly #helpers = new SingleFlight<Credential | undefined>();
  readonly #answers = new Map<string, { credential: Credential | undefined; at: number }>();

  /** @param paths the files to look in, in this order; those that are not there are passed over */
  constructor(paths: readonly string[], clock: Clock) {
    this.#files = paths.map((path) => new CredentialFile(path));
    this.#clock = clock;
  }

  /** @inheritdoc */
  async find(
    registry: string,
    repository?: string,
    signal?: AbortSignal,
  ): Promise<Credential | undefined> {
    for (const file of this.#files) {
      const call = file.helperFor(registry);
      const credential = (call && await this.#ask(call, file.path, signal)) ??
        file.find(registry, repository);
      if (credential) return credential;
    }
    return undefined;
  }

  /** Helpers may ask the user something: once is enough, also for many repositories at the same time. */
  async #ask(
    call: HelperCall,
    namedIn: string,
    signal: AbortSignal | undefined,
  ): Promise<Credential | undefined> {
    const key = `${call.helper} ${call.server}`;
    const known = this.#answers.get(key);
    if (known && this.#clock.now() - known.at < HELPER_REUSE) return known.credential;
    return await this.#helpers.run(key, async (signal) => {
      const credential = await askHelper(call, { namedIn, signal });
      this.#answers.set(key, { credential, at: this.#clock.now() });
      return credential;
    }, signal);
  }
}
