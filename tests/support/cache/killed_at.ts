// deno-lint-ignore-file no-console
import assert from "node:assert/strict";
import { hasProgram, missingProgram } from "../cli/commands.ts";
import type { TestUser } from "../cli/test_user.ts";

const skipReason = Deno.build.os !== "linux"
  ? "only tried on Linux"
  : hasProgram("strace")
  ? undefined
  : missingProgram("strace").message;

/** Registers a test with {@link larderKilledAt}. It is skipped with a reason if strace is missing. */
export function killTest(name: string, test: () => Promise<void>): void {
  if (skipReason) console.warn(`not run: "${name}" (${skipReason})`);
  Deno.test({ name, ignore: skipReason !== undefined, fn: test });
}

/**
 * Runs larder and kills it at its `nth` call of a kind. Returns false if larder succeeded before that call. strace
 * counts the calls of each thread separately.
 *
 * @param calls names of system calls, separated by commas
 */
export async function larderKilledAt(
  user: TestUser,
  args: readonly string[],
  calls: string,
  nth: number,
): Promise<boolean> {
  const { code, stderr } = await user.larder(args, {
    under: [
      ...["strace", "-f", "-qq", "-o", user.path("trace"), "-e", `trace=${calls}`],
      ...["-e", `inject=${calls}:signal=KILL:when=${nth}`],
    ],
  });
  assert.ok(code === 0 || code === 137, `ended with ${code}: ${stderr}`);
  return code === 137;
}
