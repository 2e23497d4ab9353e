import { concatBytes } from "../../../base/bytes.ts";
import { encodeName, encodeU32 } from "../binary/encoder.ts";
import { isPlain, readExpression } from "../binary/instructions.ts";
import type { SectionReader } from "../binary/reader.ts";
import {
  FUNCTION_KIND,
  GLOBAL_KIND,
  importedKind,
  moduleExport,
  readContent,
  readSections,
  SECTION,
  type Section,
} from "../binary/sections.ts";
import { type Addition, addToSections, type Body, readBodies, sized } from "./code.ts";

/** Beginning of the names under which a module exports its mutable globals for larder. */
export const STATE_EXPORT = "larder:";

/**
 * Rewrites a module so that larder can bring its instances back to their initial state: all that its code can change is
 * the memory, whose initial contents larder has, and globals, which it exports then. A new instance of a large module,
 * which has tables of thousands of functions, costs a hundred times as much.
 *
 * A memory cannot shrink. The module therefore counts its pages in a global, so that `memory.size` and `memory.grow` do
 * what they do in a new instance; pages past that count are zero, and an access to them does not trap.
 *
 * @param code a valid module, or one that V8 will refuse
 * @param pages initial pages of its own memory, which it imports from larder; undefined if it has none
 * @returns undefined if its code can change more, or has instructions that are not known here
 */
export function makeResettable(
  code: Uint8Array<ArrayBuffer>,
  pages: number | undefined,
): Uint8Array<ArrayBuffer> | undefined {
  const sections = readSections(code);
  const module = readModule(code, sections);
  if (!module) return undefined;
  const isCounting = module.bodies.some(({ memory }) => memory.length > 0);
  // Only the module that owns the memory knows the count.
  if (isCounting && pages === undefined) return undefined;
  if (!isCounting && module.mutable.length === 0) return code;
  const added = isCounting ? countPages(code, module, pages!) : new Map<number, Addition>();
  const exported = isCounting ? [...module.mutable, module.globals] : module.mutable;
  added.set(SECTION.export, { entries: exported.map(stateExport) });
  return addToSections(code, sections, added);
}

/** What a module defines and imports. */
interface Module {
  /** Number of types. */
  readonly types: number;
  /** Number of functions. */
  readonly functions: number;
  /** Number of globals. */
  readonly globals: number;
  /** Indices of the mutable globals that it defines. */
  readonly mutable: readonly number[];
  readonly bodies: readonly Body[];
}

function readModule(bytes: Uint8Array, sections: readonly Section[]): Module | undefined {
  const reader = (id: number) => {
    const section = sections.find((each) => each.id === id);
    return section && readContent(bytes, section);
  };
  // What a start function does cannot be repeated without a new instance.
  if (reader(SECTION.start) || (reader(SECTION.memory)?.u32() ?? 0) > 0) return undefined;
  // Data of an imported memory is not in the image of that memory.
  const data = reader(SECTION.data);
  if (data && !areAllPassive(data)) return undefined;
  const exports = reader(SECTION.export);
  const names = exports?.list(() => moduleExport(exports)) ?? [];
  if (names.some((name) => name.startsWith(STATE_EXPORT))) return undefined;
  const imports = reader(SECTION.import);
  const kinds = imports?.list(() => importedKind(imports)) ?? [];
  const count = (kind: number) => kinds.filter((each) => each === kind).length;
  const types = countTypes(reader(SECTION.type));
  const globals = readGlobals(bytes, reader(SECTION.global), count(GLOBAL_KIND));
  const bodies = readBodies(bytes, reader(SECTION.code));
  if (types === undefined || !globals || !bodies) return undefined;
  return { types, functions: count(FUNCTION_KIND) + bodies.length, ...globals, bodies };
}

function areAllPassive(data: SectionReader): boolean {
  for (let left = data.u32(); left > 0; left--) {
    if (data.u32() !== 1) return false;
    data.skip(data.u32());
  }
  return true;
}

/** Returns the number of types; undefined unless all of them are of functions with plain values. */
function countTypes(reader: SectionReader | undefined): number | undefined {
  if (!reader) return 0;
  const types = reader.list(() => {
    if (reader.byte() !== 0x60) return false;
    return [reader.list(() => reader.byte()), reader.list(() => reader.byte())].flat()
      .every(isPlain);
  });
  return types.every(Boolean) ? types.length : undefined;
}

