import type { Clock } from "../../base/concurrency.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import type { Credential, CredentialSource } from "./credential.ts";
import { CredentialFile, type HelperCall } from "./docker_config.ts";
import { askHelper } from "./helper.ts";

/** Milliseconds for which a helper's result is reused; some helpers return secrets that expire within an hour. */
const HELPER_REUSE = 5 * 60_000;

/**
 * Finds the user's credentials in files and helper programs. The first file with credentials for a registry is used;
 * within a file, its helpers take precedence.
 */
export class FileCredentials implements CredentialSource {
  readonly #files: readonly CredentialFile[];
  readonly #clock: Clock;
  readonly #helpers = new SingleFlight<Credential | undefined>();
  readonly #results = new Map<string, { credential: Credential | undefined; at: number }>();

  /** @param paths the files to read, in order; missing files are ignored */
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
      const credential = (call && await this.#runHelper(call, file.path, signal)) ??
        file.find(registry, repository);
      if (credential) return credential;
    }
    return undefined;
  }

  /** Runs a helper once, even for many repositories at the same time, because it may prompt the user. */
  async #runHelper(
    call: HelperCall,
    namedIn: string,
    signal: AbortSignal | undefined,
  ): Promise<Credential | undefined> {
    const key = `${call.helper} ${call.server}`;
    const known = this.#results.get(key);
    if (known && this.#clock.now() - known.at < HELPER_REUSE) return known.credential;
    return await this.#helpers.run(key, async (signal) => {
      const credential = await askHelper(call, { namedIn, signal });
      this.#results.set(key, { credential, at: this.#clock.now() });
      return credential;
    }, signal);
  }
}
