import { LarderError } from "../../base/errors.ts";
import type { CommandEvent, CommandProgram } from "./command_worker.ts";
import { GuestSockets } from "../sockets/socket_hosts.ts";
import { permissionsFor } from "./permissions.ts";

/**
 * Runs a command to its end, in a thread that has no more permissions than the command was granted.
 *
 * @param name what it is called in messages
 * @param options `onDenial` is told in one line which option would grant what was refused; the signal ends the
 * command at once
 * @returns its exit code
 * @throws LarderError LDR_GUEST if it trapped, LDR_INTERRUPTED
 */
export async function runCommand(
  name: string,
  program: CommandProgram,
  options: { onDenial: (message: string) => void; signal?: AbortSignal | undefined },
): Promise<number> {
  // What came before was not looked at since: an event that is over raises no listener.
  if (options.signal?.aborted) throw interruptedAt(name);
  const worker = new Worker(new URL("./command_worker.ts", import.meta.url), {
    type: "module",
    deno: { permissions: permissionsFor(program.settings) },
  });
  const sockets = new GuestSockets(program.settings);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const onAbort = () => reject(interruptedAt(name));
  options.signal?.addEventListener("abort", onAbort, { once: true });
  worker.onmessage = ({ data }: MessageEvent<CommandEvent>) => {
    if ("sockets" in data) void sockets.serve(data.sockets);
    else if ("refusal" in data) options.onDenial(data.refusal);
    else if ("exitCode" in data) resolve(data.exitCode);
    else reject(trapped(name, data.trap));
  };
  worker.onerror = (event) => {
    event.preventDefault();
    reject(trapped(name, event.message));
  };
  worker.postMessage(program);
  try {
    return await promise;
  } finally {
    options.signal?.removeEventListener("abort", onAbort);
    worker.terminate();
    sockets.close();
  }
}

function interruptedAt(name: string): LarderError {
  return new LarderError("LDR_INTERRUPTED", `interrupted ${name}`, { hint: "run it again" });
}

function trapped(name: string, reason: string): LarderError {
  return new LarderError("LDR_GUEST", `${name} trapped: ${reason}`, {
    hint: "this is a fault of the guest's, or something that it lacks: see what it printed",
  });
}
