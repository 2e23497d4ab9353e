import { join } from "node:path";
import type { Clock } from "../../../src/base/concurrency.ts";
import { formatReference, parseReference, type Reference } from "../../../src/oci/reference.ts";
import type { PullObserver, PullOptions } from "../../../src/pull/options.ts";
import { Puller } from "../../../src/pull/puller.ts";
import type { PullResult } from "../../../src/pull/result.ts";
import { type Authorizer, RegistryClient } from "../../../src/registry/client.ts";
import { httpTransport } from "../../../src/registry/http/transport_stack.ts";
import { Layout } from "../../../src/store/layout.ts";
import { FakeClock } from "../fake_clock.ts";
import { TestRegistry } from "../registry/test_registry.ts";
import { TemporaryFolder } from "../temporary.ts";

const NO_CREDENTIALS: Authorizer = {
  current: () => undefined,
  authorize: () => Promise.reject(new Error("the fixture asked for credentials")),
};

/** A puller with its store and a registry in this process, and a fake clock. */
export class TestPuller implements AsyncDisposable {
  readonly #folder = new TemporaryFolder();
  readonly layout = new Layout(join(this.#folder.path, "registry"));
  readonly clock = new FakeClock();
  readonly notes: string[] = [];
  readonly client: RegistryClient;
  readonly inner: Puller;

  private constructor(readonly registry: TestRegistry, stallTimeout: number | undefined) {
    const clock: Clock = this.clock;
    const onRetry = (message: string) => this.notes.push(message);
    const transport = httpTransport({ clock, stallTimeout, onRetry });
    this.client = new RegistryClient({
      clock,
      transport,
      authorizer: NO_CREDENTIALS,
      ...(stallTimeout && { stallTimeout }),
    });
    this.inner = new Puller({ layout: this.layout, client: this.client, transport, clock });
  }

  static async start(options: { stallTimeout?: number } = {}): Promise<TestPuller> {
    return new TestPuller(await TestRegistry.start(), options.stallTimeout);
  }

  reference(repository = "app", tag = "v1"): Reference {
    return parseReference(this.registry.reference(repository, tag));
  }

  pull(
    options: Partial<PullOptions> = {},
    reference: Reference | string = this.reference(),
    observer: PullObserver = {},
  ): Promise<PullResult> {
    const parsed = parseReference(
      typeof reference === "string" ? reference : formatReference(reference),
    );
    const note = (message: string) => this.notes.push(message);
    return this.inner.pull(parsed, { policy: "always", transfers: 4, ...options }, {
      note,
      ...observer,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry[Symbol.asyncDispose]();
    this.#folder[Symbol.dispose]();
  }
}
