import { excerpt, LarderError } from "../../../base/errors.ts";
import { DRAFT_INTERFACES } from "./draft_interfaces.ts";
import { hasAsyncFunctions, isSpinInterface } from "./spin_interfaces.ts";
import type { WasmBinary, WasmComponent, WasmModule } from "../binary/inspect.ts";

/** A version of WASI whose components the embedded engine runs. */
export type WasiVersion = "0.2" | "0.3";

/** The way in which a Wasm binary is called, and what it needs that the embedded engine lacks. */
export interface Requirements {
  /**
   * "command" runs and ends; "http" answers requests; "spin" is called in a way that only Spin supports, such as
   * interfaces from before Spin 2.
   */
  readonly kind: "command" | "http" | "spin";
  /** The export that is called. */
  readonly entry: string;
  /** The version of WASI that the export belongs to; "0.3" also if an import is of it, or has asynchronous functions. */
  readonly wasi: WasiVersion;
  /** Imports, and the entry if necessary, that the embedded engine lacks. */
  readonly unsupported: readonly string[];
}

/** Interfaces of WASI 0.2 that the embedded engine has, in every version 0.2.x. */
const WASI: Readonly<Record<string, readonly string[]>> = {
  "wasi:cli": [
    "environment",
    "exit",
    "stdin",
    "stdout",
    "stderr",
    "terminal-input",
    "terminal-output",
    "terminal-stdin",
    "terminal-stdout",
    "terminal-stderr",
  ],
  "wasi:clocks": ["monotonic-clock", "wall-clock"],
  "wasi:filesystem": ["preopens", "types"],
  "wasi:http": ["outgoing-handler", "types"],
  "wasi:io": ["error", "poll", "streams"],
  "wasi:random": ["insecure", "insecure-seed", "random"],
  "wasi:sockets": [
    "instance-network",
    "ip-name-lookup",
    "network",
    "tcp",
    "tcp-create-socket",
    "udp",
    "udp-create-socket",
  ],
};

/**
 * The versions of WASI 0.3 that it has: releases, which have had the same functions up to 0.3.2, and the draft with
 * these functions, which Spin's SDKs import. A function that a later release adds is missed when the component is
 * loaded, by its name.
 */
const VERSION_3 = /^0\.3\.(?:\d+|0-rc-2026-03-15)$/;

/** Interfaces of {@link VERSION_3} that it has. */
const WASI_3: Readonly<Record<string, readonly string[]>> = {
  "wasi:cli": [...WASI["wasi:cli"]!, "types"],
  "wasi:clocks": ["monotonic-clock", "system-clock", "types"],
  "wasi:filesystem": ["preopens", "types"],
  "wasi:http": ["client", "types"],
  "wasi:random": ["insecure", "insecure-seed", "random"],
  "wasi:sockets": ["ip-name-lookup", "types"],
};

/** The module that a core module may import beside interfaces: WASI preview 1. */
const PREVIEW_1 = "wasi_snapshot_preview1";

/** Modules of the functions that a component itself provides, such as `task.return`. */
const BUILTINS = /^(?:\$root$|\[export\])/;

/** What the name of an asynchronous function of a core module begins with. */
const ASYNC_LIFT = /^\[async-lift(?:-stackful)?\]/;

/** `package/interface@version`; the version can be cut to `0.2`, with the rest as a suffix beside the name. */
const INTERFACE = /^([a-z0-9-]+:[a-z0-9-]+)\/([a-z0-9-]+)@(.+)$/;
const VERSION = /^0\.2(?:\.\d+)?$/;

/** Exports of components that can be called; the first match decides. */
const ENTRIES:
  readonly (readonly [kind: Requirements["kind"], name: RegExp, supported: boolean])[] = [
    ["http", /^wasi:http\/handler@0\.3\.(?:\d+|0-rc-2026-03-15)$/, true],
    ["http", /^wasi:http\/incoming-handler@0\.2(?:\.\d+|\.0-rc-2023-1(?:0-18|1-10))?$/, true],
    // Rust's commands for 0.3 export 0.2 as well, with a function that traps.
    ["command", /^wasi:cli\/run@0\.3\.(?:\d+|0-rc-2026-03-15)$/, true],
    ["command", /^wasi:cli\/run@0\.2(?:\.\d+|\.0-rc-2023-1(?:0-18|1-10))?$/, true],
    ["http", /^wasi:http\/(?:incoming-)?handler@/, false],
    ["command", /^wasi:cli\/run@/, false],
    ["spin", /^(?:(?:fermyon:spin|spin:[a-z0-9-]+)\/.+|inbound-(?:http|redis))$/, false],
  ];

/** Exports of core modules that only Spin calls. */
const SPIN_MODULE = /^handle-(?:http-request|redis-message)$/;

/** Limit on names in a message. */
const MAX_SHOWN_NAMES = 3;

/**
 * Returns how a binary is called, and what it needs that the embedded engine lacks.
 * @param name used in messages
 * @throws LarderError LDR_NOT_RUNNABLE if it has no export that can be called
 */