/** Undefined if a global is mutable and no number, which JavaScript could not read and write. */
function readGlobals(
  bytes: Uint8Array,
  reader: SectionReader | undefined,
  imported: number,
): Pick<Module, "globals" | "mutable"> | undefined {
  const count = reader?.u32() ?? 0;
  const mutable: number[] = [];
  for (let i = 0; i < count; i++) {
    const type = reader!.byte();
    const flags = reader!.byte();
    const isMutable = flags === 1;
    if (!isPlain(type) || flags > 1 || (isMutable && type < 0x7c)) return undefined;
    if (isMutable) mutable.push(imported + i);
    const value = readExpression(bytes, reader!.offset);
    if (!value) return undefined;
    reader!.skip(value.end - reader!.offset);
  }
  return { globals: imported + count, mutable };
}

/** Returns what makes a module count the pages of its memory. */
function countPages(
  bytes: Uint8Array,
  { types, functions, globals, bodies }: Module,
  pages: number,
): Map<number, Addition> {
  const size = encodeU32(globals);
  const grow = encodeU32(functions);
  const rewritten = bodies.map((body) => sized(withCount(bytes, body, size, grow)));
  return new Map<number, Addition>([
    [SECTION.type, { entries: [GROW_TYPE] }],
    [SECTION.function, { entries: [encodeU32(types)] }],
    [SECTION.global, {
      entries: [concatBytes([Uint8Array.of(0x7f, 1, 0x41), encodeI32(pages), Uint8Array.of(0x0b)])],
    }],
    [SECTION.code, { entries: [...rewritten, sized(growBody(size))], replaces: true }],
  ]);
}

/** Replaces `memory.size` by the count, and `memory.grow` by a call. */
function withCount(
  bytes: Uint8Array,
  { start, end, memory }: Body,
  size: Uint8Array,
  grow: Uint8Array,
): Uint8Array {
  const parts: Uint8Array[] = [];
  let from = start;
  for (const at of memory) {
    const isSize = bytes[at] === 0x3f;
    parts.push(bytes.subarray(from, at), Uint8Array.of(isSize ? 0x23 : 0x10), isSize ? size : grow);
    from = at + 2;
  }
  return parts.length === 0
    ? bytes.subarray(start, end)
    : concatBytes([...parts, bytes.subarray(from, end)]);
}

/** (func (param i32) (result i32)) */
const GROW_TYPE = Uint8Array.of(0x60, 1, 0x7f, 1, 0x7f);

/**
 * `memory.grow` by the count. The memory itself grows only where no instance before has grown it:
 *
 * ```wat
 * (local $old i32)
 * (local.set $old (global.get $size))
 * (if (i32.gt_u (local.get $delta) (i32.sub (i32.const 65536) (local.get $old)))
 *   (then (return (i32.const -1))))
 * (if (i32.gt_u (i32.add (local.get $old) (local.get $delta)) (memory.size))
 *   (then (if (i32.eq (memory.grow (i32.sub (i32.add (local.get $old) (local.get $delta)) (memory.size)))
 *                     (i32.const -1))
 *     (then (return (i32.const -1))))))
 * (global.set $size (i32.add (local.get $old) (local.get $delta)))
 * (local.get $old)
 * ```
 */
function growBody(size: Uint8Array): Uint8Array {
  const [get, set, add, sub, above, equal] = [0x20, 0x21, 0x6a, 0x6b, 0x4b, 0x46];
  const end = 0x0b;
  const minusOne = [0x41, 0x7f];
  const fail = [0x04, 0x40, ...minusOne, 0x0f, end];
  const sum = [get, 1, get, 0, add];
  return Uint8Array.from([
    ...[1, 1, 0x7f], // One local.
    ...[0x23, ...size, set, 1],
    ...[get, 0, 0x41, ...encodeI32(65_536), get, 1, sub, above, ...fail],
    ...[...sum, 0x3f, 0, above, 0x04, 0x40],
    ...[...sum, 0x3f, 0, sub, 0x40, 0, ...minusOne, equal, ...fail, end],
    ...[...sum, 0x24, ...size],
    ...[get, 1, end],
  ]);
}

/** Encodes a number that is not negative as signed LEB128. */
function encodeI32(value: number): Uint8Array {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 0x40; left >>>= 7) bytes.push((left & 0x7f) | 0x80);
  return Uint8Array.from([...bytes, left]);
}

function stateExport(global: number): Uint8Array {
  const index = encodeU32(global);
  return concatBytes([encodeName(`${STATE_EXPORT}${global}`), Uint8Array.of(GLOBAL_KIND), index]);
}
