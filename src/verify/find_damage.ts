import { basename, dirname } from "node:path";
import { type FileStamp, statIfAny } from "../base/files.ts";
import { asDigest, type Digest } from "../oci/digest.ts";
import type { SurveyEntry } from "../snapshot/types.ts";
import type { Finding, Remedy } from "./finding.ts";
import type { Anatomy, Need } from "./expectation.ts";
import type { Suspect, Verdict, Verdicts } from "./checksums.ts";

type Bad = Extract<Verdict, { state: "bad" }>;

/** A file, and by what it is told from another. */
interface Place {
  readonly path: string;
  readonly stamp: FileStamp;
}

/** A file that entries need, and that is not there as it should be. */
interface Lack {
  readonly need: Need;
  readonly entries: Set<SurveyEntry>;
}

/** Everything that is wrong with some entries, and with some files. */
export function findFaults(
  anatomies: readonly Anatomy[],
  suspects: readonly Suspect[],
  verdicts: Verdicts,
): Finding[] {
  const lacks = lacksOf(anatomies, verdicts);
  const elsewhere = new Elsewhere(suspects, verdicts);
  const bad = suspects.flatMap((suspect) => {
    const verdict = verdicts.of(suspect);
    const lack = lacks.get(suspect.path);
    return judge(suspect, verdict, lack, lack && elsewhere.copyTo(suspect));
  });
  const known = new Set(bad.map(({ path }) => path));
  const missing = [...lacks.values()].filter(({ need }) => !known.has(need.path));
  const faults = new Map(bad.map((finding) => [finding.path, finding]));
  for (const lack of missing) put(faults, elsewhere.finding(lack));
  return [...faults.values(), ...anatomies.flatMap(brokenOf)];
}

/** What entries need and do not have, by its path. */
function lacksOf(anatomies: readonly Anatomy[], verdicts: Verdicts): Map<string, Lack> {
  const lacks = new Map<string, Lack>();
  for (const { entry, needs } of anatomies) {
    for (const need of needs) {
      if (isMet(need, verdicts)) continue;
      const lack = lacks.get(need.path) ?? { need, entries: new Set() };
      lack.entries.add(entry);
      lacks.set(need.path, lack);
    }
  }
  return lacks;
}

function isMet({ path, elsewhere, digest, optional }: Need, verdicts: Verdicts): boolean {
  const verdict = verdicts.of({ path, digest });
  if (verdict?.state === "good" || (optional && !verdict)) return true;
  return elsewhere !== undefined && verdicts.of({ path: elsewhere, digest })?.state === "good";
}

/** What is wrong with a file that is there. @param copy where the same is whole */
function judge(
  { path, digest }: Suspect,
  verdict: Verdict | undefined,
  lack: Lack | undefined,
  copy: Remedy | undefined,
): Finding[] {
  if (!verdict || verdict.state === "good") return [];
  const base = { path, digest, entries: [...lack?.entries ?? []] };
  if (verdict.state === "unreadable") {
    return [{ ...base, kind: "unreadable", detail: verdict.reason, remedy: undefined }];
  }
  const removal = { action: "remove", from: path, stamp: verdict.stamp } as const;
  return [{ ...base, ...describe(verdict, lack?.need.size), remedy: copy ?? removal }];
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

  constructor(suspects: readonly Suspect[], verdicts: Verdicts) {
    for (const suspect of suspects) {
      const verdict = verdicts.of(suspect);
      const { path, digest } = suspect;
      if (verdict?.state === "good") this.#good.set(digest, { path, stamp: verdict.stamp });
      if (verdict?.state !== "bad" || !verdict.actual) continue;
      this.#strangers.set(verdict.actual, { path, stamp: verdict.stamp });
    }
  }

  /** What to say of something that is not where entries need it. */
  finding({ need: { path, digest }, entries }: Lack): Finding {
    const base = { digest, entries: [...entries] };
    const stranger = this.#strangers.get(digest);
    if (stranger) {
      const { path: from, stamp } = stranger;
      const remedy = { action: "move", from, to: path, stamp } as const;
      return { ...base, kind: "misplaced", path: from, detail: `it is ${digest}`, remedy };
    }
    const remedy = this.copyTo({ path, digest });
    if (remedy && isBlob(remedy.from) && isBlob(path)) {
      const detail = `it is needed in ${dirname(path)}`;
      return { ...base, kind: "misplaced", path: remedy.from, detail, remedy };
    }
    const detail = statIfAny(path) ? "it is no file" : "it is not there";
    return { ...base, kind: "missing", path, detail, remedy };
  }

  /** How a place gets content that is whole at another. */
  copyTo({ path, digest }: Suspect): Remedy | undefined {
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

function brokenOf({ entry, faults }: Anatomy): Finding[] {
  return faults.map((fault) => ({
    ...fault,
    digest: undefined,
    entries: [entry],
    remedy: undefined,
  }));
}
