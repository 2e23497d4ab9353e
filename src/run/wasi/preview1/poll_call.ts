import { monotonicNow, pollableAt } from "../clocks.ts";
import { Pollable, untilReady, Waitable } from "../io/poll.ts";
import { type Calls, type Guest, unsigned } from "./guest.ts";
import { ERRNO, Errno, errnoOf } from "./errno.ts";
import { unsigned32 } from "./memory.ts";
import { timeOf } from "./process_calls.ts";

const SUBSCRIPTION_SIZE = 48;
const EVENT_SIZE = 32;

/** Source: WASI preview 1, `eventtype` and `subclockflags`. */
const EVENT = { clock: 0, read: 1, write: 2 };
const ABSOLUTE = 1;

/** What the guest waits for, and what it is told when that has come. */
interface Subscription {
  readonly userdata: bigint;
  readonly type: number;
  readonly errno: number;
  readonly pollable: Pollable;
  /** How much can be read or written, as far as it is known. */
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
        ready.forEach((each, i) => writeEvent(guest, unsigned32(events) + i * EVENT_SIZE, each));
        memory.setU32(pointer, ready.length);
      } finally {
        for (const { pollable } of subscriptions) pollable[Symbol.dispose]();
      }
    },
  };
}

function readSubscriptions(guest: Guest, list: number, count: number): Subscription[] {
  // All of them are looked at before the first one holds anything.
  guest.memory.bytes(list, count * SUBSCRIPTION_SIZE);
  return Array.from({ length: count }, (_, i) => {
    const view = guest.memory.view(unsigned32(list) + i * SUBSCRIPTION_SIZE, SUBSCRIPTION_SIZE);
    const userdata = view.getBigUint64(0, true);
    const type = view.getUint8(8);
    try {
      return { userdata, type, errno: ERRNO.success, ...subscribe(guest, type, view) };
    } catch (error) {
      return { userdata, type, errno: errnoOf(error), pollable: ready(), size: 0n };
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
    const time = unsigned(view.getBigUint64(24, true));
    const left = view.getUint16(40, true) & ABSOLUTE ? time - now : time;
    return { pollable: pollableAt(monotonicNow() + left, resources), size: 0n };
  }
  if (type !== EVENT.read && type !== EVENT.write) throw new Errno("inval");
  const descriptor = descriptors.get(view.getUint32(16, true));
  if (descriptor.kind === "input" || descriptor.kind === "output") {
    return { pollable: descriptor.stream.subscribe(), size: 1n };
  }
  if (descriptor.kind === "folder") throw new Errno("badf");
  const left = descriptor.file.info().size - descriptor.position;
  return { pollable: ready(), size: left > 0n ? left : 0n };
}

/** One that needs no waiting. */
function ready(): Pollable {
  return new Pollable(new Waitable(() => true, () => Promise.resolve()));
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
