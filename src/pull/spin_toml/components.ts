import { type Clock, mapLimit } from "../../base/concurrency.ts";
import { hasCode, LarderError } from "../../base/errors.ts";
import { isDeletionError, statIfAny } from "../../base/files/files.ts";
import { diskError } from "../../base/files/system_error.ts";
import { redact } from "../../base/redact.ts";
import type { BlobDescriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import { isWasm } from "../../oci/media_types.ts";
import { formatReference, type Reference } from "../../oci/reference.ts";
import type { Transport } from "../../registry/http/transport.ts";
import { UrlFetcher } from "../../registry/url_fetcher.ts";
import type { BlobStore } from "../../store/blobs/blob_store.ts";
import type { PackageId } from "../../store/entries/package_record.ts";
import type { PackageStore } from "../../store/entries/package_store.ts";
import { isPathPart } from "../../store/layout.ts";
import type { HostPlatform } from "../../store/platform_dirs.ts";
import { notCached } from "../freshness.ts";
import type { PartOutcome } from "../options.ts";
import type { PartResult } from "../result.ts";
import { transfer, waitingForDownload } from "../transfer/transfer.ts";
import { type ComponentSource, describeSource, parseSpinManifest } from "./manifest.ts";
import { loadPackageConfig, type PackageConfig, registryOf } from "./package_config.ts";
import { fetchMetadata, type PackageMetadata, packageReference } from "./package_metadata.ts";

const WASM = "application/wasm";

/** Characters of a URL that an entry's name keeps. */
const MAX_URL = 255;

export interface ComponentDependencies {
  readonly store: BlobStore;
  readonly packages: PackageStore;
  /** Fetches URLs and the metadata of package registries. */
  readonly transport: Transport;
  readonly clock: Clock;
  /** Locates the user's configuration of Wasm packages. */
  readonly platform: HostPlatform;
  /** True if no request may be sent. */
  readonly offline: boolean;
  /** Sources that are fetched in parallel. */
  readonly limit: number;
  readonly signal?: AbortSignal | undefined;
  /** Pulls a package's image. */
  pullPackage(
    reference: Reference,
    signal: AbortSignal,
  ): Promise<{ readonly parts: readonly PartResult[] }>;
  /** Called with one line about a retry or a wait. */
  note?(message: string): void;
}

/** A module in `wasm/`. */
export interface ComponentModule {
  readonly digest: Digest;
  readonly size: number;
  readonly outcome: PartOutcome;
}

export interface ComponentResult {
  readonly source: ComponentSource;
  /** Empty for a local file, and for a range of versions of a package, from which Spin chooses. */
  readonly modules: readonly ComponentModule[];
}

export type UrlSource = Extract<ComponentSource, { kind: "url" }>;
type PackageSource = Extract<ComponentSource, { kind: "package" }>;

/** Returns the package that a URL's module is in the cache: its name is the URL, without secrets and shortened. */
export function packageOf({ url, digest }: UrlSource): PackageId {
  let name = redact(url.href);
  for (let end = MAX_URL; !isPathPart(name); end--) name = name.slice(0, end);
  return { source: "url", name, version: digest, arch: "wasm" };
}

/**
 * Fetches the Wasm of a Spin application's components to `wasm/`, where `spin up` finds it by digest. The caller holds
 * the store's shared lock.
 *
 * @param manifestPath the path of `spin.toml`
 * @throws LarderError LDR_BAD_SPIN_MANIFEST before any request; LDR_DIGEST_MISMATCH, LDR_DISK*, and those of the
 * transport, naming the component; wrong content is not kept
 */
export async function pullComponents(
  manifestPath: string,
  deps: ComponentDependencies,
): Promise<ComponentResult[]> {
  const sources = parseSpinManifest(readManifest(manifestPath), manifestPath);
  const packages = new PackageLocator(deps);
  const results = await mapLimit(sources, deps.limit, async (source, signal) => {
    try {
      return { source, modules: await pullSource(source, deps, packages, signal) };
    } catch (error) {
      throw withSource(error, source);
    }
  }, deps.signal);
  deps.store.sync();
  for (const { source, modules } of results) {
    if (source.kind !== "url") continue;
    for (const module of modules) recordUse(source, module, deps);
  }
  await deps.packages.sync();
  return results;
}

function readManifest(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw diskError(error, "read", path);
    throw new LarderError("LDR_NOT_FOUND", `no Spin manifest ${path}`, {
      hint: "name an existing spin.toml",
      cause: error,
    });
  }
}

