import { basename, dirname } from "node:path";
import { type FileStamp, statIfAny } from "../base/files/files.ts";
import { asDigest, type Digest } from "../oci/digest.ts";
import type { SnapshotEntry } from "../snapshot/types.ts";
import type { FileCheck, FileChecks, FileToCheck } from "./checksums.ts";
import type { ExpectedFile, ExpectedFiles } from "./expectation.ts";
import type { Finding, RepairAction } from "./finding.ts";

type BadFile = Extract<FileCheck, { state: "bad" }>;

/** An expected file that is missing or bad, and the entries that need it. */
interface MissingFile {
  readonly file: ExpectedFile;
  readonly entries: Set<SnapshotEntry>;
}

/** Compares what entries must have with what was found, and returns the faults. */
export function findDamage(
  expected: readonly ExpectedFiles[],
  filesToCheck: readonly FileToCheck[],
  checks: FileChecks,
): Finding[] {
  const missing = missingFiles(expected, checks);
  const locator = new ContentLocator(filesToCheck, checks);
  const bad = filesToCheck.flatMap((file) => {
    const needed = missing.get(file.path);
    return badFinding(file, checks.of(file), needed, needed && locator.copyTo(needed.file));
  });
  const findings = new Map(bad.map((finding) => [finding.path, finding]));
  // Decided before any is added: a missing file can be reported at the path of a bad one.
  const others = [...missing.values()].filter(({ file }) => !findings.has(file.path));
  for (const each of others) add(findings, locator.finding(each));
  return [...findings.values(), ...expected.flatMap(entryFindings)];
}

/** Returns the expected files that are missing or bad, by path. */
function missingFiles(
  expected: readonly ExpectedFiles[],
  checks: FileChecks,
): Map<string, MissingFile> {
  const missing = new Map<string, MissingFile>();
  for (const { entry, files } of expected) {
    for (const file of files) {
      if (isPresent(file, checks)) continue;
      const known = missing.get(file.path) ?? { file, entries: new Set() };
      known.entries.add(entry);
      missing.set(file.path, known);
    }
  }
  return missing;
}

function isPresent(
  { path, alternative, digest, optional }: ExpectedFile,
  checks: FileChecks,
): boolean {
  const check = checks.of({ path, digest });
  if (check?.state === "good" || (optional && !check)) return true;
  return alternative !== undefined && checks.of({ path: alternative, digest })?.state === "good";
}

/** Returns the finding on a file that exists; none if it is good. @param copy how to replace it */
function badFinding(
  { path, digest }: FileToCheck,
  check: FileCheck | undefined,
  needed: MissingFile | undefined,
  copy: RepairAction | undefined,
): Finding[] {
  if (!check || check.state === "good") return [];
  const base = { path, digest, entries: [...needed?.entries ?? []] };
  if (check.state === "unreadable") {
    return [{ ...base, kind: "unreadable", detail: check.reason, repair: undefined }];
  }
  const removal = { action: "remove", from: path, stamp: check.stamp } as const;
  return [{ ...base, ...describe(check, needed?.file.size), repair: copy ?? removal }];
}

function describe(
  { actual, reason, stamp }: BadFile,
  expectedSize: number | undefined,
): Pick<Finding, "kind" | "detail"> {
  if (actual && expectedSize !== undefined && stamp.size < expectedSize) {
    return { kind: "truncated", detail: `it has ${stamp.size} of ${expectedSize} bytes` };
  }
  return { kind: "damaged", detail: reason ?? `its digest is ${actual}` };
}

interface LocatedFile {
  readonly path: string;
  readonly stamp: FileStamp;
}

/** Finds content that is missing at one path at another. */
class ContentLocator {
  /** Files by their actual digest, where that is not the one they should have. */
  readonly #misnamed = new Map<Digest, LocatedFile>();
  /** Good files by their digest. */
  readonly #good = new Map<Digest, LocatedFile>();

  constructor(filesToCheck: readonly FileToCheck[], checks: FileChecks) {
    for (const file of filesToCheck) {
      const check = checks.of(file);
      const { path, digest } = file;
      if (check?.state === "good") this.#good.set(digest, { path, stamp: check.stamp });
      if (check?.state !== "bad" || !check.actual) continue;
      this.#misnamed.set(check.actual, { path, stamp: check.stamp });
    }
  }

  /** Returns the finding on a missing file: it is misplaced if its content is at another path. */
  finding({ file, entries }: MissingFile): Finding {
    const { path, digest, isArchive } = file;
    const base = { digest, entries: [...entries] };
    const misnamed = isArchive ? undefined : this.#misnamed.get(digest);
    if (misnamed) {
      const { path: from, stamp } = misnamed;
      const repair = { action: "move", from, to: path, stamp } as const;
      return { ...base, kind: "misplaced", path: from, detail: `it is ${digest}`, repair };
    }
    const repair = this.copyTo(file);
    if (repair && isBlobPath(repair.from) && isBlobPath(path)) {
      const detail = `it is needed in ${dirname(path)}`;
      return { ...base, kind: "misplaced", path: repair.from, detail, repair };
    }
    const detail = statIfAny(path) ? "it is not a file" : "it does not exist";
    return { ...base, kind: "missing", path, detail, repair };
  }

  /** Returns the action that copies good content to a path; undefined if there is none elsewhere. */
  copyTo({ path, digest, isArchive }: ExpectedFile): RepairAction | undefined {
    const copy = this.#good.get(digest);
    if (isArchive || !copy || copy.path === path) return undefined;
    return { action: "copy", from: copy.path, to: path, stamp: copy.stamp };
  }
}

/** True if a path ends with a digest: those of manifests, configs and records do not. */
function isBlobPath(path: string): boolean {
  return asDigest(basename(path).replace("_", ":")) !== undefined;
}

/** Adds a finding. It replaces one on the same path, and then has the entries of both. */
function add(findings: Map<string, Finding>, finding: Finding): void {
  const entries = [...findings.get(finding.path)?.entries ?? [], ...finding.entries];
  findings.set(finding.path, { ...finding, entries: [...new Set(entries)] });
}

function entryFindings({ entry, faults }: ExpectedFiles): Finding[] {
  return faults.map((fault) => ({
    ...fault,
    digest: undefined,
    entries: [entry],
    repair: undefined,
  }));
}
