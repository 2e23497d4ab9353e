import type { Content } from "../snapshot/file_state.ts";
import { sep } from "node:path";
import type { Digest } from "../oci/digest.ts";
import type { HashFilesOptions } from "../store/blobs/hash_files.ts";
import { type Layout, MANIFEST_FILE } from "../store/layout.ts";
import { takeSnapshot } from "../snapshot/snapshot.ts";
import type { CacheSnapshot, SnapshotEntry } from "../snapshot/types.ts";
import { expectedFilesOf } from "./expected_files.ts";
import { findDamage } from "./find_damage.ts";
import { type Finding, isFault } from "./finding.ts";
import { ManifestReader } from "../snapshot/manifest_reader.ts";
import type { ExpectedFiles } from "./expectation.ts";
import { findOrphans } from "./find_orphans.ts";
import { FileChecks, type FileToCheck } from "./checksums.ts";

/** A part of a verification, named for a user. */
export type StepName = "read the cache" | "read the manifests" | "hash the files" | "compare";

/** Is told how a verification goes on. Every method may be left out. */
export interface VerifyObserver {
  /** Bytes that are to be hashed. */
  total?(bytes: number): void;
  /** Bytes that were hashed. */
  progressed?(bytes: number): void;
}

export interface VerifyOptions extends Pick<HashFilesOptions, "threads" | "signal"> {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Chooses the entries; without it all of the cache is looked at. */
  readonly choose?: ((snapshot: CacheSnapshot) => readonly SnapshotEntry[]) | undefined;
  readonly observer?: VerifyObserver;
}

/** What a verification found. */
export interface Verification {
  readonly snapshot: CacheSnapshot;
  /** What the entries that were looked at consist of. */
  readonly expected: readonly ExpectedFiles[];
  /** In the order of their files. */
  readonly findings: readonly Finding[];
  /** Files that were hashed, this time or before, and their bytes. */
  readonly files: number;
  readonly bytes: number;
  /** How long each part took, in milliseconds. */
  readonly steps: readonly { readonly name: StepName; readonly time: number }[];
}

/**
 * Holds all that is in a cache, or all that some entries need, against what it should be.
 *
 * Nothing is changed, and nobody is kept out: what others write or delete meanwhile is looked at again before anything
 * is said of it.
 */
export class Verifier {
  readonly #layout: Layout;
  readonly #options: VerifyOptions;
  readonly #checks = new FileChecks();

  constructor(layout: Layout, options: VerifyOptions) {
    this.#layout = layout;
    this.#options = options;
  }

  /**
   * Looks at everything; the second time only files are read that have changed since.
   * @throws LarderError LDR_INTERRUPTED, LDR_DISK*, LDR_CONFIG, and what `choose` throws
   */
  async run(): Promise<Verification> {
    const watch = new Stopwatch();
    const first = await this.#look(watch);
    if (!first.findings.some(isFault)) return { ...first, steps: watch.steps };
    // Somebody may just have been writing or deleting it.
    const second = await this.#look(watch);
    const before = new Set(first.findings.map(({ path }) => path));
    const findings = second.findings.filter((finding) =>
      !isFault(finding) || before.has(finding.path)
    );
    return { ...second, findings, steps: watch.steps };
  }

  async #look(watch: Stopwatch): Promise<Omit<Verification, "steps">> {
    const snapshot = await watch.time(
      "read the cache",
      () => takeSnapshot(this.#layout, this.#options.now()),
    );
    const chosen = this.#options.choose?.(snapshot);
    const anatomies = await watch.time("read the manifests", () => {
      return this.#expectedFiles(chosen ?? snapshot.entries);
    });
    const suspects = suspectsOf(chosen ? [] : snapshot.contents, anatomies);
    await watch.time("hash the files", () => this.#hash(suspects));
    const findings = await watch.time("compare", () => {
      const faults = findDamage(anatomies, suspects, this.#checks);
      const strays = chosen ? [] : findOrphans(snapshot, anatomies, faults);
      return [...faults, ...strays].sort((a, b) => a.path < b.path ? -1 : 1);
    });
    return { snapshot: snapshot, expected: anatomies, findings, ...this.#sum(suspects) };
  }

  #expectedFiles(entries: readonly SnapshotEntry[]): ExpectedFiles[] {
    let group: string | undefined;
    let reader = new ManifestReader();
    return entries.map((entry) => {
      // Only entries of one repository share manifests, and these stand together.
      if (entry.group !== group) reader = new ManifestReader();
      group = entry.group;
      return expectedFilesOf(this.#layout, reader, entry);
    });
  }

  #hash(suspects: readonly FileToCheck[]): Promise<void> {
    const { threads, signal, observer } = this.#options;
    return this.#checks.hash(suspects, {
      ...(threads && { threads }),
      signal,
      onTotal: (bytes) => observer?.total?.(bytes),
      onBytes: (bytes) => observer?.progressed?.(bytes),
    });
  }

  #sum(suspects: readonly FileToCheck[]): { files: number; bytes: number } {
    const known = suspects.flatMap((suspect) => this.#checks.of(suspect) ?? []);
    return {
      files: known.length,
      bytes: known.reduce((sum, { stamp }) => sum + stamp.size, 0),
    };
  }
}

/** Every file that has to have a digest, each once. */
function suspectsOf(
  contents: readonly Content[],
  anatomies: readonly ExpectedFiles[],
): FileToCheck[] {
  const suspects = new Map<string, FileToCheck>();
  const add = (path: string, digest: Digest) => {
    if (!suspects.has(path)) suspects.set(path, { path, digest });
  };
  for (const { tree, path, digest } of contents) {
    add(tree === "manifests" ? path + sep + MANIFEST_FILE : path, digest);
  }
  for (const { files: needs } of anatomies) {
    for (const { path, elsewhere, digest } of needs) {
      add(path, digest);
      if (elsewhere !== undefined) add(elsewhere, digest);
    }
  }
  return [...suspects.values()];
}

/** Adds up how long each step takes, however often it is taken. */
class Stopwatch {
  readonly #times = new Map<StepName, number>();

  async time<T>(name: StepName, work: () => T | Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await work();
    } finally {
      const before = this.#times.get(name) ?? 0;
      this.#times.set(name, before + performance.now() - start);
    }
  }

  get steps(): Verification["steps"] {
    return [...this.#times].map(([name, time]) => ({ name, time }));
  }
}
