import { LarderError, messageOf } from "../../base/errors.ts";
import type { EngineCommand } from "./commands.ts";
import type { ExternalEngine } from "./find_engine.ts";

/**
 * Hands over to an engine: it gets our terminal and the signals that we get, and its exit code is ours.
 * @returns the exit code; 128 and the number of the signal that ended it
 * @throws LarderError LDR_ENGINE if it cannot be started
 */
export async function runEngine(engine: ExternalEngine, command: EngineCommand): Promise<number> {
  let child: Deno.ChildProcess | undefined;
  // Before it is started: a signal that ends only us would leave it behind.
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
      hint: `see whether ${engine.name} --version works, and install it again if not`,
      cause: error,
    });
  }
}

/** Listening keeps us alive, too, until the engine has ended in its own way. */
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

/** A terminal sends Ctrl-C to all of its processes itself, as Windows' console does with all that it sends. */
function isSentToAll(signal: Deno.Signal): boolean {
  if (Deno.build.os === "windows") return true;
  return signal === "SIGINT" &&
    [Deno.stdin, Deno.stdout, Deno.stderr].some((stream) => stream.isTerminal());
}

function send(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has ended by itself.
  }
}
