import { concatBytes } from "../../../base/bytes.ts";
import { encodeName, encodeU32 } from "../binary/encoder.ts";
import {
  importedKind,
  MEMORY_KIND,
  readContent,
  readSections,
  SECTION,
} from "../binary/sections.ts";
import { addToSections, type Body, readBodies, sized } from "./code.ts";
import { MEMORY_IMPORT } from "./memory_image.ts";

/** The import of a memory of one page that threads share; its first four bytes are not zero once the guest has to stop. */
export const STOP_IMPORT = { module: MEMORY_IMPORT.module, name: "stop" } as const;

/**
 * Rewrites a module so that another thread can stop its code, which `Worker.terminate` does not do while it computes
 * (denoland/deno#35657): each loop and each function that calls another one begins with
 *
 * ```wat
 * (if (i32.atomic.load $stop (i32.const 0)) (then unreachable))
 * ```
 *
 * The load is atomic because V8 may take others out of a loop. Neither requests of guests in Rust and JavaScript nor a
 * loop of four instructions take measurably longer with it.
 *
 * @param code a valid module, or one that V8 will refuse
 * @returns the same code if it defines a memory or has instructions that are not known here
 */
export function makeInterruptible(code: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const sections = readSections(code);
  const reader = (id: number) => {
    const section = sections.find((each) => each.id === id);
    return section && readContent(code, section);
  };
  // Its index would have to change in all instructions.
  if ((reader(SECTION.memory)?.u32() ?? 0) > 0) return code;
  const bodies = readBodies(code, reader(SECTION.code));
  if (!bodies?.some(({ loops, calls }) => calls || loops.length > 0)) return code;
  const imports = reader(SECTION.import);
  const kinds = imports?.list(() => importedKind(imports)) ?? [];
  const check = checkOf(kinds.filter((kind) => kind === MEMORY_KIND).length);
  const rewritten = bodies.map((body) => sized(withChecks(code, body, check)));
  return addToSections(
    code,
    sections,
    new Map([
      [SECTION.import, { entries: [STOP_ENTRY] }],
      [SECTION.code, { entries: rewritten, replaces: true }],
    ]),
  );
}

/** True for a module that {@link makeInterruptible} has changed. */
export function importsStop(module: WebAssembly.Module): boolean {
  return WebAssembly.Module.imports(module).some(({ module, name }) =>
    module === STOP_IMPORT.module && name === STOP_IMPORT.name
  );
}

/** Returns a memory for {@link STOP_IMPORT}. Its bytes from {@link FREE_BYTES} on can be used otherwise. */
export function newStopMemory(): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
}

export const FREE_BYTES = 8;

/** Makes all code that imports a memory trap, now and later. */
export function stopCode({ buffer }: WebAssembly.Memory): void {
  Atomics.store(new Int32Array(buffer), 0, 1);
}

/** Limits of a memory that is shared and has one page. */
const ONE_SHARED_PAGE = [3, 1, 1];

const STOP_ENTRY = concatBytes([
  encodeName(STOP_IMPORT.module),
  encodeName(STOP_IMPORT.name),
  Uint8Array.of(MEMORY_KIND, ...ONE_SHARED_PAGE),
]);

function checkOf(memory: number): Uint8Array {
  // Bit 6 of the alignment says that the index of a memory follows.
  const access = memory === 0 ? [2] : [2 | 0x40, ...encodeU32(memory)];
  return Uint8Array.of(0x41, 0, 0xfe, 0x10, ...access, 0, 0x04, 0x40, 0x00, 0x0b);
}

function withChecks(
  code: Uint8Array,
  { start, first, end, loops, calls }: Body,
  check: Uint8Array,
) {
  const places = calls ? [first, ...loops] : loops;
  const parts: Uint8Array[] = [];
  let from = start;
  for (const place of places) {
    parts.push(code.subarray(from, place), check);
    from = place;
  }
  return concatBytes([...parts, code.subarray(from, end)]);
}
