import { LarderError } from "../../../base/errors.ts";
import { GuestSockets } from "../../sockets/guest_sockets.ts";
import type { CommandEvent, CommandProgram } from "./command_worker.ts";
import { permissionsFor } from "../permissions.ts";
import { answerSymlink } from "./symlinks.ts";
import type { TrapFrame, TrapReport } from "../trap_report.ts";

/**
 * Runs a command to its end, in a thread whose permissions are the command's grants.
 *
 * @param name used in messages
 * @param options `onDenial` receives one line that names the refused access and the option that grants it;
 * `openState` hands the port of its thread to the thread that owns the stores; `signal` ends the command at once
 * @returns the exit code
 * @throws TrappedCommand; LarderError LDR_GUEST if the command runs longer than its timeout, LDR_INTERRUPTED
 */
export async function runCommand(
  name: string,
  program: CommandProgram,
  options: {
    onDenial: (message: string) => void;
    openState?: (port: MessagePort) => void;
    signal?: AbortSignal | undefined;
  },
): Promise<number> {
  // A signal that was raised before raises no event.
  if (options.signal?.aborted) throw interruptedCommand(name);
  const worker = new Worker(new URL("./command_worker.ts", import.meta.url), {
    type: "module",
    deno: { permissions: permissionsFor(program.settings) },
  });
  const sockets = new GuestSockets(program.settings);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const { timeout } = program.settings.limits ?? {};
  const timer = timeout === undefined
    ? undefined
    : setTimeout(() => reject(ranTooLong(name, timeout)), timeout);
  const onAbort = () => reject(interruptedCommand(name));
  options.signal?.addEventListener("abort", onAbort, { once: true });
  worker.onmessage = ({ data }: MessageEvent<CommandEvent>) => {
    if ("sockets" in data) void sockets.serve(data.sockets);
    else if ("symlink" in data) void answerSymlink(data.symlink, program.settings.mounts);
    else if ("state" in data) options.openState?.(data.state);
    else if ("denial" in data) options.onDenial(data.denial);
    else if ("exitCode" in data) resolve(data.exitCode);
    else reject(new TrappedCommand(name, data.trap));
  };
  worker.onerror = (event) => {
    event.preventDefault();
    reject(new TrappedCommand(name, { message: event.message, frames: [] }));
  };
  worker.postMessage(program);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", onAbort);
    worker.terminate();
    sockets.close();
  }
}

function interruptedCommand(name: string): LarderError {
  return new LarderError("LDR_INTERRUPTED", `interrupted ${name}`, { hint: "run it again" });
}

function ranTooLong(name: string, timeout: number): LarderError {
  return new LarderError("LDR_GUEST", `ended ${name}, which ran for ${timeout / 1000} s`, {
    hint: "a longer --timeout gives it more time",
  });
}

/** A command has trapped. */
export class TrappedCommand extends LarderError {
  readonly frames: readonly TrapFrame[];

  constructor(name: string, { message, frames }: TrapReport) {
    super("LDR_GUEST", `${name} trapped: ${message}`, {
      hint: "see its output: it has a bug, or was refused an access that it needs",
    });
    this.frames = frames;
  }
}
