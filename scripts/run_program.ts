import { basename } from "node:path";

/** What a program printed, without the stack of Deno's own errors. */
interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, without input. The code is 127 if it does not start. */
export function run(program: string, args: string[], options: Deno.CommandOptions = {}): Output {
  try {
    const env = { NO_COLOR: "1", ...options.env };
    const command = new Deno.Command(program, { args, stdin: "null", ...options, env });
    const { code, stdout, stderr } = command.outputSync();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return {
      code,
      stdout: text(stdout),
      stderr: text(stderr).split("\nStack backtrace:")[0]!.trimEnd(),
    };
  } catch (error) {
    return { code: 127, stdout: "", stderr: `${basename(program)}: ${(error as Error).message}` };
  }
}
