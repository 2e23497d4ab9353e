import assert from "node:assert/strict";
import { callCommand, callHandler } from "../../../src/run/engine/calls.ts";
import type { Instance } from "../../../src/run/engine/component.ts";
import { binaryOf, guestComponent, loadComponent } from "../../support/wasm/components.ts";
import { GuestHost } from "../../support/wasm/guest_host.ts";

const http = await guestComponent("http_cases");
const command = await guestComponent("command_cases");

// A trap shows a second time inside of the transpiled code, as it does in a guest's thread.
addEventListener("unhandledrejection", (event) => event.preventDefault());

/** What came of a request: the head, each piece of the body, and how it ended. */
type Outcome = (string | number)[];

interface Asked {
  readonly method?: string;
  readonly body?: (string | Error)[];
  /** Called with each piece of the response. */
  readonly onChunk?: (text: string, instance: Instance) => Promise<void> | void;
}

async function ask(path: string, { method = "GET", body = [], onChunk }: Asked = {}): Promise<
  Outcome
> {
  const instance = http.start(new GuestHost().host);
  const outcome: Outcome = [];
  const pieces = [...body];
  const next = () => {
    const piece = pieces.shift();
    if (piece instanceof Error) return Promise.reject(piece);
    return Promise.resolve(piece === undefined ? null : new TextEncoder().encode(piece));
  };
  const head = { method, path, scheme: "http", authority: "test", headers: [] } as const;
  try {
    await callHandler(instance, { head, body: next }, {
      head: (status) => void outcome.push(status),
      chunk: (bytes) => {
        outcome.push(new TextDecoder().decode(bytes));
        (bytes.buffer as ArrayBuffer).transfer();
        return onChunk?.(outcome.at(-1) as string, instance);
      },
      end: (whole) => void outcome.push(whole ? "whole" : "broken"),
    });
  } catch (error) {
    outcome.push((error as Error).message);
  }
  return outcome;
}

const CASES: [name: string, path: string, asked: Asked, outcome: Outcome][] = [
  ["a response", "/hello", {}, [200, "hello\n", "whole"]],
  ["a request's body, streamed", "/echo", { body: ["a", "bc", "def"] }, [
    200,
    "a",
    "bc",
    "def",
    "whole",
  ]],
  ["a request without a body", "/echo", {}, [200, "whole"]],
  ["a wait for the clock", "/wait", {}, [200, "hello\n", "whole"]],
  ["an exit with success after the response", "/done", {}, [200, "hello\n", "whole"]],
  ["a body that was never written to", "/empty", {}, [200, "whole"]],
  ["a body that was not finished", "/forget", {}, [200, "hello\n", "broken"]],
  ["fewer bytes than content-length says", "/short", {}, [200, "hello\n", "broken"]],
  ["fewer bytes than content-length says, to HEAD", "/short", { method: "HEAD" }, [200, "whole"]],
  ["a trap", "/trap", {}, ["unreachable"]],
  ["a trap after the head", "/late", {}, [200, "hello\n", "unreachable"]],
  ["no response", "/none", {}, ["the guest returned without a response"]],
  ["an error", "/refuse", {}, ["the guest answered with the error loop-detected"]],
];

for (const [name, path, asked, outcome] of CASES) {
  Deno.test(`a guest answers a request with ${name}`, async () => {
    assert.deepEqual(await ask(path, asked), outcome);
  });
}

Deno.test("a guest that is streaming sees its client go", async () => {
  const outcome = await ask("/echo", {
    body: ["a", "b", "c"],
    onChunk: (text) => text === "b" ? Promise.reject(new Error("gone")) : undefined,
  });
  assert.deepEqual(outcome, [200, "a", "b", "unreachable"]);
});

Deno.test("a guest that reads a body sees that its client broke off", async () => {
  const outcome = await ask("/echo", { body: ["a", new Error("broken pipe")] });
  assert.deepEqual(outcome, [200, "a", "unreachable"]);
});

Deno.test("a guest waits until its client has taken a piece", async () => {
  const taken = Promise.withResolvers<void>();
  let pieces = 0;
  const outcome = ask("/echo", {
    body: ["a", "b"],
    onChunk: () => ++pieces === 1 ? taken.promise : undefined,
  });
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(pieces, 1);
  taken.resolve();
  assert.deepEqual(await outcome, [200, "a", "b", "whole"]);
});

Deno.test("guests wait side by side in one thread", async () => {
  const outcomes = await Promise.all(Array.from({ length: 8 }, () => ask("/wait")));
  assert.deepEqual(outcomes, Array(8).fill([200, "hello\n", "whole"]));
});

Deno.test("an instance that is ended traps where it waits", async () => {
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

Deno.test("a command gets its arguments and its input, and returns", async () => {
  const host = new GuestHost({ args: ["prog", "ä", ""] }, ["one\n", "two\n"]);
  assert.equal(await callCommand(command, host.host), 0);
  assert.equal(host.stdout, "prog\nä\n\none\ntwo\n");
});

for (
  const [how, code] of [["an error", 1], ["quit", 1]] as const
) {
  Deno.test(`a command that ends with ${how} has the exit code ${code}`, async () => {
    const host = new GuestHost({ args: ["prog", how === "quit" ? "quit" : "err"] });
    assert.equal(await callCommand(command, host.host), code);
  });
}

Deno.test("a command that traps is told from one that fails", async () => {
  const host = new GuestHost({ args: ["prog", "trap"] });
  await assert.rejects(callCommand(command, host.host), WebAssembly.RuntimeError);
});

Deno.test("a command made of a module of preview 1 keeps its exit code", async () => {
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
