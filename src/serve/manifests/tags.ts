import type { Clock } from "../../base/concurrency.ts";
import { hasCode, LarderError } from "../../base/errors.ts";
import { RecentMap } from "../../base/recent_map.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Manifest } from "../../oci/manifest.ts";
import { formatReference, type Reference } from "../../oci/reference.ts";
import {
  ageOfCheck,
  failureWithCopy,
  isRegistryFailure,
  mayUseStale,
} from "../../pull/freshness.ts";
import type { ManifestStore } from "../../store/manifest_store.ts";
import type { Result } from "../answer.ts";
import type { ManifestFetcher } from "./manifests.ts";
import type { ServedEntries } from "./served_entries.ts";
import type { ServedUses } from "./served_uses.ts";
import type { Upstreams } from "../upstreams.ts";
import type { Waits } from "../waits.ts";

/** One second for which an answer about a tag is reused: a client asks several times in a row. */
const REUSE = 1000;

/** 5 seconds after which a cached tag is served without the answer of a registry that is slow. */
const PATIENCE = 5000;

/** Tags whose last answer is remembered. */
const MAX_TAGS = 10_000;

export interface TagDependencies {
  readonly store: ManifestStore;
  readonly manifests: ManifestFetcher;
  readonly entries: ServedEntries;
  readonly uses: ServedUses;
  readonly upstreams: Upstreams;
  readonly waits: Waits;
  readonly clock: Clock;
  /** The greatest age of a copy that is served while its registry fails, in milliseconds. */
  readonly staleIfError: number;
  readonly warn: (message: string) => void;
}

/** The manifest that a tag names. */
export interface ResolvedTag {
  readonly manifest: Manifest;
  readonly result: Result;
  /** When the registry last confirmed it, in milliseconds since the epoch. */
  readonly checkedAt: number;
}

interface CachedTag {
  readonly manifest: Manifest;
  readonly checkedAt: number;
  readonly age: number;
}

/** Resolves tags: each costs one `HEAD` request, which the clients that ask at the same time share. */
export class Tags {
  readonly #deps: TagDependencies;
  readonly #asking = new Map<string, Promise<ResolvedTag>>();
  /** The last answers by name. */
  readonly #answers = new RecentMap<
    string,
    { readonly digest: Digest; readonly checkedAt: number; readonly at: number }
  >(
    MAX_TAGS,
  );

  constructor(deps: TagDependencies) {
    this.#deps = deps;
  }

  /**
   * Returns the manifest that a tag names, according to its registry or, if that fails, to the cache.
   * @throws LarderError those of the registry
   */
  async resolve(reference: Reference & { readonly tag: string }): Promise<ResolvedTag> {
    const name = formatReference(reference);
    const recent = await this.#recent(name, reference);
    if (recent) return recent;
    const cached = await this.#cached(name, reference);
    if (cached && this.#deps.upstreams.isOffline) return stale(cached);
    // While the cache was read, the answer to another client may have arrived.
    const answered = this.#asking.has(name) ? undefined : await this.#recent(name, reference);
    if (answered) return answered;
    await this.#deps.waits.check(name, reference);
    const asking = this.#asking.get(name) ?? this.#start(name, reference, cached?.manifest);
    try {
      return cached && this.#isUsable(cached) ? await this.#within(PATIENCE, asking) : await asking;
    } catch (error) {
      if (!cached || !isRegistryFailure(error)) throw error;
      if (!this.#isUsable(cached)) throw withAge(error, cached);
      this.#deps.warn(`${error.message}; serving the copy of ${name}`);
      return stale(cached);
    }
  }

  #isUsable({ age }: CachedTag): boolean {
    return mayUseStale(age, this.#deps.staleIfError);
  }

  async #recent(name: string, reference: Reference): Promise<ResolvedTag | undefined> {
    const answer = this.#answers.get(name);
    if (!answer || this.#deps.clock.elapsed() - answer.at >= REUSE) return undefined;
    const manifest = await this.#deps.manifests.find(reference, answer.digest);
    return manifest && { manifest, result: "hit", checkedAt: answer.checkedAt };
  }

  /** Returns what the cache has for a tag; the last answer counts too, if the disk did not take it. */
  async #cached(name: string, reference: Reference): Promise<CachedTag | undefined> {
    const record = await this.#deps.store.record(reference);
    const answer = this.#answers.get(name);
    const recorded = record && ageOfCheck(record, this.#deps.clock.now());
    const now = this.#deps.clock.now();
    const isAnswer = answer && now - answer.checkedAt <= (recorded ?? Infinity);
    const digest = isAnswer ? answer.digest : record?.digest;
    const manifest = digest && await this.#deps.manifests.find(reference, digest);
    if (!manifest) return undefined;
    const age = isAnswer ? now - answer.checkedAt : recorded!;
    return {
      manifest,
      checkedAt: isAnswer ? answer.checkedAt : Date.parse(record!.checkedAt),
      age,
    };
  }

  #start(
    name: string,
    reference: Reference & { readonly tag: string },
    cached: Manifest | undefined,
  ): Promise<ResolvedTag> {
    const asking = this.#deps.waits.begin(name, this.#ask(name, reference, cached));
    this.#asking.set(name, asking);
    const remove = () => void this.#asking.delete(name);
    asking.then(remove, remove);
    return asking;
  }

  async #ask(
    name: string,
    reference: Reference & { readonly tag: string },
    cached: Manifest | undefined,
  ): Promise<ResolvedTag> {
    const { manifests, entries, uses, upstreams, clock } = this.#deps;
    const repository = upstreams.repository(reference);
    const current = cached && await repository.head(reference.tag);
    const known = current && await manifests.find(reference, current);
    const manifest = known ?? await repository.manifest(reference.tag);
    const checkedAt = clock.now();
    this.#answers.set(name, { digest: manifest.digest, checkedAt, at: clock.elapsed() });
    if (manifest !== cached) {
      uses.add(reference, manifest.digest, {
        cause: cached ? "moved" : "new",
        fetched: known ? 0 : manifest.bytes.length,
        mirrors: repository.mirrorsUsed(),
      });
    }
    const isKept = manifest === cached &&
      await entries.confirm(reference, manifest.digest, checkedAt);
    if (!isKept) await manifests.keepTag(reference, manifest, checkedAt);
    return { manifest, result: known ? "hit" : "miss", checkedAt };
  }

  async #within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
    const stop = new AbortController();
    const late = this.#deps.clock.sleep(milliseconds, stop.signal).then(() => {
      throw new LarderError("LDR_TIMEOUT", "the registry has not answered within 5 seconds", {
        hint: "try again later",
      });
    });
    promise.catch(() => {});
    try {
      return await Promise.race([promise, late]);
    } finally {
      stop.abort();
      late.catch(() => {});
    }
  }
}

function stale({ manifest, checkedAt }: CachedTag): ResolvedTag {
  return { manifest, checkedAt, result: "stale" };
}

/** Says how old the copy is that is too old to be served. */
function withAge(error: LarderError, { age }: CachedTag): LarderError {
  if (hasCode(error, "LDR_RATE_LIMITED")) return error;
  return failureWithCopy(error, age);
}
