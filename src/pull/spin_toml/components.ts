import { type Clock, mapLimit } from "../../base/concurrency.ts";
import { hasCode, LarderError } from "../../base/errors.ts";
import { diskError, isDeletionError, statIfAny } from "../../base/files.ts";
import { redact } from "../../base/redact.ts";
import type { BlobDescriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import { isWasm } from "../../oci/media_types.ts";
import { formatReference, type Reference } from "../../oci/reference.ts";
import type { Transport } from "../../registry/http/transport.ts";
import { UrlFetcher } from "../../registry/url_fetcher.ts";
import type { BlobStore } from "../../store/blobs/blob_store.ts";
import { isPathPart } from "../../store/layout.ts";
import type { PackageId } from "../../store/entries/package_record.ts";
import type { PackageStore } from "../../store/entries/package_store.ts";
import type { HostPlatform } from "../../store/platform_dirs.ts";
import { notCached } from "../freshness.ts";
import type { PartOutcome } from "../options.ts";
import { loadPackageConfig, type PackageConfig, registryOf } from "./package_config.ts";
import { fetchMetadata, type PackageMetadata, packageReference } from "./package_metadata.ts";
import type { PartResult } from "../result.ts";
import { type ComponentSource, describeSource, parseSpinManifest } from "./manifest.ts";
import { transfer, waitingForDownload } from "../transfer.ts";

const WASM = "application/wasm";

/** Characters of a URL that are part of a name. */
const MAX_URL = 255;

export interface ComponentDependencies {
  readonly store: BlobStore;
  readonly packages: PackageStore;
  /** For URLs and for the metadata of package registries. */
  readonly transport: Transport;
  readonly clock: Clock;
  /** Whose configuration of Wasm packages holds. */
  readonly platform: HostPlatform;
  /** Nobody may be asked. */
  readonly offline: boolean;
  /** Sources at once. */
  readonly limit: number;
  readonly signal?: AbortSignal | undefined;
  /** Brings a package's image into the cache. */
  pullPackage(
    reference: Reference,
    signal: AbortSignal,
  ): Promise<{ readonly parts: readonly PartResult[] }>;
  /** Something worth a line: a retry, a wait for another process. */
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
  /** Empty for a local file, and for a package of which only a range of versions is known: Spin chooses there. */
  readonly modules: readonly ComponentModule[];
}

export type UrlSource = Extract<ComponentSource, { kind: "url" }>;
type PackageSource = Extract<ComponentSource, { kind: "package" }>;

/** What the module behind a URL is in the cache: a package whose name is the URL, without secrets, as far as it fits. */
export function packageOf({ url, digest }: UrlSource): PackageId {
  let name = redact(url.href);
  for (let end = MAX_URL; !isPathPart(name); end--) name = name.slice(0, end);
  return { source: "url", name, version: digest, arch: "wasm" };
}

/**
 * Brings what the components of a Spin application are made of, and what has to be downloaded, to `wasm/`, where
 * `spin up` finds it by its digest. To be called while the store's shared lock is held.
 *
 * @param manifestPath of `spin.toml`
 * @throws LarderError LDR_BAD_SPIN_MANIFEST before anything is fetched; LDR_DIGEST_MISMATCH, the network's and the
 * disk's errors, naming the component; nothing is kept then of what is wrong
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
      throw forSource(source, error);
    }
  }, deps.signal);
  deps.store.sync();
  for (const { source, modules } of results) {
    if (source.kind !== "url") continue;
    for (const module of modules) noteUse(source, module, deps);
  }
  return results;
}

function readManifest(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw diskError(error, "read", path);
    throw new LarderError("LDR_NOT_FOUND", `there is no Spin manifest ${path}`, {
      hint: "name a spin.toml that exists",
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
  const waiting = () => deps.note?.(waitingForDownload(blob.digest));
  const received = await transfer(
    new UrlFetcher(deps.transport, [source.url.href]),
    blob,
    () => deps.store.ingest(blob, { waiting, signal }),
    { clock: deps.clock, signal, onRetry: (message) => deps.note?.(message) },
  );
  const path = deps.store.find(blob);
  const size = path === undefined ? undefined : statIfAny(path)?.size;
  if (size === undefined) throw deletedMeanwhile(blob.digest);
  return { digest: blob.digest, size, outcome: received === undefined ? "reused" : "fetched" };
}

/** Makes the module an entry of the cache, which no collector takes for something that nobody needs. */
function noteUse(
  source: UrlSource,
  { digest, size, outcome }: ComponentModule,
  { packages, clock }: ComponentDependencies,
): void {
  try {
    packages.use({ ...packageOf(source), mediaType: WASM, digest, size }, clock.now());
  } catch (error) {
    // What is there can be used all the same, and who deletes it meanwhile means to.
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
  throw new LarderError("LDR_BAD_MANIFEST", `${formatReference(reference)} holds no Wasm`, {
    hint: "check the package's name and version, and where its registry keeps it",
  });
}

/** Finds packages; asks each registry once. */
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
    const found = metadata ?? await this.#ask(registry, signal);
    return packageReference(registry, found, source.package, source.version);
  }

  #ask(registry: string, signal: AbortSignal): Promise<PackageMetadata | undefined> {
    // Offline, a registry counts as one that holds its packages itself, as most do.
    if (this.#deps.offline) return Promise.resolve(undefined);
    let answer = this.#metadata.get(registry);
    if (!answer) {
      answer = fetchMetadata(registry, this.#deps.transport, signal);
      this.#metadata.set(registry, answer);
    }
    return answer;
  }
}

function deletedMeanwhile(digest: Digest): LarderError {
  return new LarderError("LDR_DISK", `${digest} was deleted as soon as it was there`, {
    hint: "find out what deletes it, and try again",
  });
}

/** The error, with the source that it is about. */
function forSource(source: ComponentSource, error: unknown): unknown {
  if (!(error instanceof LarderError) || error.code === "LDR_INTERRUPTED") return error;
  const { code, hint, message } = error;
  return new LarderError(code, `${describeSource(source)}: ${message}`, { hint, cause: error });
}
