import type { Stdio } from "./io/stdio.ts";
import type { InstanceResources } from "./resources.ts";

/** `terminal-input` of `wasi:cli`, which has no methods: a guest only tests whether it gets one. */
class TerminalInput {}

/** `terminal-output` of `wasi:cli`. */
class TerminalOutput {}

/** The arguments and the environment of a command. */
export interface CommandSettings {
  /** The first one is the name of the program. */
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
