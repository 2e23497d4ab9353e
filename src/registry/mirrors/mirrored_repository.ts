import { hasCode, LarderError } from "../../base/errors.ts";
import { TRIES } from "../../base/tries.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { asDigest, type Digest } from "../../oci/digest.ts";
import type { BlobStream, FetchOptions } from "../../oci/fetcher.ts";
import type { Manifest } from "../../oci/manifest.ts";
import type { Reference } from "../../oci/reference.ts";
import type { Place } from "../endpoints.ts";
import type { HttpResponse } from "../http/transport.ts";
import { Repository, type RepositoryDependencies } from "../repository.ts";
import type { MirrorHealth } from "./mirror_health.ts";
import type { FindRoute, Mirror, Route } from "./route.ts";

/** Bodies of one blob that may break off at a mirror before it is not asked for this blob any more. */
const BROKEN_BODIES = 2;

/** Bytes of a body that make up for its end: a slow link to a mirror that makes progress is no reason to leave it. */
const PROGRESS = 1024 * 1024;

export interface MirrorDependencies {
  readonly route: FindRoute;
  readonly health: MirrorHealth;
  /** Returns what a repository at this place needs. @param once true if its requests are not repeated */
  readonly connect: (place: Place, once: boolean) => RepositoryDependencies;
}

interface Sources {
  readonly mirrors: readonly { readonly mirror: Mirror; readonly repository: Repository }[];
  readonly upstream: Repository;
}

/**
 * A repository that is asked for at its mirrors first, in order, and then at its registry. A mirror that fails or sends
 * something wrong is a miss, and the next place is asked; only failures of the last place are errors.
 */
export class MirroredRepository extends Repository {
  readonly #reference: Reference;
  readonly #deps: MirrorDependencies;
  /** Useful answers by the mirror's host. */
  readonly #answers = new Map<string, number>();
  /** Broken bodies by mirror and digest. */
  readonly #broken = new Map<string, number>();
  /** Broken bodies by digest. */
  readonly #allBroken = new Map<string, number>();
  #sources: Promise<Sources> | undefined;

  constructor(reference: Reference, deps: MirrorDependencies) {
    super(reference, deps.connect(reference, false));
    this.#reference = reference;
    this.#deps = deps;
  }

