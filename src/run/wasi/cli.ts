import type { InstanceResources } from "./resources.ts";
import type { Stdio } from "./io/stdio.ts";

/** `wasi:cli`'s terminal-input, which can nothing but be there. */
class TerminalInput {}

/** `wasi:cli`'s terminal-output. */
class TerminalOutput {}

/** What a command is given. */
export interface CommandSettings {
  /** The first is the program's own name. */
  readonly args: readonly string[];
  readonly env: readonly (readonly [name: string, value: string])[];
}

/** `wasi:cli`. */
export function cliImports(
  { args, env }: CommandSettings,
  stdio: Stdio,
  resources: InstanceResources,
): Record<string, object> {
  const { stdinIsTerminal, stdout, stderr } = stdio;
  return {
    "wasi:cli/environment": {
      getEnvironment: () => env,
      getArguments: () => args,
      initialCwd: () => undefined,
    },
    "wasi:cli/exit": {
      exit: ({ tag }: { tag: "ok" | "err" }) => resources.exit(tag === "ok" ? 0 : 1),
      exitWithCode: (code: number) => resources.exit(code),
    },
    "wasi:cli/stdin": { getStdin: () => stdio.stdin() },
    "wasi:cli/stdout": { getStdout: () => stdout.stream() },
    "wasi:cli/stderr": { getStderr: () => stderr.stream() },
    "wasi:cli/terminal-input": { TerminalInput },
    "wasi:cli/terminal-output": { TerminalOutput },
    "wasi:cli/terminal-stdin": {
      getTerminalStdin: () => stdinIsTerminal ? new TerminalInput() : undefined,
    },
    "wasi:cli/terminal-stdout": {
      getTerminalStdout: () => stdout.isTerminal ? new TerminalOutput() : undefined,
    },
    "wasi:cli/terminal-stderr": {
      getTerminalStderr: () => stderr.isTerminal ? new TerminalOutput() : undefined,
    },
  };
}
