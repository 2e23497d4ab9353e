import { excerpt, LarderError } from "../../base/errors.ts";
import type { WasmBinary, WasmComponent, WasmModule } from "./inspect.ts";

/** What a Wasm binary is to larder, and what it needs that the embedded engine does not have. */
export interface Requirements {
  /**
   * "command": runs and ends. "http": answers requests. "spin": is called in a way that only Spin has, such as
   * its interfaces from before Spin 2, or as a module that Spin turns into a component.
   */
  readonly kind: "command" | "http" | "spin";
  /** The export that is called. */
  readonly entry: string;
  /** The imports, and perhaps the entry, that rule the embedded engine out; empty where it will do. */
  readonly unsupported: readonly string[];
}

/** The interfaces of WASI 0.2 that the embedded engine has; every version 0.2.x has the same ones. */
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

/** Its other interfaces, of exactly these versions. */
const OTHERS: ReadonlySet<string> = new Set(["fermyon:spin/variables@2.0.0"]);

/** The module whose functions are WASI preview 1, the only one that a core module may import. */
const PREVIEW_1 = "wasi_snapshot_preview1";

/** `package/interface@version`; a version may be cut to `0.2`, with its rest beside the name. */
const INTERFACE = /^([a-z0-9-]+:[a-z0-9-]+)\/([a-z0-9-]+)@(.+)$/;
const VERSION = /^0\.2(?:\.\d+)?$/;

/** What a component exports that can be called, by kind; the first that fits decides. */
const ENTRIES:
  readonly (readonly [kind: Requirements["kind"], name: RegExp, supported: boolean])[] = [
    ["http", /^wasi:http\/incoming-handler@0\.2(?:\.\d+)?$/, true],
    ["command", /^wasi:cli\/run@0\.2(?:\.\d+)?$/, true],
    ["http", /^wasi:http\/(?:incoming-)?handler@/, false],
    ["command", /^wasi:cli\/run@/, false],
    ["spin", /^(?:(?:fermyon:spin|spin:[a-z0-9-]+)\/.+|inbound-(?:http|redis))$/, false],
  ];

/** What a core module exports that Spin calls, or makes a component of. */
const SPIN_MODULE =
  /^(?:handle-http-request|handle-redis-message|(?:fermyon:spin|spin:[a-z0-9-]+|wasi:http)\/.+#.+)$/;

/** So many names are enough to tell what something is or needs. */
const SHOWN = 3;

/**
 * Tells what a binary is, and whether the embedded engine can run it.
 * @param name what it is called in messages
 * @throws LarderError LDR_NOT_RUNNABLE where nothing that it exports can be called
 */
export function requirementsOf(wasm: WasmBinary, name: string): Requirements {
  const found = wasm.kind === "module" ? ofModule(wasm) : ofComponent(wasm);
  if (found) return found;
  const thing = wasm.kind === "module" ? "module" : "component";
  const exports = wasm.exports.length === 0 ? "nothing" : shown(wasm.exports);
  throw new LarderError("LDR_NOT_RUNNABLE", `${name} is a ${thing} that exports ${exports}`, {
    hint: wasm.exports.some((each) => each.includes("#"))
      ? "it looks like the inside of a component: make one of it with wasm-tools component new"
      : "larder runs what exports _start, wasi:cli/run or wasi:http/incoming-handler",
  });
}

/** The error for what the embedded engine cannot run, which names what it needs and offers who can. */
export function unsupportedWasm(name: string, { kind, unsupported }: Requirements): LarderError {
  const reason = `it needs ${shown(unsupported)}, which the embedded engine does not have`;
  if (kind !== "command") return needsSpin(name, reason);
  return new LarderError("LDR_UNSUPPORTED_WASM", `cannot run ${name}: ${reason}`, {
    hint: "run it with an installed Wasmtime: --engine wasmtime",
  });
}

function ofComponent({ imports, exports }: WasmComponent): Requirements | undefined {
  const missing = imports.filter((name) => !isSupported(name));
  for (const [kind, pattern, supported] of ENTRIES) {
    const entry = exports.find((name) => pattern.test(name));
    if (entry) return { kind, entry, unsupported: supported ? missing : [entry, ...missing] };
  }
}

function ofModule({ imports, exports }: WasmModule): Requirements | undefined {
  const missing = imports.filter(({ module }) => module !== PREVIEW_1)
    .map(({ module, name }) => `${module}.${name}`);
  // TinyGo's modules for Spin have a _start as well.
  const spin = exports.find((name) => SPIN_MODULE.test(name));
  if (spin) return { kind: "spin", entry: spin, unsupported: [spin, ...missing] };
  if (!exports.includes("_start")) return undefined;
  return { kind: "command", entry: "_start", unsupported: missing };
}

function isSupported(name: string): boolean {
  const [, group, member, version] = INTERFACE.exec(name) ?? [];
  const known = group !== undefined && Object.hasOwn(WASI, group) ? WASI[group]! : [];
  return OTHERS.has(name) || (VERSION.test(version ?? "") && known.includes(member!));
}

/** `a, b and 3 more`. */
function shown(names: readonly string[]): string {
  const rest = names.length - SHOWN;
  const first = names.slice(0, SHOWN).map(excerpt);
  if (rest > 0) return `${first.join(", ")} and ${rest} more`;
  return first.length < 2 ? first.join() : `${first.slice(0, -1).join(", ")} and ${first.at(-1)}`;
}

/**
 * The error for an app that only Spin itself can run.
 * @param reason what it needs that larder does not have
 */
export function needsSpin(subject: string, reason: string): LarderError {
  return new LarderError("LDR_UNSUPPORTED_WASM", `cannot run ${subject}: ${reason}`, {
    hint: "run it with an installed Spin: --engine spin",
  });
}
