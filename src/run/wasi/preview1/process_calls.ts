import { monotonicNow, wallNow } from "../clocks.ts";
import { yieldToEventLoop } from "../io/poll.ts";
import { fillRandom } from "../random.ts";
import { CLOCK } from "./abi.ts";
import { Errno } from "./errno.ts";
import type { Calls, Guest } from "./guest.ts";
import { unsigned32 } from "./memory.ts";

/** Arguments, environment, clocks, random numbers and exit. */
export function processCalls({ host, resources, memory }: Guest): Calls {
  const { args, env } = host.settings;
  const variables = env.map(([name, value]) => `${name}=${value}`);
  const sizes = (texts: readonly string[], count: number, size: number) => {
    memory.setU32(count, texts.length);
    memory.setU32(size, texts.reduce((sum, text) => sum + terminated(text).length, 0));
  };
  const list = (texts: readonly string[], pointers: number, buffer: number) => {
    texts.forEach((text, index) => {
      const bytes = terminated(text);
      memory.setU32(unsigned32(pointers) + index * 4, buffer);
      memory.write(buffer, bytes);
      buffer += bytes.length;
    });
  };
  return {
    args_get: (pointers: number, buffer: number) => list(args, pointers, buffer),
    args_sizes_get: (count: number, size: number) => sizes(args, count, size),
    environ_get: (pointers: number, buffer: number) => list(variables, pointers, buffer),
    environ_sizes_get: (count: number, size: number) => sizes(variables, count, size),
    clock_res_get(clock: number, pointer: number) {
      memory.setU64(pointer, resolutionOf(clock));
    },
    clock_time_get(clock: number, _precision: bigint, pointer: number) {
      memory.setU64(pointer, timeOf(clock));
    },
    random_get(pointer: number, length: number) {
      fillRandom(memory.bytes(pointer, length));
    },
    proc_exit: (code: number) => resources.exit(unsigned32(code)),
    proc_raise() {
      throw new Errno("nosys");
    },
    sched_yield: () => yieldToEventLoop(),
  };
}

/** Returns the time of a clock in nanoseconds. */
export function timeOf(clock: number): bigint {
  if (clock === CLOCK.realtime) return wallNow();
  if (clock === CLOCK.monotonic) return monotonicNow();
  throw new Errno("inval");
}

function resolutionOf(clock: number): bigint {
  if (clock === CLOCK.realtime) return 1_000_000n;
  if (clock === CLOCK.monotonic) return 1000n;
  throw new Errno("inval");
}

/** Returns a C string. */
function terminated(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}
