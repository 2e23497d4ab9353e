import { LarderError } from "../../../base/errors.ts";
import { DRAFT_INTERFACES } from "./draft_interfaces.ts";
import type { WasmBinary } from "../binary/inspect.ts";
import {
  enumerate,
  importNames,
  isOtherWasi,
  isWasi,
  isWasi3,
  type Requirements,
} from "./requirements.ts";

/**
 * What Wasmtime has beside the interfaces of WASI that the embedded engine has, some of it by options. Source:
 * `wasmtime run -S help`, and the WIT of the crates of Wasmtime 49.
 */
const WASMTIME = [
  /^wasi:(?:cli\/run|http\/incoming-handler)@0\.2(?:\.\d+)?$/,
  /^wasi:(?:cli\/run|http\/handler)@0\.3\.\d+$/,
  /^wasi:config\/store@0\.2\.0-rc\.1$/,
  /^wasi:keyvalue\/(?:atomics|batch|store)@0\.2\.0-draft$/,
  /^wasi:nn\/(?:errors|graph|inference|tensor)@0\.2\.0-rc-2024-10-28$/,
  /^wasi:tls\/(?:types@0\.2\.0-draft|(?:client|types)@0\.3\.0-draft)$/,
];

/** Functions of core modules that Wasmtime has, `module.name`. It has no interfaces for core modules. */
const WASMTIME_MODULES = /^(?:wasi_snapshot_preview1|wasi_unstable|wasi_ephemeral_nn)\./;

/**
 * What Spin has beside the interfaces of WASI that the embedded engine has; of core modules, `module.name` as SDKs
 * before Spin 2 import it.
 */
const SPIN = [
  /^(?:fermyon:spin\/|spin:|inbound-(?:http|redis)$|handle-(?:http-request|redis-message)$)/,
  /^(?:wasi-outbound-http|spin-config|outbound-(?:mysql|pg|redis)|key-value)\./,
];

/** The hint for an app that only Spin can run. */
export const USE_SPIN = "run it with an installed Spin: --engine spin";

/**
 * Returns the error for an app that only Spin can run.
 * @param reason what the app needs: `it needs …`
 */
export function needsSpin(subject: string, reason: string): LarderError {
  return new LarderError("LDR_UNSUPPORTED_WASM", `cannot run ${subject}: ${reason}`, {
    hint: USE_SPIN,
  });
}

/**
 * Returns the error for a binary that needs more than the embedded engine has, with what can run it.
 * @param isInApp true for a component of a Spin app, which Spin can run
 */
export function unsupportedWasm(
  name: string,
  requirements: Requirements,
  isInApp = false,
): LarderError {
  const { unsupported } = requirements;
  const reason = `it needs ${enumerate(unsupported)}, which the embedded engine does not have`;
  if (isInApp && unsupported.every(isInSpin)) return needsSpin(name, reason);
  const hint = !isInApp && unsupported.every((name) => isInWasmtime(name, requirements))
    ? "run it with an installed Wasmtime: --engine wasmtime"
    : hintForHost(unsupported);
  return new LarderError("LDR_UNSUPPORTED_WASM", `cannot run ${name}: ${reason}`, { hint });
}

/** Returns what a binary needs that Wasmtime lacks. */
export function missingInWasmtime(wasm: WasmBinary, requirements: Requirements): string[] {
  const { kind, entry } = requirements;
  const needed = kind === "spin" ? [entry, ...importNames(wasm)] : importNames(wasm);
  return needed.filter((name) => !isInWasmtime(name, requirements));
}

/** Returns the error for a binary that Wasmtime cannot run. */
export function unsupportedByWasmtime(
  name: string,
  missing: readonly string[],
  requirements: Requirements,
): LarderError {
  const reason = `it needs ${enumerate(missing)}, which Wasmtime does not have`;
  return new LarderError("LDR_UNSUPPORTED_WASM", `cannot run ${name}: ${reason}`, {
    hint: requirements.unsupported.length === 0
      ? "leave out --engine: the embedded engine can run it"
      : hintForHost(requirements.unsupported),
  });
}

/** Returns what to do with a binary that neither the embedded engine nor Wasmtime can run. */
function hintForHost(unsupported: readonly string[]): string {
  if (unsupported.every(isInSpin)) {
    return "Spin has it: name the file in the spin.toml of an app, and run spin up";
  }
  return unsupported.some(isOtherWasi)
    ? "no engine that larder knows has this version of WASI: build it for WASI 0.2 or 0.3"
    : "only the host that it was made for has it; what another component exports, wac plug adds";
}

function isInWasmtime(name: string, { entry }: Requirements): boolean {
  const isModule = !entry.includes("/") || entry.includes("#");
  if (isModule) return WASMTIME_MODULES.test(name);
  const isRelease = (version: string) => /^0\.3\.\d+$/.test(version);
  return (isWasi(name, isRelease) && !DRAFT_INTERFACES.includes(name)) ||
    WASMTIME.some((pattern) => pattern.test(name));
}

function isInSpin(name: string): boolean {
  return isWasi(name, isWasi3) || SPIN.some((pattern) => pattern.test(name));
}
