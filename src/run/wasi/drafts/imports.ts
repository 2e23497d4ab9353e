import { DRAFT_INTERFACES } from "../../wasm/interfaces/draft_interfaces.ts";
import type { Pollable } from "../io/poll.ts";
import { novemberTypes, octoberHandler, octoberTypes } from "./http.ts";

type Imports = Readonly<Record<string, object>>;

type MonotonicClock = {
  subscribeInstant(instant: bigint): Pollable;
  subscribeDuration(duration: bigint): Pollable;
};

/** Interfaces of October with names or forms of their own, from those of 0.2. */
const OCTOBER: Readonly<Record<string, (imports: Imports) => object>> = {
  "wasi:clocks/monotonic-clock": (imports) => {
    const clock = imports["wasi:clocks/monotonic-clock"] as MonotonicClock;
    const subscribe = (when: bigint, isAbsolute: boolean) =>
      isAbsolute ? clock.subscribeInstant(when) : clock.subscribeDuration(when);
    return { ...clock, subscribe };
  },
  "wasi:http/outgoing-handler": (imports) => octoberHandler(imports["wasi:http/outgoing-handler"]!),
  "wasi:http/types": (imports) => octoberTypes(imports["wasi:http/types"]!),
  "wasi:io/poll": (imports) => {
    const poll = imports["wasi:io/poll"] as { poll: unknown };
    return { ...poll, pollList: poll.poll, pollOne: (pollable: Pollable) => pollable.block() };
  },
  "wasi:io/streams": (imports) => ({ ...imports["wasi:io/error"], ...imports["wasi:io/streams"] }),
};

const NOVEMBER: typeof OCTOBER = {
  "wasi:http/types": (imports) => novemberTypes(imports["wasi:http/types"]!),
};

/** Returns the interfaces of the drafts by their names with the version, made from those of 0.2. */
export function draftImports(imports: Imports): Record<string, object> {
  return Object.fromEntries(DRAFT_INTERFACES.map((name) => {
    const [base = "", version = ""] = name.split("@");
    const adapted = version.includes("-10-") ? OCTOBER : NOVEMBER;
    return [name, Object.hasOwn(adapted, base) ? adapted[base]!(imports) : imports[base]!];
  }));
}
