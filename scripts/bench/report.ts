// deno-lint-ignore-file no-console
import { cpus, release } from "node:os";
import { formatBytes } from "../../src/base/units.ts";
import { run } from "../../tests/support/cli/commands.ts";
import { type Measured, median } from "./measure.ts";

/** A measured claim: a line of the last table. */
export interface Claim {
  readonly text: string;
  readonly value: string;
  readonly reached: boolean;
}

/** Prints the machine and the version of larder. */
export async function printMachine(larder: string): Promise<void> {
  console.log(`Machine: ${cpus().length} × ${cpus()[0]?.model.trim()}, Linux ${release()}`);
  console.log(`larder: ${(await run(larder, ["--version"])).trim()}`);
}

/** Prints the time of each contender and its ratio to the first. */
export function printTable(title: string, results: readonly Measured[]): void {
  const base = median(results[0]!.seconds);
  console.log(
    `| ${title} | seconds, median (least–most) | larder / it | peak memory |\n|---|---|---|---|`,
  );
  for (const { name, seconds, peak } of results) {
    const ratio = (base / median(seconds)).toFixed(2);
    console.log(`| ${name} | ${span(seconds)} | ${ratio} | ${formatBytes(peak)} |`);
  }
  console.log();
}

/** Returns the median with the shortest and the longest run. */
export function span(seconds: readonly number[]): string {
  const [least, most] = [Math.min(...seconds), Math.max(...seconds)];
  return `${median(seconds).toFixed(3)} (${least.toFixed(3)}–${most.toFixed(3)})`;
}

export function printClaims(claims: readonly Claim[]): void {
  console.log("| claim | measured | reached |\n|---|---|---|");
  for (const { text, value, reached } of claims) {
    console.log(`| ${text} | ${value} | ${reached ? "yes" : "no"} |`);
  }
}
