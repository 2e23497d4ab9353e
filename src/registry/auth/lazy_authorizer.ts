import type { Authorizer, Refusal } from "../client.ts";

/** An authorizer that is loaded when the first registry asks who is there, since many never do. */
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
  async answer(refusal: Refusal, signal?: AbortSignal): Promise<string> {
    this.#loaded = await (this.#loading ??= this.#load());
    return await this.#loaded.answer(refusal, signal);
  }
}
