import { toHex } from "../../../base/bytes.ts";
import { LarderError } from "../../../base/errors.ts";
import { diskError } from "../../../base/files/system_error.ts";
import { formatBytes } from "../../../base/units.ts";
import { type ByteSource, FileSource, memorySource } from "./byte_source.ts";
import { fileKind } from "./file_kind.ts";
import { MalformedWasm, SectionReader } from "./reader.ts";
import {
  componentExport,
  componentImport,
  coreInstance,
  HEADER,
  moduleExport,
  type ModuleImport,
  moduleImport,
  SECTION,
} from "./sections.ts";

/** 16 MiB limit on an import or export section, which is hundreds of thousands of names. */
const MAX_WASM_NAMES = 16 * 1024 * 1024;

/** Limit on the nesting of components. */
const MAX_WASM_NESTING = 100;

/** A Wasm binary by its imports and exports. */
export type WasmBinary = WasmModule | WasmComponent;

export interface WasmModule {
  readonly kind: "module";
  /** In bytes. */
  readonly size: number;
  readonly imports: readonly ModuleImport[];
  readonly exports: readonly string[];
}

export interface WasmComponent {
  readonly kind: "component";
  /** In bytes. */
  readonly size: number;
  /** Such as `wasi:http/types@0.2.3`; only those of the outermost component. */
  readonly imports: readonly string[];
  readonly exports: readonly string[];
}

/** Offsets of a binary, or of one that is nested in it, in its file. */
interface Range {
  readonly start: number;
  readonly end: number;
}

/** The content of a section. */
interface SectionRange extends Range {
  readonly id: number;
}

/** Bytes of an id and a size, at most. */
const SECTION_HEADER = 6;
/** Bytes that are enough to recognise a kind of file. */
const START = 512;
const MAGIC = [0x00, 0x61, 0x73, 0x6d];
/** Version and layer, which follow the magic number, in hexadecimal. */
const MODULE = "01000000";
const COMPONENT = "0d000100";

/** Ids of sections of a component. */
const COMPONENT_SECTION = {
  module: 1,
  coreInstance: 2,
  component: 4,
  import: 10,
  export: 11,
  last: 12,
};

/**
 * Reads the imports and exports of a Wasm binary. Its code is not validated.
 *
 * Invariant: no name in a component, nor in its nested modules, can carry code into the script that is generated from
 * the component.
 *
 * Sources: WebAssembly core specification, "Binary Format"; component-model, design/mvp/Binary.md.
 *
 * @param name used in messages
 * @throws LarderError LDR_BAD_WASM
 */
export function inspectWasm(bytes: Uint8Array, name: string): WasmBinary {
  return inspect(memorySource(bytes), name);
}

/**
 * Reads the imports and exports of a file, see {@link inspectWasm}. Code is skipped, so large files take no longer.
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
 * Reads a file, which need not be Wasm.
 * @param name used in messages
 * @throws LarderError LDR_BAD_WASM if it is not a file, LDR_NOT_FOUND, LDR_DISK*
 */
export function readWasmFile(path: string, name: string = path): Uint8Array<ArrayBuffer> {
  return accessFile(path, name, () => Deno.readFileSync(path));
}

function accessFile<T>(path: string, name: string, access: () => T): T {
  try {
    // Opening a pipe would wait for a writer.
    if (Deno.statSync(path).isFile) return access();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw diskError(error, "read", path);
    throw new LarderError("LDR_NOT_FOUND", `there is no file ${path}`, {
      hint: "name a file that exists, or a reference such as ghcr.io/owner/app:v1",
      cause: error,
    });
  }
  throw notWasm(name, "a folder or a device");
}

