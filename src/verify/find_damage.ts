import { basename, dirname } from "node:path";
import { type FileStamp, statIfAny } from "../base/files.ts";
import { asDigest, type Digest } from "../oci/digest.ts";
import type { SnapshotEntry } from "../snapshot/types.ts";
import type { Finding, RepairAction } from "./finding.ts";
import type { ExpectedFile, ExpectedFiles } from "./expectation.ts";
import type { FileCheck, FileChecks, FileToCheck } from "./checksums.ts";

type Bad = Extract<FileCheck, { state: "bad" }>;

/** A file, and by what it is told from another. */
interface Place {
  readonly path: string;
  readonly stamp: FileStamp;
}

/** A file that entries need, and that is not there as it should be. */
interface MissingFile {
  readonly need: ExpectedFile;
  readonly entries: Set<SnapshotEntry>;
}

/** Everything that is wrong with some entries, and with some files. */
export function findDamage(
  anatomies: readonly ExpectedFiles[],
  suspects: readonly FileToCheck[],
  checks: FileChecks,
): Finding[] {
  const lacks = lacksOf(anatomies, checks);
  const elsewhere = new Elsewhere(suspects, checks);
  const bad = suspects.flatMap((suspect) => {
    const verdict = checks.of(suspect);
    const lack = lacks.get(suspect.path);
    return classify(suspect, verdict, lack, lack && elsewhere.copyTo(suspect));
  });
  const known = new Set(bad.map(({ path }) => path));
  const missing = [...lacks.values()].filter(({ need }) => !known.has(need.path));
  const faults = new Map(bad.map((finding) => [finding.path, finding]));
  for (const lack of missing) put(faults, elsewhere.finding(lack));
  return [...faults.values(), ...anatomies.flatMap(brokenOf)];
}

/** What entries need and do not have, by its path. */
function lacksOf(
  anatomies: readonly ExpectedFiles[],
  checks: FileChecks,
): Map<string, MissingFile> {
  const lacks = new Map<string, MissingFile>();
  for (const { entry, files: needs } of anatomies) {
    for (const need of needs) {
      if (isMet(need, checks)) continue;
      const lack = lacks.get(need.path) ?? { need, entries: new Set() };
      lack.entries.add(entry);
      lacks.set(need.path, lack);
    }
  }
  return lacks;
}

function isMet({ path, elsewhere, digest, optional }: ExpectedFile, checks: FileChecks): boolean {
  const verdict = checks.of({ path, digest });
  if (verdict?.state === "good" || (optional && !verdict)) return true;
  return elsewhere !== undefined && checks.of({ path: elsewhere, digest })?.state === "good";
}

/** What is wrong with a file that is there. @param copy where the same is whole */
function classify(
  { path, digest }: FileToCheck,
  verdict: FileCheck | undefined,
  lack: MissingFile | undefined,
  copy: RepairAction | undefined,
): Finding[] {
  if (!verdict || verdict.state === "good") return [];
  const base = { path, digest, entries: [...lack?.entries ?? []] };
  if (verdict.state === "unreadable") {
    return [{ ...base, kind: "unreadable", detail: verdict.reason, repair: undefined }];
  }
  const removal = { action: "remove", from: path, stamp: verdict.stamp } as const;
  return [{ ...base, ...describe(verdict, lack?.need.size), repair: copy ?? removal }];
}

function describe(
  { actual, reason, stamp }: Bad,
  expected: number | undefined,
): Pick<Finding, "kind" | "detail"> {
  if (actual && expected !== undefined && stamp.size < expected) {
    return { kind: "truncated", detail: `it has ${stamp.size} of ${expected} bytes` };
  }
  return { kind: "damaged", detail: reason ?? `its digest is ${actual}` };
}

/** Finds content that is wanted at one place at another. */
class Elsewhere {
  /** Files by what they are, instead of what their names say … */
  readonly #strangers = new Map<Digest, Place>();
  /** … and by what they are and should be. */
  readonly #good = new Map<Digest, Place>();

  constructor(suspects: readonly FileToCheck[], checks: FileChecks) {
    for (const suspect of suspects) {
      const verdict = checks.of(suspect);
      const { path, digest } = suspect;
      if (verdict?.state === "good") this.#good.set(digest, { path, stamp: verdict.stamp });
      if (verdict?.state !== "bad" || !verdict.actual) continue;
      this.#strangers.set(verdict.actual, { path, stamp: verdict.stamp });
    }
  }

  /** What to say of something that is not where entries need it. */
  finding({ need: { path, digest }, entries }: MissingFile): Finding {
    const base = { digest, entries: [...entries] };
    const stranger = this.#strangers.get(digest);
    if (stranger) {
      const { path: from, stamp } = stranger;
      const remedy = { action: "move", from, to: path, stamp } as const;
      return { ...base, kind: "misplaced", path: from, detail: `it is ${digest}`, repair: remedy };
    }
    const remedy = this.copyTo({ path, digest });
    if (remedy && isBlob(remedy.from) && isBlob(path)) {
      const detail = `it is needed in ${dirname(path)}`;
      return { ...base, kind: "misplaced", path: remedy.from, detail, repair: remedy };
    }
    const detail = statIfAny(path) ? "it is no file" : "it is not there";
    return { ...base, kind: "missing", path, detail, repair: remedy };
  }

  /** How a place gets content that is whole at another. */
  copyTo({ path, digest }: FileToCheck): RepairAction | undefined {
    const copy = this.#good.get(digest);
    if (!copy || copy.path === path) return undefined;
    return { action: "copy", from: copy.path, to: path, stamp: copy.stamp };
  }
}

/** Whether a file has the name of its digest: manifests, configs and records do not. */
function isBlob(path: string): boolean {
  return asDigest(basename(path).replace("_", ":")) !== undefined;
}

/** Adds a finding; one on a file that has one already takes its place, and is of those who need either. */
function put(faults: Map<string, Finding>, finding: Finding): void {
  const entries = [...faults.get(finding.path)?.entries ?? [], ...finding.entries];
  faults.set(finding.path, { ...finding, entries: [...new Set(entries)] });
}

function brokenOf({ entry, faults }: ExpectedFiles): Finding[] {
  return faults.map((fault) => ({
    ...fault,
    digest: undefined,
    entries: [entry],
    repair: undefined,
  }));
}
