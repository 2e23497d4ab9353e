import { gzipSync } from "node:zlib";

const BLOCK = 512;
const encoder = new TextEncoder();

/** A member of a tar file, written byte by byte so that it can be invalid. */
export interface TarMember {
  readonly name: string;
  /** Character of the type: "0" a file, "1" a hard link, "2" a symbolic link, "5" a folder, … */
  readonly type?: string;
  readonly content?: Uint8Array | string;
  /** Size in the header, if it is not that of the content. */
  readonly size?: number;
  readonly link?: string;
}

/** Returns a member: its header, its content, and zeros up to the next block. */
export function tarMember(member: TarMember): Uint8Array {
  const content = typeof member.content === "string"
    ? encoder.encode(member.content)
    : member.content ?? new Uint8Array();
  const header = new Uint8Array(BLOCK);
  const put = (text: string, offset: number, length: number) =>
    header.set(encoder.encode(text).subarray(0, length), offset);
  put(member.name, 0, 100);
  put("0000644\0", 100, 8);
  put("0000000\0", 108, 8);
  put("0000000\0", 116, 8);
  put((member.size ?? content.length).toString(8).padStart(11, "0") + "\0", 124, 12);
  put("00000000000\0", 136, 12);
  put(" ".repeat(8), 148, 8);
  put(member.type ?? "0", 156, 1);
  put(member.link ?? "", 157, 100);
  put("ustar\x0000", 257, 8);
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(sum.toString(8).padStart(6, "0") + "\0 ", 148, 8);
  return join([header, content, new Uint8Array((BLOCK - content.length % BLOCK) % BLOCK)]);
}

/** Returns a member after a pax header that overrides `path`, `linkpath`, `size`, … */
export function paxMember(records: Record<string, string>, member: TarMember, global = false) {
  const content = join(Object.entries(records).map(([key, value]) => paxRecord(key, value)));
  return join([
    tarMember({ name: "pax", type: global ? "g" : "x", content }),
    tarMember(member),
  ]);
}

/** Returns a member after GNU tar's records of a long name or link target. */
export function gnuLongMember(long: { name?: string; link?: string }, member: TarMember) {
  const parts = [];
  const name = "././@LongLink";
  if (long.link) parts.push(tarMember({ name, type: "K", content: `${long.link}\0` }));
  if (long.name) parts.push(tarMember({ name, type: "L", content: `${long.name}\0` }));
  return join([...parts, tarMember(member)]);
}

/** Returns `LENGTH KEY=VALUE\n`; the length includes itself. */
function paxRecord(key: string, value: string): Uint8Array {
  const rest = encoder.encode(` ${key}=${value}\n`);
  let length = rest.length;
  while (String(length).length + rest.length !== length) {
    length = String(length).length + rest.length;
  }
  return join([encoder.encode(String(length)), rest]);
}

/** Returns a tar file: the members and the end-of-archive marker. */
export function tarOf(...members: (TarMember | Uint8Array)[]): Uint8Array<ArrayBuffer> {
  const parts = members.map((member) => member instanceof Uint8Array ? member : tarMember(member));
  return join([...parts, new Uint8Array(2 * BLOCK)]);
}

export function tarGzipOf(...members: (TarMember | Uint8Array)[]): Uint8Array {
  return gzipSync(tarOf(...members));
}

export function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
