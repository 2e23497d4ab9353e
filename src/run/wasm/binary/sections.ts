import { SectionReader } from "./reader.ts";

/** A section of a core module, by the offsets of its header, its content and its end. */
export interface Section {
  readonly id: number;
  readonly start: number;
  readonly content: number;
  readonly end: number;
}

/** Bytes before the first section. */
export const HEADER = 8;

/** Ids of sections of a core module. */
export const SECTION = {
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  code: 10,
  data: 11,
  last: 13,
};

/** The kinds of imports and exports. */
export const FUNCTION_KIND = 0x00;
export const MEMORY_KIND = 0x02;
export const GLOBAL_KIND = 0x03;

/** Flags of the limits of a table or memory. The others are: shared (2), 64-bit addresses (4). */
export const LIMITS = {
  hasMaximum: 1,
  /** A proposal, which V8 lacks. */
  hasPageSize: 8,
} as const;

/**
 * Returns the sections of a core module.
 * @throws MalformedWasm
 */
export function readSections(bytes: Uint8Array): Section[] {
  const reader = new SectionReader(bytes.subarray(HEADER), HEADER);
  const sections: Section[] = [];
  while (reader.offset < bytes.length) {
    const start = reader.offset;
    const id = reader.byte();
    const size = reader.u32();
    const content = reader.offset;
    reader.skip(size);
    sections.push({ id, start, content, end: reader.offset });
  }
  return sections;
}

/** Returns a reader for the content of a section. */
export function readContent(bytes: Uint8Array, { content, end }: Section): SectionReader {
  return new SectionReader(bytes.subarray(content, end), content);
}

/** An import of a core module. */
export interface ModuleImport {
  readonly module: string;
  readonly name: string;
}

/** Reads an import. Source: WebAssembly core specification, "Binary Format", "Import Section". */
export function moduleImport(reader: SectionReader): ModuleImport {
  const module = reader.name();
  const name = reader.name();
  skipImported(reader);
  return { module, name };
}

/** Skips an import of a core module, and returns its kind. */
export function importedKind(reader: SectionReader): number {
  reader.name();
  reader.name();
  return skipImported(reader);
}

/** @returns the kind of the import */
function skipImported(reader: SectionReader): number {
  const kind = reader.byte();
  switch (kind) {
    case FUNCTION_KIND:
      reader.u32();
      break;
    case 0x01: // A table.
      skipValueType(reader);
      skipLimits(reader);
      break;
    case MEMORY_KIND:
      skipLimits(reader);
      break;
    case GLOBAL_KIND:
      skipValueType(reader);
      reader.byte();
      break;
    case 0x04: // A tag.
      reader.byte();
      reader.u32();
      break;
    default:
      throw reader.malformed("an import has an unknown kind");
  }
  return kind;
}

/** Reads the name of an export. Source: WebAssembly core specification, "Binary Format", "Export Section". */
export function moduleExport(reader: SectionReader): string {
  const name = reader.name();
  reader.byte();
  reader.u32();
  return name;
}

/** Skips a value type; `(ref null? heaptype)` is followed by a number. */
function skipValueType(reader: SectionReader): void {
  const type = reader.byte();
  if (type === 0x63 || type === 0x64) reader.skipNumber(33);
}

/** Skips the limits of a table or memory. */
function skipLimits(reader: SectionReader): void {
  const flags = reader.byte();
  if (flags > 0x0f) throw reader.malformed("limits have an unknown kind");
  reader.skipNumber(64);
  if (flags & LIMITS.hasMaximum) reader.skipNumber(64);
  if (flags & LIMITS.hasPageSize) reader.u32();
}

/** Reads an import's name. Source: component-model, design/mvp/Binary.md, "Import and Export Definitions". */
export function componentImport(reader: SectionReader): string {
  const name = componentName(reader);
  skipDescription(reader);
  return name;
}

/** Reads an export's name. Source: component-model, design/mvp/Binary.md, "Import and Export Definitions". */
export function componentExport(reader: SectionReader): string {
  const name = componentName(reader);
  skipSort(reader);
  reader.u32();
  if (reader.byte() !== 0x00) skipDescription(reader);
  return name;
}

/** Skips an instance of a core module; the reader checks its names. Source: Binary.md, "Instance Definitions". */
export function coreInstance(reader: SectionReader): void {
  switch (reader.byte()) {
    case 0x00: // Instantiates a module with imports.
      reader.u32();
      reader.list(() => {
        reader.name();
        reader.byte();
        reader.u32();
      });
      break;
    case 0x01: // Consists of exports.
      reader.list(() => moduleExport(reader));
      break;
    default:
      throw reader.malformed("an instance has an unknown kind");
  }
}

/** Reads a name without attributes. Kind 0x01 was for names of interfaces; 0x02 has attributes, such as a version suffix. */
function componentName(reader: SectionReader): string {
  const kind = reader.byte();
  if (kind > 0x02) throw reader.malformed("a name has an unknown kind");
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
    case 0x02: // A value, by index or by type.
      reader.byte();
      reader.skipNumber(33);
      break;
    case 0x03: // A type: equal to another one, or any resource.
      if (reader.byte() === 0x00) reader.u32();
      break;
    default:
      throw reader.malformed("an import or export has an unknown kind");
  }
}

/** Skips a sort; core sorts have a second byte. */
function skipSort(reader: SectionReader): void {
  if (reader.byte() === 0x00) reader.byte();
}