export function requirementsOf(wasm: WasmBinary, name: string): Requirements {
  const requirements = wasm.kind === "module" ? ofModule(wasm) : ofComponent(wasm);
  if (requirements) return requirements;
  const exports = wasm.exports.length === 0 ? "nothing" : enumerate(wasm.exports);
  const reason = `it is a ${wasm.kind} that exports ${exports}`;
  throw new LarderError("LDR_NOT_RUNNABLE", `cannot run ${name}: ${reason}`, {
    hint:
      "larder runs modules that export _start, and components that export wasi:cli/run, wasi:http/incoming-handler or wasi:http/handler",
  });
}

/** Returns the names of what a binary imports; `module.name` for a core module. */
export function importNames(wasm: WasmBinary): readonly string[] {
  return wasm.kind === "component"
    ? wasm.imports
    : wasm.imports.map(({ module, name }) => `${module}.${name}`);
}

/** True if a binary runs as it is on WASI preview 1, without being made a component. */
export function runsAsModule(wasm: WasmBinary, { entry }: Requirements): boolean {
  return wasm.kind === "module" && entry === "_start" &&
    wasm.imports.every(({ module }) => module === PREVIEW_1);
}

function ofComponent({ imports, exports }: WasmComponent): Requirements | undefined {
  return ofInterfaces(exports, imports, imports.filter((name) => !isSupported(name)));
}

function ofInterfaces(
  exports: readonly string[],
  imports: readonly string[],
  missing: readonly string[],
): Requirements | undefined {
  for (const [kind, pattern, supported] of ENTRIES) {
    const entry = exports.find((name) => pattern.test(name));
    if (!entry) continue;
    const isNewer = imports.some(hasAsyncFunctions) ||
      [entry, ...imports].some((name) => isWasi3(versionOf(name)));
    const wasi = isNewer ? "0.3" : "0.2";
    return { kind, entry, wasi, unsupported: supported ? missing : [entry, ...missing] };
  }
}

function ofModule({ imports, exports }: WasmModule): Requirements | undefined {
  const missing = missingOf(imports);
  const functions = new Map(
    exports.filter((name) => name.includes("#"))
      .map((name) => [name.replace(ASYNC_LIFT, "").split("#")[0]!, name]),
  );
  const modules = imports.map(({ module }) => module);
  const requirements = ofInterfaces([...functions.keys()], modules, missing);
  // TinyGo's modules for Spin have a _start as well.
  if (requirements) return withEntry(requirements, functions.get(requirements.entry)!);
  const spin = exports.find((name) => SPIN_MODULE.test(name));
  if (spin) return { kind: "spin", entry: spin, wasi: "0.2", unsupported: [spin, ...missing] };
  if (!exports.includes("_start")) return undefined;
  return { kind: "command", entry: "_start", wasi: "0.2", unsupported: missing };
}

/** Names the exported function of a module instead of the interface that it belongs to. */
function withEntry(requirements: Requirements, entry: string): Requirements {
  const unsupported = requirements.unsupported.map((name) =>
    name === requirements.entry ? entry : name
  );
  return { ...requirements, entry, unsupported };
}

function missingOf(imports: WasmModule["imports"]): string[] {
  const missing = imports.filter(({ module }) =>
    module !== PREVIEW_1 && !BUILTINS.test(module) && !isSupported(module)
  );
  const names = missing.map(({ module, name }) =>
    INTERFACE.test(module) ? module : `${module}.${name}`
  );
  return [...new Set(names)];
}

function isSupported(name: string): boolean {
  return isSpinInterface(name) || isWasi(name, isWasi3);
}

/** True for an interface of WASI that the engine has, in its drafts, in 0.2, or in a version of 0.3. */
export function isWasi(name: string, isVersion3: (version: string) => boolean): boolean {
  if (DRAFT_INTERFACES.includes(name)) return true;
  const [, group, member, version = ""] = INTERFACE.exec(name) ?? [];
  const interfaces = VERSION.test(version) ? WASI : isVersion3(version) ? WASI_3 : {};
  const members = group !== undefined && Object.hasOwn(interfaces, group) ? interfaces[group]! : [];
  return members.includes(member!);
}

/** True for a package of WASI in a version that the engine lacks. */
export function isOtherWasi(name: string): boolean {
  const [, group = "", , version = ""] = INTERFACE.exec(name) ?? [];
  const isKnown = Object.hasOwn(WASI, group);
  return isKnown && !VERSION.test(version) && !isWasi3(version) && !/-rc-2023-1[01]-/.test(version);
}

function versionOf(name: string): string {
  return INTERFACE.exec(name)?.[3] ?? "";
}

export function isWasi3(version: string): boolean {
  return VERSION_3.test(version);
}

/** Formats `a, b and 3 more`. */
export function enumerate(names: readonly string[]): string {
  const rest = names.length - MAX_SHOWN_NAMES;
  const first = names.slice(0, MAX_SHOWN_NAMES).map(excerpt);
  if (rest > 0) return `${first.join(", ")} and ${rest} more`;
  return first.length < 2 ? first.join() : `${first.slice(0, -1).join(", ")} and ${first.at(-1)}`;
}
