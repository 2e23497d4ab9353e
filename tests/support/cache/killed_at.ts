// deno-lint-ignore-file no-console
import assert from "node:assert/strict";
import type { User } from "../cli/cli.ts";
import { hasProgram, missingProgram } from "../cli/commands.ts";

const refused = Deno.build.os !== "linux"
  ? "only tried on Linux"
  : hasProgram("strace")
  ? undefined
  : missingProgram("strace").message;

/** A test with {@link larderKilledAt}; where nothing can be traced it says that it was not run. */
export function killTest(name: string, test: () => Promise<void>): void {
  if (refused) console.warn(`not run: "${name}" (${refused})`);
  Deno.test({ name, ignore: refused !== undefined, fn: test });
}

/**
 * Runs larder, which is killed as it enters its `nth` call of a kind, and tells whether it got so far; otherwise it
 * has ended well. strace counts the calls of each thread for itself.
 *
 * @param calls names of system calls, with commas between
 */
export async function larderKilledAt(
  user: User,
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
