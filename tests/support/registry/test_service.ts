import assert from "node:assert/strict";
import { join } from "node:path";
import type { ListenerTls } from "../../../src/base/listener.ts";
import type { Clock } from "../../../src/base/concurrency.ts";
import type { Reference } from "../../../src/oci/reference.ts";
import { RegistryClient } from "../../../src/registry/client.ts";
import type { Mirror } from "../../../src/registry/mirrors/route.ts";
import { httpTransport } from "../../../src/registry/http/transport_stack.ts";
import { RegistryService } from "../../../src/serve/registry_service.ts";
import { type LoggedRequest, RegistryServer } from "../../../src/serve/server.ts";
import { Via } from "../../../src/serve/via.ts";
import { Layout } from "../../../src/store/layout.ts";
import { TemporaryFolder } from "../temporary.ts";
import { TestRegistry } from "./test_registry.ts";

/** A clock that the test sets; pauses between tries take no time. */
export class SetClock implements Clock {
  time = Date.UTC(2026, 0, 31, 12);
  /** Milliseconds by which the user, or NTP, has set the clock. */
  step = 0;

  now(): number {
    return this.time + this.step;
  }

  elapsed(): number {
    return this.time;
  }

  random(): number {
    return 0;
  }

  /** Ends at once if it is a pause between tries, else only by the signal. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    if (milliseconds === 0) return Promise.resolve();
    return new Promise((_, reject) =>
      signal?.addEventListener("abort", () => reject(new Error("aborted")))
    );
  }
}

/** A clock whose waits of a length end when the test says so. */
export class SteppedClock extends SetClock {
  readonly #waits = new Set<{ readonly milliseconds: number; readonly end: () => void }>();

  override async sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wait = { milliseconds, end: resolve };
    this.#waits.add(wait);
    await Promise.race([promise, super.sleep(milliseconds, signal)])
      .finally(() => this.#waits.delete(wait));
  }

  /** Ends the waits of this length. @returns their number */
  end(milliseconds: number): number {
    const waits = [...this.#waits].filter((wait) => wait.milliseconds === milliseconds);
    for (const { end } of waits) end();
    return waits.length;
  }
}

export interface TestServiceOptions {
  /** 1 hour by default. */
  readonly staleIfError?: number;
  readonly offline?: boolean;
  readonly maxRequests?: number;
  readonly tls?: ListenerTls;
  /** The mirrors of every repository; none by default. */
  readonly mirrors?: (repository: Reference) => readonly Mirror[];
  /** What the server sends to registries as `Via`. */
  readonly via?: string;
  readonly mayName?: (upstream: Reference) => boolean;
  readonly clock?: SetClock;
  /** The `registry` folder, by default one of its own. */
  readonly root?: string;
}

/** What the server would send to registries as `Via`. */
export const VIA = "1.1 larder-test";

/** What `larder serve` serves, in this process on a free port, with a registry behind it. */
export class TestService implements AsyncDisposable {
  readonly #folder = new TemporaryFolder();
  readonly layout: Layout;
  readonly clock: SetClock;
  readonly warnings: string[] = [];
  readonly log: LoggedRequest[] = [];
  readonly #service: RegistryService;
  readonly #server: RegistryServer;

  private constructor(readonly registry: TestRegistry, options: TestServiceOptions) {
    this.clock = options.clock ?? new SetClock();
    this.layout = new Layout(options.root ?? join(this.#folder.path, "registry"));
    const { clock } = this;
    const authorizer = {
      current: () => undefined,
      authorize: () => Promise.reject(new Error("the fixture asked for credentials")),
    };
    const via = new Via(() => options.via ?? VIA);
    const headers = () => ({ via: via.header });
    const transport = httpTransport({ clock, longestWait: 1000, headers });
    const warn = (message: string) => this.warnings.push(message);
    const { mirrors = () => [] } = options;
    const route = (reference: Reference) => Promise.resolve({ mirrors: mirrors(reference) });
    const client = new RegistryClient({ clock, transport, authorizer, mirrors: { route, warn } });
    this.#service = new RegistryService({
      layout: this.layout,
      client: options.offline ? undefined : client,
      via,
      clock,
      mayName: options.mayName ?? (() => true),
      staleIfError: options.staleIfError ?? 3_600_000,
      warn,
      note: () => {},
      onFetched: () => {},
      defaultUpstream: registry.host,
      checkRepository: () => {},
    });
    this.#server = new RegistryServer(this.#service, {
      address: { hostname: "127.0.0.1", port: 0 },
      defaultUpstream: registry.host,
      via,
      access: () => undefined,
      maxRequests: options.maxRequests,
      tls: options.tls,
      onRequest: (request) => this.log.push(request),
      onFailure: (message) => this.warnings.push(message),
    });
  }

  static async start(options: TestServiceOptions = {}): Promise<TestService> {
    return new TestService(await TestRegistry.start(), options);
  }

  /** Starts another server in front of the same registry, on the same cache by default. */
  another(options: TestServiceOptions = {}): TestService {
    return new TestService(this.registry, { root: this.layout.root, ...options });
  }

  get url(): string {
    return this.#server.url;
  }

  renew(tls: ListenerTls): void {
    this.#server.renew(tls);
  }

  /** @param path below `/v2/`; a repository without a host is one of the registry */
  request(path: string, init: RequestInit & { client?: Deno.HttpClient } = {}): Promise<Response> {
    return fetch(`${this.#server.url}/v2/${path}`, init);
  }

  /** Sends bytes and returns the beginning of the response: `HTTP/1.1 200`. */
  async statusLine(head: string): Promise<string> {
    const { hostname, port } = new URL(this.#server.url);
    using connection = await Deno.connect({ hostname, port: Number(port) });
    await connection.write(new TextEncoder().encode(head));
    const buffer = new Uint8Array(12);
    const length = await connection.read(buffer) ?? 0;
    return new TextDecoder().decode(buffer.subarray(0, length));
  }

  /** Fails unless the server says that it is well. */
  async healthy(): Promise<void> {
    const response = await fetch(`${this.#server.url}/healthz`);
    assert.deepEqual([response.status, await response.text()], [200, "ok\n"]);
  }

  /** Returns the bytes of a response with this status. */
  async bytes(path: string, status = 200, init: RequestInit = {}): Promise<Uint8Array> {
    const response = await this.request(path, init);
    const body = new Uint8Array(await response.arrayBuffer());
    const text = new TextDecoder().decode(body.subarray(0, 300));
    assert.equal(response.status, status, `${path}: ${text}`);
    return body;
  }

  /** Returns the headers of a response with this status. */
  async head(path: string, status = 200, init: RequestInit = {}): Promise<Headers> {
    const response = await this.request(path, { method: "HEAD", ...init });
    await response.body?.cancel();
    assert.equal(response.status, status, path);
    return response.headers;
  }

  /** Returns `404 MANIFEST_UNKNOWN` of a response. */
  async error(path: string, init: RequestInit = {}): Promise<string> {
    const response = await this.request(path, init);
    const { errors } = await response.json();
    return `${response.status} ${errors[0].code}`;
  }

  /** Stops the server, and leaves its cache and the registry. */
  async stop(): Promise<void> {
    await this.#server.stop();
    await this.#service[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.registry[Symbol.asyncDispose]();
    this.#folder[Symbol.dispose]();
  }
}
