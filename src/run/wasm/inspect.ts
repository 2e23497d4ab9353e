import { toHex } from "../../base/bytes.ts";
import { LarderError } from "../../base/errors.ts";
import { diskError } from "../../base/files.ts";
import { formatBytes } from "../../base/units.ts";
import { type ByteSource, FileSource, memorySource } from "./byte_source.ts";
import { fileKind } from "./file_kind.ts";
import { MalformedWasm, SectionReader } from "./reader.ts";
import {
  componentExport,
  componentImport,
  coreInstance,
  moduleExport,
  type ModuleImport,
  moduleImport,
} from "./sections.ts";

/** The largest import or export section of a Wasm binary: hundreds of thousands of names. */
const MAX_WASM_NAMES = 16 * 1024 * 1024;

/** How deep a Wasm component may nest others. */
const MAX_WASM_NESTING = 100;

/** A Wasm binary, by the names that it shares with its host. */
export type WasmBinary = WasmModule | WasmComponent;

export interface WasmModule {
  readonly kind: "module";
  /** Bytes. */
  readonly size: number;
  readonly imports: readonly ModuleImport[];
  readonly exports: readonly string[];
}

export interface WasmComponent {
  readonly kind: "component";
  /** Bytes. */
  readonly size: number;
  /** Such as `wasi:http/types@0.2.3`: those of the component itself, not of what is nested in it. */
  readonly imports: readonly string[];
  readonly exports: readonly string[];
}

/** Where a binary, or one that is nested in it, begins and ends in its file. */
interface Range {
  readonly start: number;
  readonly end: number;
}

interface Section extends Range {
  readonly id: number;
}

const HEADER = 8;
/** A number and a size, which takes five bytes at most. */
const SECTION_HEADER = 6;
/** So many bytes tell what a file is. */
const START = 512;
const MAGIC = [0x00, 0x61, 0x73, 0x6d];
/** The version and the layer, which follow the magic number. */
const MODULE = "01000000";
const COMPONENT = "0d000100";

/** Sections by their numbers. */
const MODULES = { import: 2, export: 7, last: 13 };
const COMPONENTS = { module: 1, coreInstance: 2, component: 4, import: 10, export: 11, last: 12 };

/**
 * Tells what a Wasm binary is, by its imports and exports; whether its code is valid shows when it is compiled.
 *
 * Invariant: no name in a component, nor in the modules in it, can carry code into a script that is made of it.
 *
 * Sources: WebAssembly core specification, "Binary Format"; component-model, design/mvp/Binary.md.
 *
 * @param name what it is called in messages
 * @throws LarderError LDR_BAD_WASM
 */
export function inspectWasm(bytes: Uint8Array, name: string): WasmBinary {
  return inspect(memorySource(bytes), name);
}

/**
 * As {@link inspectWasm}. Code is not read, so a large file costs no more than a small one.
 * @throws LarderError LDR_BAD_WASM, LDR_NOT_FOUND, LDR_DISK*
 */
export function inspectWasmFile(path: string, name: string = path): WasmBinary {
  const file = accessFile(path, name, () => Deno.openSync(path, { read: true }));
  try {
    return inspect(new FileSource(file), name);
  } catch (error) {
    throw diskError(error, "read", path);
  } finally {
    file.close();
  }
}

/**
 * The bytes of a file, whatever they are.
 * @param name what it is called in messages
 * @throws LarderError LDR_BAD_WASM for what is no file, LDR_NOT_FOUND, LDR_DISK*
 */
export function readWasmFile(path: string, name: string = path): Uint8Array<ArrayBuffer> {
  return accessFile(path, name, () => Deno.readFileSync(path));
}

function accessFile<T>(path: string, name: string, access: () => T): T {
  try {
    // Opening a pipe would wait for somebody to write.
    if (Deno.statSync(path).isFile) return access();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw diskError(error, "read", path);
    throw new LarderError("LDR_NOT_FOUND", `there is no file ${path}`, {
      hint: "name a file that exists, or a reference such as ghcr.io/owner/app:v1",
      cause: error,
    });
  }
  throw notWasm(name, "no file but a folder or a device");
}

function inspect(source: ByteSource, name: string): WasmBinary {
  const whole = { start: 0, end: source.size };
  let header: string | undefined;
  try {
    header = headerOf(source, whole);
    if (header === MODULE) {
      return { kind: "module", size: source.size, ...readModule(source, whole, false) };
    }
    if (header === COMPONENT) {
      return { kind: "component", size: source.size, ...readComponent(source, whole, 0) };
    }
  } catch (error) {
    if (!(error instanceof MalformedWasm)) throw error;
    const state = error.truncated ? "truncated" : "damaged";
    throw new LarderError("LDR_BAD_WASM", `${name} is ${state}: ${error.message}`, {
      hint: "fetch or build it again",
      cause: error,
    });
  }
  throw header === undefined
    ? notWasm(name, fileKind(source.slice(0, Math.min(START, source.size))))
    : otherVersion(name, header);
}

