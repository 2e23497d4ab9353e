import { relative, sep } from "node:path";
import { LarderError } from "../../../base/errors.ts";
import { takeOverCommandFor } from "../../../base/files/owner.ts";
import { formatBytes, plural } from "../../../base/units.ts";
import { isByNewer } from "../../../store/own_file.ts";
import { type Finding, isFault, ORPHANS } from "../../../verify/finding.ts";
import { type Verification, Verifier } from "../../../verify/verify.ts";
import type { Context } from "../../context.ts";
import { selectEntries } from "../../entry_lookup.ts";
import type { Format } from "../../options.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import { readingText } from "../../read_cache.ts";
import { byteProgress } from "../../terminal/progress.ts";
import { statusLine } from "../../terminal/status_line.ts";
import { enumerate, table } from "../../terminal/text_layout.ts";
import { lossesOf, possibleLosses } from "./lost_entries.ts";
import type { RepairedFinding } from "./repair.ts";

export interface VerifyOptions {
  readonly repair?: boolean;
  readonly transfers?: number;
  readonly format: Format;
}

/** A finding, with its outcome after a repair. */
type ReportedFinding = Finding & Partial<Pick<RepairedFinding, "outcome" | "why">>;

/** `larder verify`: checks the content of the cache against digests and records, and repairs it with `--repair`. */
export async function verify(
  context: Context,
  names: readonly string[],
  options: VerifyOptions,
): Promise<void> {
  const { verifier, verification } = await runVerifier(context, names);
  const { findings } = verification;
  const faults: readonly ReportedFinding[] = options.repair && findings.some(isFault)
    ? await runRepair(context, verifier, verification, options)
    : findings.filter(isFault);
  const orphans = findings.filter((finding) => !isFault(finding));
  const remaining = faults.filter(({ outcome }) => outcome === undefined || outcome === "left");
  if (options.format === "json") writeJson(toJson(verification, [...faults, ...orphans]));
  else print(context, [...faults, ...context.options.verbose ? orphans : []]);
  report(context, verification, faults, remaining);
  if (remaining.length > 0) throw faultsRemain(context, remaining, options.repair ?? false);
}

/** Verifies the whole cache, or the entries with these names. */
async function runVerifier(
  context: Context,
  names: readonly string[],
): Promise<{ verifier: Verifier; verification: Verification }> {
  using progress = await byteProgress(context);
  using status = statusLine(context);
  let folders: ReadonlySet<string> | undefined;
  const verifier = new Verifier(context.layout, {
    now: Date.now,
    // The names are resolved once: a repair verifies the same entries again.
    choose: names.length === 0 ? undefined : (snapshot) => {
      folders ??= new Set(selectEntries(snapshot, names).map(({ folder }) => folder));
      return snapshot.entries.filter(({ folder }) => folders!.has(folder));
    },
    signal: context.interruptible(),
    observer: {
      read: (step, entries) =>
        status.update(() =>
          step === "read the cache"
            ? readingText(entries)
            : `reading the manifests: ${plural(entries, "entry", "entries")}`
        ),
      total: (bytes) => {
        status[Symbol.dispose](); // The bar takes its line.
        progress.addTotal(bytes);
      },
      progressed: (bytes) => progress.advance(bytes),
    },
  });
  return { verifier, verification: await verifier.run() };
}

/** Loads the repair lazily, because only it needs the network. */
async function runRepair(
  context: Context,
  verifier: Verifier,
  verification: Verification,
  options: VerifyOptions,
): Promise<RepairedFinding[]> {
  const { repair } = await import("./repair.ts");
  const losses = possibleLosses(verification.findings.flatMap(({ entries }) => entries));
  const repaired = await repair(context, verifier, verification, options);
  for (const text of lossesOf(losses)) context.warn(text);
  return repaired;
}

