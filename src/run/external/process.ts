import { LarderError, messageOf } from "../../base/errors.ts";
import type { EngineCommand } from "./commands.ts";
import type { ExternalEngine } from "./find_engine.ts";

/**
 * Runs an engine with larder's standard streams, and passes signals on to it.
 * @returns the exit code, or 128 plus the number of the signal that ended it
 * @throws LarderError LDR_ENGINE if it cannot be started
 */
export async function runEngine(engine: ExternalEngine, command: EngineCommand): Promise<number> {
  let child: Deno.ChildProcess | undefined;
  // Before the engine starts: a signal that ends only larder would leave it running.
  const stopForwarding = forwardSignals((signal) => child && send(child, signal));
  try {
    child = start(engine, command);
    return (await child.status).code;
  } finally {
    stopForwarding();
  }
}

function start(engine: ExternalEngine, { args, env }: EngineCommand): Deno.ChildProcess {
  const stdio = { stdin: "inherit", stdout: "inherit", stderr: "inherit" } as const;
  try {
    return new Deno.Command(engine.path, { args: [...args], env: { ...env }, ...stdio }).spawn();
  } catch (error) {
    throw new LarderError("LDR_ENGINE", `cannot start ${engine.path}: ${messageOf(error)}`, {
      hint: `check that ${engine.name} --version works, or install it again`,
      cause: error,
    });
  }
}

/** Passes signals on. The listeners also keep larder running until the engine has handled a signal. */
function forwardSignals(forward: (signal: Deno.Signal) => void): () => void {
  const signals: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM", "SIGHUP"];
  const listeners = signals.map((signal) => {
    const listener = () => {
      if (!isSentToAll(signal)) forward(signal);
    };
    Deno.addSignalListener(signal, listener);
    return () => Deno.removeSignalListener(signal, listener);
  });
  return () => listeners.forEach((remove) => remove());
}

/** True if the engine receives a signal by itself: from a terminal Ctrl-C, from a Windows console every signal. */
function isSentToAll(signal: Deno.Signal): boolean {
  if (Deno.build.os === "windows") return true;
  return signal === "SIGINT" &&
    [Deno.stdin, Deno.stdout, Deno.stderr].some((stream) => stream.isTerminal());
}

function send(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has ended.
  }
}
