import { relative, sep } from "node:path";
import { LarderError } from "../../../base/errors.ts";
import { formatBytes, plural } from "../../../base/units.ts";
import { type Finding, isFault, ORPHANS } from "../../../verify/finding.ts";
import { type Verification, Verifier } from "../../../verify/verify.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import type { Context } from "../../context.ts";
import { selectEntries } from "../../entry_lookup.ts";
import type { Format } from "../../options.ts";
import { bytesGauge } from "../../terminal/progress.ts";
import { table } from "../../terminal/table.ts";
import type { Repaired } from "./repair.ts";

export interface VerifyOptions {
  readonly repair?: boolean;
  readonly transfers?: number;
  readonly format: Format;
}

/** Something that was found, and, after a repair, what became of it. */
type Shown = Finding & Partial<Pick<Repaired, "outcome" | "why">>;

/** `larder verify`: holds what is in the cache against what it should be, and with `--repair` puts it right. */
export async function verify(
  context: Context,
  names: readonly string[],
  options: VerifyOptions,
): Promise<void> {
  const { verifier, found } = await look(context, names);
  const faults: readonly Shown[] = options.repair && found.findings.some(isFault)
    ? await repaired(context, verifier, found, options)
    : found.findings.filter(isFault);
  const strays = found.findings.filter((finding) => !isFault(finding));
  const left = faults.filter(({ outcome }) => outcome === undefined || outcome === "left");
  if (options.format === "json") writeJson(toJson(found, [...faults, ...strays]));
  else print(context, [...faults, ...context.options.verbose ? strays : []]);
  report(context, found, faults, left);
  if (left.length > 0) throw damaged(left, options.repair ?? false);
}

/** Looks at all of the cache, or at the entries that are meant. */
async function look(
  context: Context,
  names: readonly string[],
): Promise<{ verifier: Verifier; found: Verification }> {
  using gauge = await bytesGauge(context);
  let folders: ReadonlySet<string> | undefined;
  const verifier = new Verifier(context.layout, {
    now: Date.now,
    // Who is meant is decided once: a repair looks again.
    choose: names.length === 0 ? undefined : (snapshot) => {
      folders ??= new Set(selectEntries(snapshot, names).map(({ folder }) => folder));
      return snapshot.entries.filter(({ folder }) => folders!.has(folder));
    },
    signal: context.interruptible(),
    observer: {
      total: (bytes) => gauge.grow(bytes),
      progressed: (bytes) => gauge.advance(bytes),
    },
  });
  return { verifier, found: await verifier.run() };
}

/** Apart, since only a repair needs the network. */
async function repaired(
  context: Context,
  verifier: Verifier,
  found: Verification,
  options: VerifyOptions,
): Promise<Repaired[]> {
  const { repair } = await import("./repair.ts");
  return await repair(context, verifier, found, options);
}

function print(context: Context, findings: readonly Shown[]): void {
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
  ));
}

/** Says how much was looked at, how long that took, and what came of it. */
function report(
  context: Context,
  { expected, files, bytes, steps, findings }: Verification,
  faults: readonly Shown[],
  left: readonly Shown[],
): void {
  const seconds = steps.reduce((sum, { time }) => sum + time, 0) / 1000;
  if (context.options.verbose) {
    for (const { name, time } of steps) context.info(`${name}: ${(time / 1000).toFixed(2)} s`);
  }
  const strays = ORPHANS.flatMap((kind) => {
    const count = findings.filter((finding) => finding.kind === kind).length;
    return count > 0 ? `${plural(count, "file")} ${kind}` : [];
  });
  if (strays.length > 0) {
    context.info(
      strays.join(", ") + (context.options.verbose ? "" : ": larder verify -v lists them"),
    );
  }
  const entries = plural(expected.length, "entry", "entries");
  const result = faults.length === 0
    ? "nothing is wrong"
    : `${plural(faults.length, "fault")}${
      faults.length > left.length ? `, ${faults.length - left.length} put right` : ""
    }`;
  context.info(
    `${entries}, ${plural(files, "file")} (${formatBytes(bytes)}) in ${
      seconds.toFixed(1)
    } s: ${result}`,
  );
}

function toJson(
  { expected, files, bytes, steps }: Verification,
  findings: readonly Shown[],
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

/** The error for what is wrong and stays so. */
export function damaged(left: readonly Shown[], wasRepaired: boolean): LarderError {
  const what = left.length === 1
    ? `${left[0]!.path} is ${left[0]!.kind}`
    : `${left.length} faults are left in the cache`;
  const why = left.find((finding) => finding.why)?.why;
  return new LarderError("LDR_DIGEST_MISMATCH", why ? `${what}: ${why}` : what, {
    hint: hintFor(left, wasRepaired),
  });
}

function hintFor(left: readonly Shown[], wasRepaired: boolean): string {
  if (left.every(({ kind }) => kind === "unreadable")) {
    return "make these files readable for this user";
  }
  return wasRepaired
    ? "put right what stands in the way, or remove with larder clean what needs it"
    : "larder verify --repair removes what is bad and fetches it again";
}