/** Version and layer in hexadecimal; undefined where the magic number is not there. */
function headerOf(source: ByteSource, { start, end }: Range): string | undefined {
  const bytes = source.slice(start, Math.min(start + HEADER, end));
  const begins = MAGIC.every((byte, i) => i >= bytes.length || bytes[i] === byte);
  if (bytes.length === 0 || !begins) return undefined;
  if (bytes.length < HEADER) {
    const truncated = isWhole({ start, end });
    throw new MalformedWasm("its header ends", start + bytes.length, { truncated });
  }
  return toHex(bytes.subarray(MAGIC.length));
}

function readModule(
  source: ByteSource,
  range: Range,
  plainNames: boolean,
): Pick<WasmModule, "imports" | "exports"> {
  const imports: ModuleImport[] = [];
  const exports: string[] = [];
  for (const section of sections(source, range, MODULES.last)) {
    const read = <T>(item: (reader: SectionReader) => T, into: T[]) =>
      readItems(source, section, item, into, plainNames);
    if (section.id === MODULES.import) read(moduleImport, imports);
    if (section.id === MODULES.export) read(moduleExport, exports);
  }
  return { imports, exports };
}

function readComponent(
  source: ByteSource,
  range: Range,
  depth: number,
): Pick<WasmComponent, "imports" | "exports"> {
  if (depth > MAX_WASM_NESTING) {
    throw new MalformedWasm("components are nested too deep", range.start);
  }
  const imports: string[] = [];
  const exports: string[] = [];
  for (const section of sections(source, range, COMPONENTS.last)) {
    const read = <T>(item: (reader: SectionReader) => T, into: T[]) =>
      readItems(source, section, item, into, true);
    switch (section.id) {
      case COMPONENTS.import:
        read(componentImport, imports);
        break;
      case COMPONENTS.export:
        read(componentExport, exports);
        break;
      case COMPONENTS.coreInstance:
        read(coreInstance, []);
        break;
      case COMPONENTS.module:
        expectHeader(source, section, MODULE);
        readModule(source, section, true);
        break;
      case COMPONENTS.component:
        expectHeader(source, section, COMPONENT);
        readComponent(source, section, depth + 1);
        break;
    }
  }
  return { imports, exports };
}

/** The sections of a binary, one after the other. */
function* sections(source: ByteSource, range: Range, last: number): Generator<Section> {
  const { start, end } = range;
  for (let at = start + HEADER; at < end;) {
    const bytes = source.slice(at, Math.min(at + SECTION_HEADER, end));
    const reader = new SectionReader(bytes, at, { last: isWhole(range) });
    const id = reader.byte();
    if (id > last) throw new MalformedWasm(`there is no section ${id}`, at);
    const size = reader.u32();
    const section = { id, start: at + reader.position, end: at + reader.position + size };
    if (section.end > end) {
      const reason = `of the ${size} bytes of a section there are ${end - section.start}`;
      throw new MalformedWasm(reason, section.start, { truncated: isWhole(range) });
    }
    yield section;
    at = section.end;
  }
}

/** Whether it is the file itself: what is nested cannot be truncated without it. */
function isWhole({ start }: Range): boolean {
  return start === 0;
}

/** Reads a section that is a list. */
function readItems<T>(
  source: ByteSource,
  { start, end }: Range,
  item: (reader: SectionReader) => T,
  into: T[],
  plainNames: boolean,
): void {
  const size = end - start;
  if (size > MAX_WASM_NAMES) {
    throw new MalformedWasm(`a list of names has ${formatBytes(size)}`, start);
  }
  const reader = new SectionReader(source.slice(start, end), start, { plainNames });
  for (const each of reader.list(() => item(reader))) into.push(each);
  reader.end();
}

function expectHeader(source: ByteSource, range: Range, header: string): void {
  if (headerOf(source, range) !== header) {
    throw new MalformedWasm("what is nested is not what its section says", range.start);
  }
}

function otherVersion(name: string, header: string): LarderError {
  return new LarderError(
    "LDR_BAD_WASM",
    `${name} is WebAssembly of a version (${header}) that larder does not know`,
    { hint: "build it with tools that write modules of version 1 or components of version 13" },
  );
}

function notWasm(name: string, kind: string | undefined): LarderError {
  const looks = kind === undefined ? "" : kind === "empty" ? ": it is empty" : `: it is ${kind}`;
  return new LarderError("LDR_BAD_WASM", `${name} is not WebAssembly${looks}`, {
    hint: "name a WebAssembly module or component",
  });
}
