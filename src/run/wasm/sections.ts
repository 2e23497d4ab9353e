import type { SectionReader } from "./reader.ts";

const MEMORY = 0x02;

/** What a core module imports. */
export interface ModuleImport {
  readonly module: string;
  readonly name: string;
}

/** Source: WebAssembly core specification, "Binary Format", "Import Section". */
export function moduleImport(reader: SectionReader): ModuleImport {
  const module = reader.name();
  const name = reader.name();
  skipImported(reader);
  return { module, name };
}

/** Passes over an import of a core module, and tells whether it is of a memory. */
export function importsMemory(reader: SectionReader): boolean {
  reader.name();
  reader.name();
  return skipImported(reader) === MEMORY;
}

/** @returns the number of its kind */
function skipImported(reader: SectionReader): number {
  const kind = reader.byte();
  switch (kind) {
    case 0x00: // A function.
      reader.u32();
      break;
    case 0x01: // A table.
      skipValueType(reader);
      skipLimits(reader);
      break;
    case MEMORY:
      skipLimits(reader);
      break;
    case 0x03: // A global.
      skipValueType(reader);
      reader.byte();
      break;
    case 0x04: // A tag.
      reader.byte();
      reader.u32();
      break;
    default:
      throw reader.malformed("an import is of no known kind");
  }
  return kind;
}

/** Source: WebAssembly core specification, "Binary Format", "Export Section". */
export function moduleExport(reader: SectionReader): string {
  const name = reader.name();
  reader.byte();
  reader.u32();
  return name;
}

/** `(ref null? heaptype)` takes a number more. */
function skipValueType(reader: SectionReader): void {
  const type = reader.byte();
  if (type === 0x63 || type === 0x64) reader.skipNumber(33);
}

/** Flags: has a maximum (1), is shared (2), takes 64-bit addresses (4), has pages of its own size (8). */
function skipLimits(reader: SectionReader): void {
  const flags = reader.byte();
  if (flags > 0x0f) throw reader.malformed("limits are of no known kind");
  reader.skipNumber(64);
  if (flags & 0x01) reader.skipNumber(64);
  if (flags & 0x08) reader.u32();
}

/** Source: component-model, design/mvp/Binary.md, "Import and Export Definitions". */
export function componentImport(reader: SectionReader): string {
  const name = componentName(reader);
  skipDescription(reader);
  return name;
}

/** Source: component-model, design/mvp/Binary.md, "Import and Export Definitions". */
export function componentExport(reader: SectionReader): string {
  const name = componentName(reader);
  skipSort(reader);
  reader.u32();
  if (reader.byte() !== 0x00) skipDescription(reader);
  return name;
}

/** Passes over an instance of a core module; its names are read. Source: Binary.md, "Instance Definitions". */
export function coreInstance(reader: SectionReader): void {
  switch (reader.byte()) {
    case 0x00: // Of a module, with what it imports.
      reader.u32();
      reader.list(() => {
        reader.name();
        reader.byte();
        reader.u32();
      });
      break;
    case 0x01: // Of what it exports.
      reader.list(() => moduleExport(reader));
      break;
    default:
      throw reader.malformed("an instance is of no known kind");
  }
}

/** The name alone. 0x01 stood once for the names of interfaces; 0x02 has attributes, such as a version's suffix. */
function componentName(reader: SectionReader): string {
  const kind = reader.byte();
  if (kind > 0x02) throw reader.malformed("a name is of no known kind");
  const name = reader.name();
  if (kind === 0x02) {
    reader.list(() => {
      reader.byte();
      reader.name();
    });
  }
  return name;
}

function skipDescription(reader: SectionReader): void {
  switch (reader.byte()) {
    case 0x00: // A core module.
      reader.byte();
      reader.u32();
      break;
    case 0x01: // A function,
    case 0x04: // a component,
    case 0x05: // an instance.
      reader.u32();
      break;
    case 0x02: // A value: one that is given, or its type.
      reader.byte();
      reader.skipNumber(33);
      break;
    case 0x03: // A type: one that is given, or any resource.
      if (reader.byte() === 0x00) reader.u32();
      break;
    default:
      throw reader.malformed("an import or export is of no known kind");
  }
}

/** The sorts of core things take a second byte. */
function skipSort(reader: SectionReader): void {
  if (reader.byte() === 0x00) reader.byte();
}
