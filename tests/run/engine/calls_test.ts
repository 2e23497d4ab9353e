import assert from "node:assert/strict";
import { GuestTrap } from "../../../src/run/engine/trap_report.ts";
import { callCommand, callHandler } from "../../../src/run/engine/calls.ts";
import type { Instance } from "../../../src/run/engine/component.ts";
import { binaryOf, guestComponent, loadComponent } from "../../support/wasm/components.ts";
import { GuestHost } from "../../support/wasm/guest_host.ts";

const http = await guestComponent("http_cases");
const command = await guestComponent("command_cases");

// The generated script rejects a second promise when a guest traps, as in a guest's thread.
addEventListener("unhandledrejection", (event) => event.preventDefault());

/** The status, each piece of the body, and how the response ended. */
type Events = (string | number)[];

interface RequestOptions {
  readonly method?: string;
  readonly body?: (string | Error)[];
  /** Called with each piece of the response. */
  readonly onChunk?: (text: string, instance: Instance) => Promise<void> | void;
}

async function ask(
  path: string,
  { method = "GET", body = [], onChunk }: RequestOptions = {},
): Promise<
  Events
> {
  const instance = http.start(new GuestHost().host);
  const events: Events = [];
  const pieces = [...body];
  const next = () => {
    const piece = pieces.shift();
    if (piece instanceof Error) return Promise.reject(piece);
    return Promise.resolve(piece === undefined ? null : new TextEncoder().encode(piece));
  };
  const head = { method, path, scheme: "http", authority: "test", headers: [] } as const;
  try {
    await callHandler(instance, { head, body: next }, {
      head: (status) => void events.push(status),
      chunk: (bytes) => {
        events.push(new TextDecoder().decode(bytes));
        (bytes.buffer as ArrayBuffer).transfer();
        return onChunk?.(events.at(-1) as string, instance);
      },
      end: (isComplete) => void events.push(isComplete ? "complete" : "incomplete"),
    });
  } catch (error) {
    events.push((error as Error).message);
  }
  return events;
}

const CASES: [name: string, path: string, options: RequestOptions, events: Events][] = [
  ["a response", "/hello", {}, [200, "hello\n", "complete"]],
  ["a request's body, streamed", "/echo", { body: ["a", "bc", "def"] }, [
    200,
    "a",
    "bc",
    "def",
    "complete",
  ]],
  ["a request without a body", "/echo", {}, [200, "complete"]],
  ["a wait for the clock", "/wait", {}, [200, "hello\n", "complete"]],
  ["an exit with success after the response", "/done", {}, [200, "hello\n", "complete"]],
  ["a body that was never written to", "/empty", {}, [200, "complete"]],
  ["a body that was not finished", "/forget", {}, [200, "hello\n", "incomplete"]],
  ["fewer bytes than content-length says", "/short", {}, [200, "hello\n", "incomplete"]],
  ["fewer bytes than content-length says, to HEAD", "/short", { method: "HEAD" }, [
    200,
    "complete",
  ]],
  ["a trap", "/trap", {}, ["unreachable"]],
  ["a trap after the head", "/late", {}, [200, "hello\n", "unreachable"]],
  ["a missing response", "/none", {}, ["the guest returned without a response"]],
  ["an error instead of a response", "/refuse", {}, [
    "the guest answered with the error loop-detected",
  ]],
];

for (const [name, path, options, events] of CASES) {
  Deno.test(`callHandler handles ${name}`, async () => {
    assert.deepEqual(await ask(path, options), events);
  });
}

Deno.test("callHandler fails the writes of a guest whose client disconnects", async () => {
  const events = await ask("/echo", {
    body: ["a", "b", "c"],
    onChunk: (text) => text === "b" ? Promise.reject(new Error("gone")) : undefined,
  });
  assert.deepEqual(events, [200, "a", "b", "unreachable"]);
});

Deno.test("callHandler fails the reads of a guest whose client disconnects", async () => {
  const events = await ask("/echo", { body: ["a", new Error("broken pipe")] });
  assert.deepEqual(events, [200, "a", "unreachable"]);
});

Deno.test("callHandler makes a guest wait until its client has taken a piece", async () => {
  const taken = Promise.withResolvers<void>();
  let pieces = 0;
  const events = ask("/echo", {
    body: ["a", "b"],
    onChunk: () => ++pieces === 1 ? taken.promise : undefined,
  });
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(pieces, 1);
  taken.resolve();
  assert.deepEqual(await events, [200, "a", "b", "complete"]);
});

Deno.test("callHandler serves other requests while guests wait", async () => {
  const results = await Promise.all(Array.from({ length: 8 }, () => ask("/wait")));
  assert.deepEqual(results, Array(8).fill([200, "hello\n", "complete"]));
});

Deno.test("Instance traps if it is disposed of while it waits", async () => {
  const instance = http.start(new GuestHost().host);
  const head = { method: "GET", path: "/sleep", scheme: "http", authority: "", headers: [] };
  const served = callHandler(instance, { head: { ...head, scheme: "http" }, body: () => null }, {
    head: () => {},
    chunk: () => {},
    end: () => {},
  });
  await new Promise((resolve) => setTimeout(resolve, 0));
  instance[Symbol.dispose]();
  await assert.rejects(served, /the instance has ended/);
});

Deno.test("callCommand passes arguments and input, and returns 0", async () => {
  const host = new GuestHost({ args: ["prog", "ä", ""] }, ["one\n", "two\n"]);
  assert.equal(await callCommand(command, host.host), 0);
  assert.equal(host.stdout, "prog\nä\n\none\ntwo\n");
});

for (
  const [how, code] of [["an error", 1], ["quit", 1]] as const
) {
  Deno.test(`callCommand returns ${code} for a command that ends with ${how}`, async () => {
    const host = new GuestHost({ args: ["prog", how === "quit" ? "quit" : "err"] });
    assert.equal(await callCommand(command, host.host), code);
  });
}

Deno.test("callCommand throws the trap of a command", async () => {
  const host = new GuestHost({ args: ["prog", "trap"] });
  await assert.rejects(callCommand(command, host.host), GuestTrap);
});

Deno.test("callCommand returns the exit code of a component made from a preview 1 module", async () => {
  const bytes = await binaryOf(`(component
    (import "wasi:cli/exit@0.2.3" (instance $exit
      (export "exit" (func (param "status" (result))))))
    (core func $exit (canon lower (func $exit "exit")))
    (core module $adapter
      (import "host" "exit" (func $exit (param i32)))
      (func (export "proc_exit") (param i32)
        (call $exit (i32.ne (local.get 0) (i32.const 0)))))
    (core instance $adapter (instantiate $adapter
      (with "host" (instance (export "exit" (func $exit))))))
    (core module $command
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (func (export "run") (result i32) (call $exit (i32.const 42)) (unreachable)))
    (core instance $command (instantiate $command
      (with "wasi_snapshot_preview1" (instance $adapter))))
    (func $run (result (result)) (canon lift (core func $command "run")))
    (instance $run (export "run" (func $run)))
    (export "wasi:cli/run@0.2.3" (instance $run)))`);
  const component = await loadComponent(bytes);
  assert.equal(await callCommand(component, new GuestHost().host), 42);
});
