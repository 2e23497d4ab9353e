// deno-lint-ignore-file no-console
import { bwrapFault, findBwrap } from "../../../src/builds/sandbox/bwrap.ts";

/** Why commands cannot be run in a sandbox, or undefined if they can. */
const skipReason: string | undefined = await trySandbox();

async function trySandbox(): Promise<string | undefined> {
  const bwrap = findBwrap();
  if (bwrap === undefined) return "bwrap is not installed";
  const fault = await bwrapFault(bwrap);
  return fault && `bwrap does not work: ${fault}`;
}

/** Registers a test that runs commands in a sandbox. It is skipped with a reason if that is not possible. */
export function sandboxTest(name: string, test: (t: Deno.TestContext) => Promise<void>): void {
  if (skipReason) console.warn(`not run: "${name}" (${skipReason})`);
  Deno.test({ name, ignore: skipReason !== undefined, fn: test });
}
