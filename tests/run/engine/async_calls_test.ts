import assert from "node:assert/strict";
import { callCommand, callHandler } from "../../../src/run/engine/calls.ts";
import type { Instance } from "../../../src/run/engine/component.ts";
import { asyncGuestBytes, loadComponent } from "../../support/wasm/components.ts";
import { GuestHost } from "../../support/wasm/guest_host.ts";

const handler = await loadComponent(await asyncGuestBytes("async_handler"), "0.3");
const command = await loadComponent(await asyncGuestBytes("async_command"), "0.3");

// As in a guest's thread.
addEventListener("unhandledrejection", (event) => event.preventDefault());

/** The status, the body, and how the response ended. */
type Events = (string | number)[];

async function ask(
  path: string,
  pieces: (string | Error | Promise<null>)[] = [],
  onChunk: (instance: Instance) => Promise<void> | void = () => {},
): Promise<Events> {
  const instance = handler.start(new GuestHost().host);
  const events: Events = [];
  const body = () => {
    const piece = pieces.shift();
    if (piece instanceof Error) return Promise.reject(piece);
    if (piece instanceof Promise) return piece;
    return Promise.resolve(piece === undefined ? null : new TextEncoder().encode(piece));
  };
  const head = { method: "POST", path, scheme: "http", authority: "test", headers: [] } as const;
  try {
    await callHandler(instance, { head, body }, {
      head: (status) => void events.push(status),
      chunk: (bytes) => {
        events.push(new TextDecoder().decode(bytes));
        (bytes.buffer as ArrayBuffer).transfer();
        return onChunk(instance);
      },
      end: (isComplete) => void events.push(isComplete ? "complete" : "incomplete"),
    });
  } catch (error) {
    events.push((error as Error).message);
  }
  return events;
}

const UNREACHABLE = "wasm trap: wasm `unreachable` instruction executed";

const CASES: [name: string, path: string, body: (string | Error)[], events: Events][] = [
  ["a body that is passed on", "/", ["a", "bc", "def"], [200, "a", "bc", "def", "complete"]],
  ["an empty body", "/", [], [200, "complete"]],
  ["an error instead of a response", "/ee", [], [
    "the guest answered with the error configuration-error",
  ]],
  ["a trap", "/ttt", [], [UNREACHABLE]],
  ["a guest that waits after its response", "/wwww", ["a"], [200, "a", "complete"]],
  ["a guest that waits for its reader", "/writes", ["a"], [200, "own", "complete"]],
  ["a guest that waits for its reader too early", "/earlier", [], [
    "wasm trap: deadlock detected: event loop cannot make further progress",
  ]],
];

for (const [name, path, body, events] of CASES) {
  Deno.test(`callHandler of WASI 0.3 handles ${name}`, async () => {
    assert.deepEqual(await ask(path, body), events);
  });
}

Deno.test("callHandler of WASI 0.3 reports a trap after the response was returned", async () => {
  const events = await ask("/t", ["a"]);
  assert.equal(events.at(-1), UNREACHABLE);
  assert.ok(!events.includes("complete"));
});

Deno.test("callHandler of WASI 0.3 cuts a response short whose body fails", async () => {
  assert.deepEqual(await ask("/", ["a", new Error("broken pipe")]), [200, "a", "incomplete"]);
  const gone = await ask("/", ["a", "b"], () => Promise.reject(new Error("gone")));
  assert.deepEqual(gone, [200, "a", "incomplete"]);
});

Deno.test("callHandler of WASI 0.3 answers a large body unchanged", async () => {
  const text = "0123456789abcdef".repeat(20_000);
  const [status, ...rest] = await ask("/", [text, text]);
  assert.deepEqual([status, rest.pop()], [200, "complete"]);
  assert.equal(rest.join(""), text + text);
});

Deno.test("callHandler of WASI 0.3 ends if its instance is disposed of while it reads", async () => {
  const never = new Promise<null>(() => {});
  const events = await ask("/", ["a", never], (instance) => instance[Symbol.dispose]());
  assert.deepEqual(events, [200, "a", "incomplete"]);
});

async function run(
  stdin: string[],
): Promise<{ code?: number; trap?: string; stdout: string }> {
  const host = new GuestHost({}, stdin);
  try {
    const code = await callCommand(command, host.host);
    return { code, stdout: host.stdout };
  } catch (error) {
    return { trap: (error as Error).message, stdout: host.stdout };
  }
}

Deno.test("callCommand of WASI 0.3 streams the input and the output of a command", async () => {
  assert.deepEqual(await run(["hello ", "world\n"]), { code: 0, stdout: "hello world\n" });
  assert.deepEqual(await run([]), { code: 0, stdout: "" });
  const text = "0123456789abcdef".repeat(10_000);
  assert.deepEqual(await run([text]), { code: 0, stdout: text });
});

Deno.test("callCommand of WASI 0.3 returns 1 for an error, and waits for the clock", async () => {
  assert.deepEqual(await run(["error"]), { code: 1, stdout: "error" });
  assert.deepEqual(await run(["wait"]), { code: 0, stdout: "wait" });
});

Deno.test("callCommand of WASI 0.3 throws a trap after it has written the output", async () => {
  assert.deepEqual(await run(["trap"]), { trap: UNREACHABLE, stdout: "trap" });
  // Its own call has returned by then.
  assert.deepEqual(await run(["after"]), { trap: UNREACHABLE, stdout: "after" });
});
