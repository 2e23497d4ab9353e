import { type CommandSettings } from "../cli.ts";
import { monotonicNow, pollableAt, wallClock } from "../clocks.ts";
import type { Stdio } from "../io/stdio.ts";
import { randomBytes, randomU64 } from "../random.ts";
import type { InstanceResources } from "../resources.ts";
import type { GuestTask } from "./guest_task.ts";
import { type GuestStream, readable, write } from "./streams.ts";

/** `error-code` of `wasi:cli/types`. */
type StdioError = "io" | "pipe";

/**
 * `wasi:cli` 0.3, except what is the same in 0.2.
 * @param cli the interfaces of 0.2
 */
export function cliImports(
  { args, env }: CommandSettings,
  stdio: Stdio,
  task: GuestTask,
  cli: Record<string, object>,
): Record<string, object> {
  const codeOf = (cause: unknown): StdioError => cause === undefined ? "pipe" : "io";
  const outputTo = (output: Stdio["stdout"]) => ({
    writeViaStream: (stream: GuestStream<Uint8Array>) =>
      task.track(write(stream, output.stream(), codeOf)),
  });
  const same = Object.entries(cli).filter(([name]) =>
    /^wasi:cli\/(?:exit|terminal-\w+)$/.test(name)
  );
  return {
    ...Object.fromEntries(
      same.map(([name, functions]) => [name.replace("wasi", "wasi3"), functions]),
    ),
    "wasi3:cli/environment": {
      getEnvironment: () => env,
      getArguments: () => args,
      getInitialCwd: () => undefined,
    },
    "wasi3:cli/stdin": { readViaStream: () => readable(stdio.stdin(), codeOf) },
    "wasi3:cli/stdout": outputTo(stdio.stdout),
    "wasi3:cli/stderr": outputTo(stdio.stderr),
  };
}

/** `wasi:clocks` 0.3, without time zones. */
export function clockImports(resources: InstanceResources): Record<string, object> {
  const waitUntil = async (instant: bigint) => {
    // At once, because the script tells the guest after one turn of the event loop whether it has to wait.
    if (monotonicNow() >= instant) return;
    using pollable = pollableAt(instant, resources);
    await pollable.block();
    return;
  };
  return {
    "wasi3:clocks/monotonic-clock": {
      now: monotonicNow,
      getResolution: () => 1000n,
      waitUntil,
      waitFor: (duration: bigint) => waitUntil(monotonicNow() + duration),
    },
    "wasi3:clocks/system-clock": { now: wallClock, getResolution: () => 1_000_000n },
  };
}

/** `wasi:random` 0.3; an instance has one insecure seed. */
export function randomImports(): Record<string, object> {
  const seed = [randomU64(), randomU64()];
  return {
    "wasi3:random/random": { getRandomBytes: randomBytes, getRandomU64: randomU64 },
    "wasi3:random/insecure": {
      getInsecureRandomBytes: randomBytes,
      getInsecureRandomU64: randomU64,
    },
    "wasi3:random/insecure-seed": { getInsecureSeed: () => seed },
  };
}
