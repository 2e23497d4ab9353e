import { sep } from "node:path";
import type { Digest } from "../oci/digest.ts";
import type { Content } from "../snapshot/file_state.ts";
import { ManifestReader } from "../snapshot/manifest_reader.ts";
import { takeSnapshot } from "../snapshot/snapshot.ts";
import type { CacheSnapshot, SnapshotEntry } from "../snapshot/types.ts";
import type { HashFilesOptions } from "../store/blobs/hash_files.ts";
import { type Layout, MANIFEST_FILE } from "../store/layout.ts";
import { FileChecks, type FileToCheck } from "./checksums.ts";
import type { ExpectedFiles } from "./expectation.ts";
import { expectedFilesOf } from "./expected_files.ts";
import { findDamage } from "./find_damage.ts";
import { findOrphans } from "./find_orphans.ts";
import { type Finding, isFault } from "./finding.ts";
import { findOwnFileFaults } from "./own_files.ts";

/** A step of a verification, as a user sees it. */
export type StepName = "read the cache" | "read the manifests" | "hash the files" | "compare";

/** Receives the progress of a verification. */
export interface VerifyObserver {
  /** Called with the number of entries that a step has read. */
  read?(step: StepName, entries: number): void;
  /** Called with the number of bytes to hash. */
  total?(bytes: number): void;
  /** Called with the number of bytes that were hashed since the last call. */
  progressed?(bytes: number): void;
}

export interface VerifyOptions extends Pick<HashFilesOptions, "signal"> {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Chooses the entries to verify; without it the whole cache is verified. */
  readonly choose?: ((snapshot: CacheSnapshot) => readonly SnapshotEntry[]) | undefined;
  readonly observer?: VerifyObserver;
}

/** The result of a verification. */
export interface Verification {
  readonly snapshot: CacheSnapshot;
  /** What each verified entry must have. */
  readonly expected: readonly ExpectedFiles[];
  /** Sorted by path. */
  readonly findings: readonly Finding[];
  /** The number of files that were hashed, in this run or an earlier one, and their bytes. */
  readonly files: number;
  readonly bytes: number;
  /** The milliseconds that each step took. */
  readonly steps: readonly { readonly name: StepName; readonly time: number }[];
}

/**
 * Compares the whole cache, or some entries, with what they should be.
 *
 * Changes nothing and takes no lock, so a file can be written or deleted meanwhile: a fault is reported only if a
 * second look finds it too.
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
   * Verifies the cache. A second call hashes only the files that have changed since the first.
   * @throws LarderError LDR_INTERRUPTED, LDR_DISK*, LDR_CONFIG, and what `choose` throws
   */
  async run(): Promise<Verification> {
    const watch = new Stopwatch();
    const first = await this.#runOnce(watch);
    if (!first.findings.some(isFault)) return { ...first, steps: watch.steps };
    const second = await this.#runOnce(watch);
    const before = new Set(first.findings.map(keyOf));
    const findings = second.findings.filter((finding) =>
      !isFault(finding) || before.has(keyOf(finding))
    );
    return { ...second, findings, steps: watch.steps };
  }

  /**
   * 1. Read the cache: entries and content.
   * 2. Read the manifests: what each entry must have.
   * 3. Hash the files: what there is.
   * 4. Compare: the difference, with a repair for each fault.
   */
  async #runOnce(watch: Stopwatch): Promise<Omit<Verification, "steps">> {
    const snapshot = await watch.time(
      "read the cache",
      () =>
        takeSnapshot(this.#layout, this.#options.now(), {
          progressed: (entries) => this.#options.observer?.read?.("read the cache", entries),
        }),
    );
    const chosen = this.#options.choose?.(snapshot);
    const expected = await watch.time(
      "read the manifests",
      () => this.#expectedFiles(chosen ?? snapshot.entries),
    );
    const filesToCheck = filesToCheckOf(chosen ? [] : snapshot.contents, expected);
    await watch.time("hash the files", () => this.#hash(filesToCheck));
    const findings = await watch.time("compare", () => {
      const faults = findDamage(expected, filesToCheck, this.#checks);
      const own = findOwnFileFaults(snapshot, chosen);
      const paths = new Set(faults.map(({ path }) => path));
      // Of a folder that this user may not enter, its files need no line each.
      const closed = snapshot.unreadable.map(({ path }) => path + sep);
      const all = [
        ...faults.filter(({ kind, path }) =>
          kind !== "unreadable" || !closed.some((folder) => path.startsWith(folder))
        ),
        ...own.filter(({ path }) => !paths.has(path)),
      ];
      const orphans = chosen ? [] : findOrphans(snapshot, expected, all);
      return [...all, ...orphans].sort((a, b) => a.path < b.path ? -1 : 1);
    });
    return { snapshot, expected, findings, ...this.#total(filesToCheck) };
  }

  #expectedFiles(entries: readonly SnapshotEntry[]): ExpectedFiles[] {
    let group: string | undefined;
    let reader = new ManifestReader();
    return entries.map((entry, i) => {
      this.#options.observer?.read?.("read the manifests", i);
      // Only entries of one repository share manifests, and a snapshot lists these together.
      if (entry.group !== group) reader = new ManifestReader();
      group = entry.group;
      return expectedFilesOf(this.#layout, reader, entry);
    });
  }

  #hash(filesToCheck: readonly FileToCheck[]): Promise<void> {
    const { signal, observer } = this.#options;
    return this.#checks.hash(filesToCheck, {
      signal,
      onTotal: (bytes) => observer?.total?.(bytes),
      onBytes: (bytes) => observer?.progressed?.(bytes),
    });
  }

  #total(filesToCheck: readonly FileToCheck[]): { files: number; bytes: number } {
    const checked = filesToCheck.flatMap((file) => this.#checks.of(file) ?? []);
    return {
      files: checked.length,
      bytes: checked.reduce((sum, { stamp }) => sum + stamp.size, 0),
    };
  }
}

/** What two looks at the same fault agree in: that of a tag which moves all the time has other digests in each. */
function keyOf({ path, digest, detail }: Finding): string {
  return `${path}\n${digest}\n${detail}`;
}

/** Returns every file that must have a digest, each once. */
function filesToCheckOf(
  contents: readonly Content[],
  expected: readonly ExpectedFiles[],
): FileToCheck[] {
  const files = new Map<string, FileToCheck>();
  const add = (path: string, digest: Digest) => {
    if (!files.has(path)) files.set(path, { path, digest });
  };
  for (const { tree, path, digest } of contents) {
    add(tree === "manifests" ? path + sep + MANIFEST_FILE : path, digest);
  }
  for (const each of expected) {
    for (const { path, alternative, digest } of each.files) {
      add(path, digest);
      if (alternative !== undefined) add(alternative, digest);
    }
  }
  return [...files.values()];
}

/** Measures steps; the times of a step that runs twice are added up. */
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
