import { MAX_NAMED } from "../../base/limits.ts";
import { RecentMap } from "../../base/recent_map.ts";
import type { Clock } from "../../base/concurrency.ts";
import { hasCode, type LarderError } from "../../base/errors.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import type { Credential, CredentialSource } from "./credential.ts";
import { CredentialFile, type HelperCall } from "./docker_config.ts";
import { askHelper } from "./helper.ts";

/** Milliseconds for which a helper's result is reused; some helpers return secrets that expire within an hour. */
const HELPER_REUSE = 5 * 60_000;

/** The credentials that a helper has, or the reason why it has not answered. */
interface Answer {
  readonly credential?: Credential | undefined;
  readonly failure?: LarderError;
}

/**
 * Finds the user's credentials in files and helper programs. The first file with credentials for a registry is used;
 * within a file, its helpers take precedence. A broken file or helper is passed over, and fails the lookup only if no
 * other has credentials.
 */
export class FileCredentials implements CredentialSource {
  readonly #files: readonly CredentialFile[];
  readonly #clock: Clock;
  readonly #helpers = new SingleFlight<Answer>();
  readonly #answers = new RecentMap<string, Answer & { at: number }>(MAX_NAMED);

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
    let failure: LarderError | undefined;
    for (const file of this.#files) {
      const inHelper = () => this.#inHelper(file, registry, signal);
      const inFile = () => file.find(registry, repository);
      for (const look of [inHelper, inFile]) {
        try {
          const credential = await look();
          if (credential) return credential;
        } catch (error) {
          if (!hasCode(error, "LDR_CONFIG", "LDR_CREDENTIAL_HELPER")) throw error;
          failure ??= error;
        }
      }
    }
    if (failure) throw failure;
    return undefined;
  }

  async #inHelper(
    file: CredentialFile,
    registry: string,
    signal: AbortSignal | undefined,
  ): Promise<Credential | undefined> {
    const call = file.helperFor(registry);
    if (!call) return undefined;
    const { credential, failure } = await this.#runHelper(call, file.path, signal);
    if (failure) throw failure;
    return credential;
  }

  /** Runs a helper once, even for many repositories at the same time, because it may prompt the user. */
  async #runHelper(
    call: HelperCall,
    namedIn: string,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    const key = `${call.helper} ${call.server}`;
    const known = this.#answers.get(key);
    if (known && this.#clock.elapsed() - known.at < HELPER_REUSE) return known;
    return await this.#helpers.run(key, async (signal) => {
      const answer: Answer = await askHelper(call, { namedIn, signal }).then(
        (credential) => ({ credential }),
        (failure) => {
          if (hasCode(failure, "LDR_CREDENTIAL_HELPER")) return { failure };
          throw failure;
        },
      );
      this.#answers.set(key, { ...answer, at: this.#clock.elapsed() });
      return answer;
    }, signal);
  }
}