function inspect(source: ByteSource, name: string): WasmBinary {
  const range = { start: 0, end: source.size };
  let header: string | undefined;
  try {
    header = headerOf(source, range);
    if (header === MODULE) {
      return { kind: "module", size: source.size, ...readModule(source, range, false) };
    }
    if (header === COMPONENT) {
      return { kind: "component", size: source.size, ...readComponent(source, range, 0) };
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

/** Returns version and layer in hexadecimal; undefined if the magic number is missing. */
function headerOf(source: ByteSource, { start, end }: Range): string | undefined {
  const bytes = source.slice(start, Math.min(start + HEADER, end));
  const hasMagic = MAGIC.every((byte, i) => i >= bytes.length || bytes[i] === byte);
  if (bytes.length === 0 || !hasMagic) return undefined;
  if (bytes.length < HEADER) {
    const truncated = isOutermost({ start, end });
    throw new MalformedWasm("the header ends early", start + bytes.length, { truncated });
  }
  return toHex(bytes.subarray(MAGIC.length));
}

function readModule(
  source: ByteSource,
  range: Range,
  safeNames: boolean,
): Pick<WasmModule, "imports" | "exports"> {
  const imports: ModuleImport[] = [];
  const exports: string[] = [];
  for (const section of sections(source, range, SECTION.last)) {
    const read = <T>(item: (reader: SectionReader) => T, into: T[]) =>
      readItems(source, section, item, into, safeNames);
    if (section.id === SECTION.import) read(moduleImport, imports);
    if (section.id === SECTION.export) read(moduleExport, exports);
  }
  return { imports, exports };
}

function readComponent(
  source: ByteSource,
  range: Range,
  depth: number,
): Pick<WasmComponent, "imports" | "exports"> {
  if (depth > MAX_WASM_NESTING) {
    throw new MalformedWasm("components are nested too deeply", range.start);
  }
  const imports: string[] = [];
  const exports: string[] = [];
  for (const section of sections(source, range, COMPONENT_SECTION.last)) {
    const read = <T>(item: (reader: SectionReader) => T, into: T[]) =>
      readItems(source, section, item, into, true);
    switch (section.id) {
      case COMPONENT_SECTION.import:
        read(componentImport, imports);
        break;
      case COMPONENT_SECTION.export:
        read(componentExport, exports);
        break;
      case COMPONENT_SECTION.coreInstance:
        read(coreInstance, []);
        break;
      case COMPONENT_SECTION.module:
        expectHeader(source, section, MODULE);
        readModule(source, section, true);
        break;
      case COMPONENT_SECTION.component:
        expectHeader(source, section, COMPONENT);
        readComponent(source, section, depth + 1);
        break;
    }
  }
  return { imports, exports };
}

/** Generates the sections of a binary. */
function* sections(source: ByteSource, range: Range, lastId: number): Generator<SectionRange> {
  const { start, end } = range;
  for (let at = start + HEADER; at < end;) {
    const bytes = source.slice(at, Math.min(at + SECTION_HEADER, end));
    const reader = new SectionReader(bytes, at, { isLast: isOutermost(range) });
    const id = reader.byte();
    if (id > lastId) throw new MalformedWasm(`unknown section ${id}`, at);
    const size = reader.u32();
    const section = { id, start: at + reader.position, end: at + reader.position + size };
    if (section.end > end) {
      const reason = `a section of ${size} bytes has only ${end - section.start}`;
      throw new MalformedWasm(reason, section.start, { truncated: isOutermost(range) });
    }
    yield section;
    at = section.end;
  }
}

/** True for the file itself, the only range that can be truncated: a nested one ends in it. */
function isOutermost({ start }: Range): boolean {
  return start === 0;
}

/** Reads a section that is a list of items. */
function readItems<T>(
  source: ByteSource,
  { start, end }: Range,
  item: (reader: SectionReader) => T,
  into: T[],
  safeNames: boolean,
): void {
  const size = end - start;
  if (size > MAX_WASM_NAMES) {
    throw new MalformedWasm(`a list of names is too large (${formatBytes(size)})`, start);
  }
  const reader = new SectionReader(source.slice(start, end), start, { safeNames });
  for (const each of reader.list(() => item(reader))) into.push(each);
  reader.end();
}

function expectHeader(source: ByteSource, range: Range, header: string): void {
  if (headerOf(source, range) !== header) {
    throw new MalformedWasm("a nested binary is not what its section says", range.start);
  }
}

function otherVersion(name: string, header: string): LarderError {
  return new LarderError(
    "LDR_BAD_WASM",
    `${name} has an unknown version of WebAssembly (${header})`,
    { hint: "build it with tools that produce modules of version 1 or components of version 13" },
  );
}

function notWasm(name: string, kind: string | undefined): LarderError {
  const what = kind === undefined ? "" : `: it is ${kind}`;
  return new LarderError("LDR_BAD_WASM", `${name} is not WebAssembly${what}`, {
    hint: "name a WebAssembly module or component",
  });
}
