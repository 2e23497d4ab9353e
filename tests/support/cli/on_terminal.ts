import { hasProgram, missingProgram, run } from "./commands.ts";
import type { Result, TestUser } from "./test_user.ts";

/** Runs a command on a terminal whose output goes to stderr and whose input comes from a named pipe. */
const ON_TERMINAL = [
  "sh",
  "-c",
  'exec script --quiet --flush --return --command "$*" /dev/null < "$KEYS" >&2',
  "sh",
];

/** A larder on a terminal. */
export interface AtTerminal extends AsyncDisposable {
  /** Its exit code; `stderr` has everything that the terminal showed. */
  readonly result: Promise<Result>;
  /** Resolves once it shows the text or has ended. */
  said(text: string): Promise<void>;
  type(text: string): Promise<void>;
}

/** Starts larder on a terminal. @param term the kind of terminal, for `TERM` */
export async function onTerminal(
  user: TestUser,
  args: readonly string[],
  term = "xterm",
): Promise<AtTerminal> {
  if (!hasProgram("script")) throw missingProgram("script");
  const pipe = user.path(`keys-${crypto.randomUUID()}`);
  await run("mkfifo", [pipe]);
  const env = { KEYS: pipe, TERM: term };
  const larder = user.spawn(args, { under: ON_TERMINAL, env });
  const keys = await Deno.open(pipe, { write: true });
  return {
    result: larder.result,
    said: (text) => larder.said(text),
    type: async (text) => {
      await keys.write(new TextEncoder().encode(text));
    },
    async [Symbol.asyncDispose]() {
      keys.close();
      await larder[Symbol.asyncDispose]();
    },
  };
}