async function pullSource(
  source: ComponentSource,
  deps: ComponentDependencies,
  packages: PackageLocator,
  signal: AbortSignal,
): Promise<ComponentModule[]> {
  switch (source.kind) {
    case "local":
      return [];
    case "url":
      return [await pullUrl(source, deps, signal)];
    case "package":
      return source.exact ? await pullPackage(source, deps, packages, signal) : [];
  }
}

async function pullUrl(
  source: UrlSource,
  deps: ComponentDependencies,
  signal: AbortSignal,
): Promise<ComponentModule> {
  const blob: BlobDescriptor = { mediaType: WASM, digest: source.digest };
  if (deps.offline && !deps.store.find(blob)) throw notCached(source.url.href);
  const { href } = source.url;
  const note = (message: string) => deps.note?.(`${href}: ${message}`);
  const waiting = (holders: string) => note(waitingForDownload(holders, blob.digest));
  const received = await transfer(
    new UrlFetcher(deps.transport, [href]),
    blob,
    () => deps.store.ingest(blob, { waiting, signal }),
    { clock: deps.clock, signal, onRetry: note },
  );
  const path = deps.store.find(blob);
  const size = path === undefined ? undefined : statIfAny(path)?.size;
  if (size === undefined) throw deletedMeanwhile(blob.digest);
  return { digest: blob.digest, size, outcome: received === undefined ? "reused" : "fetched" };
}

/** Makes the module an entry of the cache, so that a collector does not take it for unreferenced. */
function recordUse(
  source: UrlSource,
  { digest, size, outcome }: ComponentModule,
  { packages, clock }: ComponentDependencies,
): void {
  try {
    packages.use({ ...packageOf(source), mediaType: WASM, digest, size }, clock.now());
  } catch (error) {
    // A module that was cached already can be used without a record; a deletion meanwhile is taken as intended.
    const isHarmless = outcome === "reused" &&
      hasCode(error, "LDR_DISK_FULL", "LDR_READ_ONLY", "LDR_PERMISSION");
    if (!isHarmless && !isDeletionError(error)) throw error;
  }
}

async function pullPackage(
  source: PackageSource,
  deps: ComponentDependencies,
  packages: PackageLocator,
  signal: AbortSignal,
): Promise<ComponentModule[]> {
  const reference = await packages.locate(source, signal);
  const { parts } = await deps.pullPackage(reference, signal);
  const modules = parts.filter((part) => isWasm(part.mediaType))
    .map(({ digest, size, outcome }) => ({ digest, size, outcome }));
  if (modules.length > 0) return modules;
  throw new LarderError("LDR_BAD_MANIFEST", `${formatReference(reference)} contains no Wasm`, {
    hint: "check the package's name and version, and its registry's metadata",
  });
}

/** Resolves packages to references; fetches the metadata of each registry once. */
class PackageLocator {
  readonly #deps: ComponentDependencies;
  readonly #metadata = new Map<string, Promise<PackageMetadata | undefined>>();
  #config: PackageConfig | undefined;

  constructor(deps: ComponentDependencies) {
    this.#deps = deps;
  }

  async locate(source: PackageSource, signal: AbortSignal): Promise<Reference> {
    const { registry, metadata } = source.registry === undefined
      ? registryOf(this.#config ??= loadPackageConfig(this.#deps.platform), source.package)
      : { registry: source.registry, metadata: undefined };
    const known = metadata ?? await this.#fetch(registry, signal);
    return packageReference(registry, known, source.package, source.version);
  }

  #fetch(registry: string, signal: AbortSignal): Promise<PackageMetadata | undefined> {
    // Offline, assume that the registry itself has its packages, as most do.
    if (this.#deps.offline) return Promise.resolve(undefined);
    let metadata = this.#metadata.get(registry);
    if (!metadata) {
      metadata = fetchMetadata(registry, this.#deps.transport, signal);
      this.#metadata.set(registry, metadata);
    }
    return metadata;
  }
}

function deletedMeanwhile(digest: Digest): LarderError {
  return new LarderError("LDR_DISK", `${digest} was deleted right after it was fetched`, {
    hint: "find the program that deletes it, and try again",
  });
}

/** Returns the error with the source in its message. */
function withSource(error: unknown, source: ComponentSource): unknown {
  if (!(error instanceof LarderError) || error.code === "LDR_INTERRUPTED") return error;
  const { code, hint, message } = error;
  return new LarderError(code, `${describeSource(source)}: ${message}`, { hint, cause: error });
}
