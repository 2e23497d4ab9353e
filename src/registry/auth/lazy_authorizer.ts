import type { Authorizer, DeniedRequest } from "../client.ts";

/** Loads an authorizer after the first denied request, because many registries deny none. */
export class LazyAuthorizer implements Authorizer {
  readonly #load: () => Promise<Authorizer>;
  #loading: Promise<Authorizer> | undefined;
  #loaded: Authorizer | undefined;

  constructor(load: () => Promise<Authorizer>) {
    this.#load = load;
  }

  /** @inheritdoc */
  current(registry: string, repository: string | undefined): string | undefined {
    return this.#loaded?.current(registry, repository);
  }

  /** @inheritdoc */
  async authorize(denied: DeniedRequest, signal?: AbortSignal): Promise<string> {
    return await (await this.#get()).authorize(denied, signal);
  }

  /** @inheritdoc */
  async authorizeHidden(hidden: DeniedRequest, signal?: AbortSignal): Promise<string | undefined> {
    return await (await this.#get()).authorizeHidden?.(hidden, signal);
  }

  async #get(): Promise<Authorizer> {
    return this.#loaded = await (this.#loading ??= this.#load());
  }
}
