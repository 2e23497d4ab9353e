/** A command's thread: runs one command to its end. */
import { workerScope } from "../../../base/worker.ts";
import { type Host, type HostSettings, openHost } from "../../wasi/host.ts";
import { requestSymlink, type SymlinkRequest } from "./symlinks.ts";
import { runPreview1 } from "../../wasi/preview1/command.ts";
import type { MemoryShape } from "../../wasm/rewrite/memory_image.ts";
import { MemoryPool } from "../memory_pool.ts";
import { callCommand } from "../calls.ts";
import { type CompiledComponent, Component } from "../component.ts";
import { guestTrap, keepBacktraces, type TrapReport, trapReport } from "../trap_report.ts";

/** A component, or a core module of WASI preview 1, with its grants. */
export type CommandProgram =
  & { readonly settings: HostSettings }
  & (CompiledComponent | CompiledModule);

export interface CompiledModule {
  readonly module: WebAssembly.Module;
  /** The initial contents of its memory, if the module imports it. */
  readonly image?: { readonly shape: MemoryShape; readonly bytes: Uint8Array } | undefined;
}

/**
 * Messages of the thread: denials, ports over which guests ask for sockets and stores, symbolic links to create, and last
 * how the command ended.
 */
export type CommandEvent =
  | { readonly symlink: SymlinkRequest }
  | { readonly sockets: MessagePort }
  | { readonly state: MessagePort }
  | { readonly denial: string }
  | { readonly exitCode: number }
  | { readonly trap: TrapReport };

const scope = workerScope<CommandProgram, CommandEvent>();

// The generated script rejects a second promise when a guest traps.
addEventListener("unhandledrejection", (event) => event.preventDefault());

keepBacktraces();

scope.onmessage = async ({ data: program }) => {
  const { maxMemory } = program.settings.limits ?? {};
  try {
    const host = openHost(
      program.settings,
      (denial) => scope.postMessage({ denial }),
      (sockets) => scope.postMessage({ sockets }, [sockets]),
      (state) => scope.postMessage({ state }, [state]),
      (link) => requestSymlink(link, (symlink) => scope.postMessage({ symlink })),
    );
    const exitCode = "module" in program
      ? await runModule(program, host, maxMemory)
      : await callCommand(new Component(program, maxMemory), host);
    scope.postMessage({ exitCode });
  } catch (error) {
    scope.postMessage({ trap: trapReport(error) });
  }
};

/** @throws GuestTrap */
async function runModule(
  { module, image }: CompiledModule,
  host: Host,
  maxMemory: number | undefined,
): Promise<number> {
  const pool = image && new MemoryPool(image, maxMemory);
  const memory = pool?.acquire();
  try {
    return await runPreview1(module, host, memory);
  } catch (error) {
    const use = pool &&
      { limit: pool.limit, isOwnLimit: pool.isOwnLimit, size: memory!.buffer.byteLength };
    throw guestTrap(error, use);
  }
}