function print(context: Context, findings: readonly ReportedFinding[]): void {
  if (findings.length === 0) return;
  const { root } = context.layout;
  const isRepaired = findings.some(({ outcome }) => outcome !== undefined);
  writeOut(table(
    ["KIND", "FILE", "NEEDED BY", ...isRepaired ? ["OUTCOME"] : [], "WHAT"],
    findings.map(({ kind, path, entries, outcome, why, detail }) => [
      kind,
      relative(root, path).split(sep).join("/"),
      entries.length > 1
        ? `${entries[0]!.name} and ${entries.length - 1} more`
        : entries[0]?.name ?? "-",
      ...isRepaired ? [outcome ?? "-"] : [],
      why ? `${detail}; ${why}` : detail,
    ]),
    { shrink: 1, style: (column) => column === 0 ? "red" : undefined },
  ));
}

/** Prints what was verified, how long that took, and the result. */
function report(
  context: Context,
  { expected, files, bytes, steps, findings }: Verification,
  faults: readonly ReportedFinding[],
  remaining: readonly ReportedFinding[],
): void {
  const seconds = steps.reduce((sum, { time }) => sum + time, 0) / 1000;
  if (context.options.verbose) {
    for (const { name, time } of steps) context.info(`${name}: ${(time / 1000).toFixed(2)} s`);
  }
  const orphans = ORPHANS.flatMap((kind) => {
    const count = findings.filter((finding) => finding.kind === kind).length;
    return count > 0 ? plural(count, `${kind} file`) : [];
  });
  if (orphans.length > 0) {
    context.info(
      enumerate(orphans) + (context.options.verbose ? "" : "; larder verify -v lists them"),
    );
  }
  const entries = plural(expected.length, "entry", "entries");
  const repaired = faults.length - remaining.length;
  const result = faults.length === 0
    ? "no faults"
    : `${plural(faults.length, "fault")}${repaired > 0 ? `, ${repaired} repaired` : ""}`;
  const read = `${plural(files, "file")} (${formatBytes(bytes)})`;
  context.info(`${entries}, ${read} in ${seconds.toFixed(1)} s: ${result}`);
}

function toJson(
  { expected, files, bytes, steps }: Verification,
  findings: readonly ReportedFinding[],
): object {
  return {
    entries: expected.length,
    files,
    bytes,
    steps: steps.map(({ name, time }) => ({ name, seconds: time / 1000 })),
    findings: findings.map(({ kind, path, digest, entries, detail, outcome, why }) => ({
      kind,
      path,
      digest: digest ?? null,
      entries: entries.map(({ name }) => name),
      detail,
      outcome: outcome ?? null,
      why: why ?? null,
    })),
  };
}

/** The error for faults that were not repaired. */
export function faultsRemain(
  { layout }: Pick<Context, "layout">,
  remaining: readonly ReportedFinding[],
  wasRepaired: boolean,
): LarderError {
  const what = remaining.length === 1
    ? `${remaining[0]!.path} is ${remaining[0]!.kind}`
    : `${remaining.length} faults remain in the cache`;
  const why = remaining.find((finding) => finding.why)?.why;
  return new LarderError("LDR_DIGEST_MISMATCH", why ? `${what}: ${why}` : what, {
    hint: hintFor(layout.root, remaining, wasRepaired),
  });
}

function hintFor(
  root: string,
  remaining: readonly ReportedFinding[],
  wasRepaired: boolean,
): string {
  if (remaining.every(({ kind }) => kind === "unreadable")) {
    const command = takeOverCommandFor(remaining.map(({ path }) => path), root);
    return command ?? "make these files readable for this user";
  }
  if (remaining.every(({ detail }) => isByNewer(detail))) return "use the newer larder";
  if (remaining.every(({ repair }) => repair?.action === "rewrite") && !wasRepaired) {
    return "larder verify --repair keeps what can be read of it";
  }
  if (!wasRepaired && remaining.every(isOfBuild)) {
    return "larder verify --repair removes what is damaged, and says how to get it back";
  }
  return wasRepaired
    ? "fix what prevented the repair, or remove the damaged entries with larder clean"
    : "larder verify --repair removes damaged files and fetches them again";
}

/** True for a fault of builds only, which nothing has but the cache. */
function isOfBuild({ entries }: ReportedFinding): boolean {
  return entries.length > 0 && entries.every(({ type }) => type === "build");
}
