/** A command's thread: runs one command to its end. */
import { workerScope } from "../../base/worker.ts";
import { messageOf } from "../../base/errors.ts";
import { callCommand } from "./calls.ts";
import { type CompiledComponent, Component } from "./component.ts";
import { type HostSettings, openHost } from "../wasi/host.ts";
import { MemoryPool } from "../wasm/memory_pool.ts";
import type { MemoryShape } from "../wasm/memory_image.ts";
import { runPreview1 } from "../wasi/preview1/command.ts";

/** What it runs: a component, or a core module of WASI preview 1; and what that is granted. */
export type CommandProgram =
  & { readonly settings: HostSettings }
  & (CompiledComponent | CompiledModule);

export interface CompiledModule {
  readonly module: WebAssembly.Module;
  /** What its memory holds, where it imports that. */
  readonly image?: { readonly shape: MemoryShape; readonly bytes: Uint8Array } | undefined;
}

/** What it answers: refusals and ports at which it asks for sockets, then how the command ended. */
export type CommandEvent =
  | { readonly sockets: MessagePort }
  | { readonly refusal: string }
  | { readonly exitCode: number }
  | { readonly trap: string };

const scope = workerScope<CommandProgram, CommandEvent>();

// A trap shows a second time inside of the transpiled code.
addEventListener("unhandledrejection", (event) => event.preventDefault());

scope.onmessage = async ({ data: program }) => {
  try {
    const host = openHost(
      program.settings,
      (refusal) => scope.postMessage({ refusal }),
      (sockets) => scope.postMessage({ sockets }, [sockets]),
    );
    const exitCode = "module" in program
      ? await runPreview1(program.module, host, memoryOf(program))
      : await callCommand(new Component(program), host);
    scope.postMessage({ exitCode });
  } catch (error) {
    scope.postMessage({ trap: messageOf(error) });
  }
};

function memoryOf({ image }: CompiledModule): WebAssembly.Memory | undefined {
  return image && new MemoryPool(image.shape, image.bytes).acquire();
}
