/**
 * Finds instructions in the code of a module. Source: WebAssembly core specification, "Binary Format", "Instructions",
 * and the proposals for SIMD, tail calls and relaxed SIMD. Other instructions are unknown.
 */

/** How many bytes follow an opcode. */
const enum Kind {
  Unknown,
  None,
  /** One number. */
  One,
  /** Two numbers. */
  Two,
  /** Alignment and offset of a memory access. */
  Access,
  BranchTable,
  SelectTyped,
  Bytes4,
  Bytes8,
  Memory,
  End,
  Block,
  /** The type of a null reference. */
  Reference,
  Bulk,
  Simd,
}

const KINDS = new Uint8Array(256);
for (
  const [kind, first, last = first] of [
    [Kind.None, 0x00, 0x01], // unreachable, nop
    [Kind.Block, 0x02, 0x04], // block, loop, if
    [Kind.None, 0x05], // else
    [Kind.End, 0x0b],
    [Kind.One, 0x0c, 0x0d], // br, br_if
    [Kind.BranchTable, 0x0e],
    [Kind.None, 0x0f], // return
    [Kind.One, 0x10], // call
    [Kind.Two, 0x11], // call_indirect
    [Kind.One, 0x12], // return_call
    [Kind.Two, 0x13], // return_call_indirect
    [Kind.None, 0x1a, 0x1b], // drop, select
    [Kind.SelectTyped, 0x1c],
    [Kind.One, 0x20, 0x25], // local.*, global.*, table.get; not table.set
    [Kind.Access, 0x28, 0x3e],
    [Kind.Memory, 0x3f, 0x40], // memory.size, memory.grow
    [Kind.One, 0x41, 0x42], // i32.const, i64.const
    [Kind.Bytes4, 0x43],
    [Kind.Bytes8, 0x44],
    [Kind.None, 0x45, 0xc4], // arithmetic
    [Kind.Reference, 0xd0], // ref.null
    [Kind.None, 0xd1], // ref.is_null
    [Kind.One, 0xd2], // ref.func
    [Kind.Bulk, 0xfc],
    [Kind.Simd, 0xfd],
  ] as const
) KINDS.fill(kind, first, last + 1);

const LOOP = 0x03;
/** `call`, and the last of the four instructions that call a function. */
const [CALL, LAST_CALL] = [0x10, 0x13] as const;

/** Numbers that follow the opcodes after 0xfc. Those that change a table or drop a segment are missing. */
const BULK = new Map([
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((op) => [op, 0] as const), // saturating conversions
  [8, 2], // memory.init
  [10, 2], // memory.copy
  [11, 1], // memory.fill
  [16, 1], // table.size
]);

/** True for numbers, vectors, `funcref` and `externref`, which are one byte. */
export function isPlain(type: number): boolean {
  return type === 0x70 || type === 0x6f || (type >= 0x7b && type <= 0x7f);
}

export interface Expression {
  /** Offset after its `end`. */
  readonly end: number;
  /** Offsets of its instructions `memory.size` and `memory.grow`. */
  readonly memory: readonly number[];
  /** Offsets of the first instructions of its loops. */
  readonly loops: readonly number[];
  /** True if it calls a function. */
  readonly calls: boolean;
}

/**
 * Reads an expression of a valid module. Types that may be longer than they look, such as `(ref null $type)`, are
 * unknown: a number in them that is read as an instruction would hide the ones after it.
 * @returns undefined if an instruction is unknown, changes a table, or drops a segment
 */
export function readExpression(bytes: Uint8Array, start: number): Expression | undefined {
  const memory: number[] = [];
  const loops: number[] = [];
  let calls = false;
  let at = start;
  let depth = 0;
  const skip = () => {
    while (bytes[at++]! >= 0x80);
  };
  const skipAccess = () => {
    // Bit 6 says that the index of a memory follows.
    const hasIndex = (bytes[at]! & 0x40) !== 0;
    skip();
    if (hasIndex) skip();
    skip();
  };
  /** True for a signed number that is not negative, as the index of a type in the place of a type is. */
  const isIndex = () => {
    let last = at;
    while (bytes[last]! >= 0x80) last++;
    return (bytes[last]! & 0x40) === 0;
  };
  const count = () => {
    let value = 0;
    let shift = 0;
    let byte;
    do {
      byte = bytes[at++]!;
      value |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte >= 0x80);
    return value;
  };
  while (at < bytes.length) {
    const opcode = bytes[at++]!;
    if (opcode >= CALL && opcode <= LAST_CALL) calls = true;
    switch (KINDS[opcode]) {
      case Kind.None:
        break;
      case Kind.Access:
        skipAccess();
        break;
      case Kind.Two:
        skip();
        skip();
        break;
      case Kind.One:
        skip();
        break;
      case Kind.Block:
        depth++;
        if (bytes[at] === 0x40 || isPlain(bytes[at]!)) at++;
        else if (isIndex()) skip();
        else return undefined;
        if (opcode === LOOP) loops.push(at);
        break;
      case Kind.Reference:
        if (!isPlain(bytes[at++]!)) return undefined;
        break;
      case Kind.End:
        if (depth-- === 0) return { end: at, memory, loops, calls };
        break;
      case Kind.BranchTable:
        for (let left = count(); left >= 0; left--) skip();
        break;
      case Kind.SelectTyped:
        if (count() !== 1 || !isPlain(bytes[at++]!)) return undefined;
        break;
      case Kind.Bytes4:
        at += 4;
        break;
      case Kind.Bytes8:
        at += 8;
        break;
      case Kind.Memory:
        // Another memory, or a longer zero.
        if (bytes[at] !== 0) return undefined;
        memory.push(at - 1);
        at++;
        break;
      case Kind.Bulk: {
        const numbers = BULK.get(count());
        if (numbers === undefined) return undefined;
        for (let left = numbers; left > 0; left--) skip();
        break;
      }
      case Kind.Simd: {
        const op = count();
        if (op > 0x113) return undefined;
        const isLane = op >= 84 && op <= 91;
        if (op <= 11 || isLane || op === 92 || op === 93) skipAccess();
        if (op === 12 || op === 13) at += 16; // v128.const, i8x16.shuffle
        if (isLane || (op >= 21 && op <= 34)) at++;
        break;
      }
      default:
        return undefined;
    }
  }
  return undefined;
}
