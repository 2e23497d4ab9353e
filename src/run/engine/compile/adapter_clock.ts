import { concatBytes } from "../../../base/bytes.ts";
import { encodeName, encodeSection, encodeU32 } from "../../wasm/binary/encoder.ts";
import {
  FUNCTION_KIND,
  HEADER,
  importedKind,
  readContent,
  readSections,
  SECTION,
  type Section,
} from "../../wasm/binary/sections.ts";

/** Imported by modules of Go, and exported by adapters since June 2026 (bytecodealliance/wasmtime#13563). */
const NAME = "adapter_monotonic_clock_set_paused";

/**
 * Adds a function to an adapter of preview 1 that does nothing: newer ones stop the clock through it while a guest
 * allocates, when Wasmtime forbids calls of the host. Scripts for WASI 0.2 allow them.
 */
export function withClockPause(adapter: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const sections = readSections(adapter);
  const of = (id: number) => sections.find((section) => section.id === id)!;
  const count = (section: Section) => readContent(adapter, section).u32();
  const imports: number[] = [];
  const importReader = readContent(adapter, of(SECTION.import));
  importReader.list(() => imports.push(importedKind(importReader)));
  const imported = imports.filter((kind) => kind === FUNCTION_KIND).length;
  const type = count(of(SECTION.type));
  const index = imported + count(of(SECTION.function));
  const added = new Map([
    [SECTION.type, Uint8Array.of(0x60, 1, 0x7f, 0)], // (func (param i32))
    [SECTION.function, encodeU32(type)],
    [
      SECTION.export,
      concatBytes([encodeName(NAME), Uint8Array.of(FUNCTION_KIND), encodeU32(index)]),
    ],
    [SECTION.code, Uint8Array.of(2, 0, 0x0b)], // No locals, and the end.
  ]);
  const parts = sections.map((section) => {
    const entry = added.get(section.id);
    return entry
      ? withEntry(adapter, section, entry)
      : adapter.subarray(section.start, section.end);
  });
  return concatBytes([adapter.subarray(0, HEADER), ...parts]);
}

function withEntry(bytes: Uint8Array, section: Section, entry: Uint8Array): Uint8Array {
  const reader = readContent(bytes, section);
  const count = reader.u32();
  const entries = bytes.subarray(reader.offset, section.end);
  return encodeSection(section.id, [encodeU32(count + 1), entries, entry]);
}
