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
    this.#loaded = await (this.#loading ??= this.#load());
    return await this.#loaded.authorize(denied, signal);
  }
}
