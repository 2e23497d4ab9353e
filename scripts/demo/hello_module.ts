/** A WASI command, assembled by hand so that the demo needs no compiler: it prints a text and ends. */
export function helloModule(text: string): Uint8Array {
  const message = new TextEncoder().encode(text);
  const TEXT_AT = 16;
  const WRITTEN_AT = 8;
  const i32 = 0x7f;
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // magic, version 1
    ...section(1, [2, 0x60, 4, i32, i32, i32, i32, 1, i32, 0x60, 0, 0]), // fd_write's and _start's types
    ...section(2, [1, ...name("wasi_snapshot_preview1"), ...name("fd_write"), 0x00, 0]),
    ...section(3, [1, 1]), // one function, of the second type
    ...section(5, [1, 0x00, 1]), // one page of memory
    ...section(7, [2, ...name("memory"), 0x02, 0, ...name("_start"), 0x00, 1]),
    ...section(10, [
      1,
      ...sized([
        0,
        ...constant(1),
        ...constant(0),
        ...constant(1),
        ...constant(WRITTEN_AT),
        0x10,
        0,
        0x1a,
        0x0b,
      ]),
    ]),
    ...section(11, [
      2,
      ...[0x00, ...constant(0), 0x0b, ...sized([...word(TEXT_AT), ...word(message.length)])], // the iovec
      ...[0x00, ...constant(TEXT_AT), 0x0b, ...sized([...message])],
    ]),
  ]);
}

/** Unsigned LEB128 (WebAssembly core specification, 5.2.2). */
function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)];
}

function sized(bytes: readonly number[]): number[] {
  return [...leb(bytes.length), ...bytes];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...sized(content)];
}

function name(text: string): number[] {
  return sized([...new TextEncoder().encode(text)]);
}

/** `i32.const value`, for values below 64, which signed and unsigned LEB128 write alike. */
function constant(value: number): number[] {
  return [0x41, value];
}

function word(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24];
}
