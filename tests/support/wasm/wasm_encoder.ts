/**
 * Encodes Wasm binaries with given imports and exports, and sections with any content. Sources: WebAssembly core specification, "Binary Format"; component-model, Binary.md.
 */

export type Bytes = readonly number[];

export const MODULE_HEADER: Bytes = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
export const COMPONENT_HEADER: Bytes = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00];

/** Encodes a number as LEB128. */
export function u32(value: number): Bytes {
  const low = value % 128;
  return value < 128 ? [low] : [low + 128, ...u32(Math.floor(value / 128))];
}

export function name(text: string): Bytes {
  const bytes = new TextEncoder().encode(text);
  return [...u32(bytes.length), ...bytes];
}

/** Encodes a count and the items. */
export function list(items: readonly Bytes[]): Bytes {
  return [...u32(items.length), ...items.flat()];
}

export function section(id: number, content: Bytes): Bytes {
  return [id, ...u32(content.length), ...content];
}

/** Encodes a module with functions of type `() -> ()`; an import is `[module, name]`. */
export function encodeModule(
  { imports = [], exports = [] }: {
    imports?: readonly (readonly [string, string])[];
    exports?: readonly string[];
  },
): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([
    ...MODULE_HEADER,
    ...section(1, list([[0x60, 0x00, 0x00]])),
    ...section(2, list(imports.map(([module, field]) => [...name(module), ...name(field), 0, 0]))),
    ...section(3, list([[0x00]])),
    ...section(7, list(exports.map((each) => [...name(each), 0x00, ...u32(imports.length)]))),
    ...section(10, list([[0x02, 0x00, 0x0b]])),
  ]);
}

/**
 * Encodes a component whose imports and exports are empty instances.
 * @param inner sections between the imports and the exports
 */
export function encodeComponent(
  { imports = [], exports = [], inner = [] }: {
    imports?: readonly string[];
    exports?: readonly string[];
    inner?: readonly Bytes[];
  },
): Uint8Array<ArrayBuffer> {
  const index = u32(imports.length);
  return Uint8Array.from([
    ...COMPONENT_HEADER,
    ...section(7, list([[0x42, 0x00]])), // The type of an empty instance.
    ...section(10, list(imports.map((each) => [0x00, ...name(each), 0x05, 0x00]))),
    ...inner.flat(),
    ...section(5, list([[0x01, 0x00]])), // An empty instance.
    ...section(11, list(exports.map((each) => [0x00, ...name(each), 0x05, ...index, 0x00]))),
  ]);
}
