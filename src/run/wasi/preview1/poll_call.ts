import { monotonicNow, pollableAt } from "../clocks.ts";
import { Pollable, untilReady, Waitable } from "../io/poll.ts";
import { MAX_RESOURCES } from "../resources.ts";
import { ABSOLUTE_TIME, EVENT } from "./abi.ts";
import { ERRNO, Errno, errnoOf } from "./errno.ts";
import type { Calls, Guest } from "./guest.ts";
import { unsigned32, unsigned64 } from "./memory.ts";
import { timeOf } from "./process_calls.ts";

const SUBSCRIPTION_SIZE = 48;
const EVENT_SIZE = 32;

/** An event that the guest waits for, and what it reads when it has happened. */
interface Subscription {
  readonly userdata: bigint;
  readonly type: number;
  readonly errno: number;
  readonly pollable: Pollable;
  /** Bytes that can be read or written; 1 if the number is unknown. */
  readonly size: bigint;
}

/** `poll_oneoff`. */
export function pollCall(guest: Guest): Calls {
  const { memory } = guest;
  return {
    async poll_oneoff(list: number, events: number, count: number, pointer: number) {
      if (count === 0) throw new Errno("inval");
      const subscriptions = readSubscriptions(guest, list, unsigned32(count));
      try {
        await untilReady(subscriptions.map(({ pollable }) => Pollable.waitableOf(pollable)));
        const ready = subscriptions.filter(({ pollable }) => pollable.ready());
        ready.forEach((event, i) => writeEvent(guest, unsigned32(events) + i * EVENT_SIZE, event));
        memory.setU32(pointer, ready.length);
      } finally {
        for (const { pollable } of subscriptions) pollable[Symbol.dispose]();
      }
    },
  };
}

function readSubscriptions(guest: Guest, list: number, count: number): Subscription[] {
  // Checks the bounds of the whole list before the first subscription holds a resource.
  guest.memory.bytes(list, count * SUBSCRIPTION_SIZE);
  if (count > MAX_RESOURCES) throw new Errno("nomem");
  return Array.from({ length: count }, (_, i) => {
    const view = guest.memory.view(unsigned32(list) + i * SUBSCRIPTION_SIZE, SUBSCRIPTION_SIZE);
    const userdata = view.getBigUint64(0, true);
    const type = view.getUint8(8);
    try {
      return { userdata, type, errno: ERRNO.success, ...subscribe(guest, type, view) };
    } catch (error) {
      return { userdata, type, errno: errnoOf(error), pollable: readyPollable(), size: 0n };
    }
  });
}

function subscribe(
  { descriptors, resources }: Guest,
  type: number,
  view: DataView,
): Pick<Subscription, "pollable" | "size"> {
  if (type === EVENT.clock) {
    const now = timeOf(view.getUint32(16, true));
    const time = unsigned64(view.getBigUint64(24, true));
    const remaining = view.getUint16(40, true) & ABSOLUTE_TIME ? time - now : time;
    return { pollable: pollableAt(monotonicNow() + remaining, resources), size: 0n };
  }
  if (type !== EVENT.read && type !== EVENT.write) throw new Errno("inval");
  const descriptor = descriptors.get(view.getUint32(16, true));
  if (descriptor.kind === "input" || descriptor.kind === "output") {
    return { pollable: descriptor.stream.subscribe(), size: 1n };
  }
  if (descriptor.kind === "directory") throw new Errno("badf");
  const remaining = descriptor.file.info().size - descriptor.position;
  return { pollable: readyPollable(), size: remaining > 0n ? remaining : 0n };
}

function readyPollable(): Pollable {
  return new Pollable(Waitable.ready());
}

function writeEvent({ memory }: Guest, pointer: number, event: Subscription): void {
  const view = memory.view(pointer, EVENT_SIZE);
  view.setBigUint64(0, event.userdata, true);
  view.setUint16(8, event.errno, true);
  view.setUint16(10, event.type, true);
  view.setUint32(12, 0, true);
  view.setBigUint64(16, event.size, true);
  view.setBigUint64(24, 0n, true);
}