  /** @inheritdoc */
  override mirrorsUsed(): string[] {
    return [...this.#answers].filter(([, count]) => count > 0).map(([host]) => host);
  }

  /** @inheritdoc */
  override async hasMirrors(): Promise<boolean> {
    return (await this.#open()).mirrors.length > 0;
  }

  /** @inheritdoc */
  override async head(tag: string, signal?: AbortSignal): Promise<Digest | undefined> {
    // A `GET` decides if a mirror does not answer `HEAD`: whether the next place is asked depends on it.
    const digest = await this.#askMirrors(
      tag,
      async (mirror) =>
        await mirror.head(tag, signal) ?? (await mirror.manifest(tag, signal)).digest,
    );
    return digest ?? await (await this.#open()).upstream.head(tag, signal);
  }

  /** @inheritdoc */
  override async manifest(target: string | Digest, signal?: AbortSignal): Promise<Manifest> {
    const manifest = await this.#askMirrors(target, (mirror) => mirror.manifest(target, signal));
    return manifest ?? await (await this.#open()).upstream.manifest(target, signal);
  }

  /** @inheritdoc */
  override async fetch(
    descriptor: Descriptor,
    offset = 0,
    options: FetchOptions = {},
  ): Promise<BlobStream> {
    const { digest } = descriptor;
    const stream = await this.#askMirrors(digest, async (repository, mirror) => {
      const { signal, end, once } = options;
      const opened = await repository.fetch(descriptor, offset, { signal, end, once });
      return this.#watched(opened, descriptor, mirror);
    }, options.once);
    return stream ?? await (await this.#open()).upstream.fetch(descriptor, offset, options);
  }

  /**
   * Lists and sizes are those of the registry itself; while it fails, those of the first mirror that has some. A site may
   * reach nothing but its mirrors.
   * @inheritdoc
   */
  override async ask(...request: Parameters<Repository["ask"]>): Promise<HttpResponse> {
    const { mirrors, upstream } = await this.#open();
    const answered = await upstream.ask(...request).catch((error: Error) => error);
    if (!(answered instanceof Error) && !isFailing(answered)) return answered;
    for (const { mirror, repository } of mirrors) {
      if (this.#deps.health.isDown(mirror)) continue;
      const response = await repository.ask(...request)
        .catch((error) => this.#deps.health.failed(mirror, error));
      if (response?.status === 200) {
        if (!(answered instanceof Error)) await answered.body?.cancel();
        return response;
      }
      await response?.body?.cancel();
    }
    if (answered instanceof Error) throw answered;
    return answered;
  }

  /**
   * Returns the answer of the first mirror that has one.
   * @param once true if a failure is final and says nothing about the mirror, which may only limit connections
   */
  async #askMirrors<T>(
    target: string | Digest,
    ask: (repository: Repository, mirror: Mirror) => Promise<T>,
    once?: boolean,
  ): Promise<T | undefined> {
    const isDigest = asDigest(target) !== undefined;
    for (const { mirror, repository } of (await this.#open()).mirrors) {
      if (!this.#mayAsk(mirror, target, isDigest)) continue;
      try {
        const answer = await ask(repository, mirror);
        this.#count(mirror, 1);
        return answer;
      } catch (error) {
        if (once) throw error;
        this.#deps.health.failed(mirror, error);
      }
    }
    return undefined;
  }

  #count({ registry }: Mirror, answers: number): void {
    this.#answers.set(registry, (this.#answers.get(registry) ?? 0) + answers);
  }

  #mayAsk(mirror: Mirror, target: string, isDigest: boolean): boolean {
    if (mirror.use === "digest-only" && !isDigest) return false;
    if (mirror.use === "tag-only" && this.#reference.digest) return false;
    if (this.#deps.health.isDown(mirror)) return false;
    // Each is one of the tries of a transfer, of which one is for the registry.
    const left = TRIES - 1 - (this.#allBroken.get(target) ?? 0);
    return (this.#broken.get(bodyKey(mirror, target)) ?? 0) < Math.min(BROKEN_BODIES, left);
  }

  /** @returns the number of bodies of this blob that have broken off at this mirror */
  #countBroken(mirror: Mirror, digest: Digest): number {
    const key = bodyKey(mirror, digest);
    const count = (this.#broken.get(key) ?? 0) + 1;
    this.#broken.set(key, count);
    this.#allBroken.set(digest, (this.#allBroken.get(digest) ?? 0) + 1);
    return count;
  }

  /** Notes how the body of a mirror ends. */
  #watched(stream: BlobStream, { digest, size }: Descriptor, mirror: Mirror): BlobStream {
    const { health } = this.#deps;
    const broken = (received: number, error: Error) => {
      if (received >= PROGRESS || hasCode(error, "LDR_INTERRUPTED")) return;
      if (this.#countBroken(mirror, digest) === BROKEN_BODIES) health.warn(mirror, error);
    };
    async function* chunks() {
      let received = 0;
      try {
        for await (const chunk of stream.chunks) {
          received += chunk.length;
          yield chunk;
        }
      } catch (error) {
        broken(received, error as Error);
        throw error;
      }
      const missing = (stream.end ?? size ?? 0) - stream.offset - received;
      if (missing > 0) broken(received, endedEarly(digest, missing));
    }
    return {
      ...stream,
      chunks: chunks(),
      reject: (error) => {
        this.#count(mirror, -1);
        this.#broken.set(bodyKey(mirror, digest), BROKEN_BODIES);
        health.failed(mirror, error);
      },
    };
  }

  /** Finds the route. @throws LarderError LDR_BLOCKED if the repository must not be used */
  protected async findRoute(): Promise<void> {
    await this.#open();
  }

  #open(): Promise<Sources> {
    return this.#sources ??= this.#deps.route(this.#reference).then((route) =>
      this.#connect(route)
    );
  }

  #connect({ mirrors, upstream = this.#reference }: Route): Sources {
    const open = (place: Place, once: boolean) =>
      new Repository(this.#reference, this.#deps.connect(place, once), place);
    return {
      mirrors: mirrors.map((mirror) => ({ mirror, repository: open(mirror, true) })),
      upstream: open(upstream, false),
    };
  }
}

function bodyKey({ registry, repository }: Mirror, digest: string): string {
  return `${registry}/${repository}@${digest}`;
}

/** True if the server has a fault or too much to do, so that another one may answer. */
function isFailing({ status }: HttpResponse): boolean {
  return status === 429 || status >= 500;
}

function endedEarly(digest: Digest, missing: number): LarderError {
  return new LarderError("LDR_UNREACHABLE", `${digest} ended ${missing} bytes early`, {
    hint: "try again",
  });
}
