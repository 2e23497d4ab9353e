/** An address as a number of 32 or 128 bits. */
interface IpAddress {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

/** A CIDR block, as plain data that can be sent to threads. */
export interface IpNetwork extends IpAddress {
  /** Number of leading bits that its addresses have in common. */
  readonly prefix: number;
}

/** Parses `10.0.0.0/8` or `fd00::/8`, ignoring bits past the prefix; undefined if it is not a network. */
export function parseIpNetwork(text: string): IpNetwork | undefined {
  const match = /^(.+)\/(\d{1,3})$/.exec(text);
  const address = match && parseIpAddress(match[1]!);
  const prefix = Number(match?.[2]);
  return address && prefix <= address.bits ? { ...address, prefix } : undefined;
}

/** Formats `10.0.0.0/8`; undefined for an IPv6 network. */
export function formatIpv4Network({ bits, value, prefix }: IpNetwork): string | undefined {
  if (bits !== 32) return undefined;
  const bytes = [24n, 16n, 8n, 0n].map((shift) => value >> shift & 0xffn);
  return `${bytes.join(".")}/${prefix}`;
}

/** True if a URL's host, with brackets for IPv6, is an address in the network. */
export function isInNetwork(host: string, { bits, value, prefix }: IpNetwork): boolean {
  const address = parseIpAddress(host);
  const rest = BigInt(bits - prefix);
  return address?.bits === bits && address.value >> rest === value >> rest;
}

function parseIpAddress(text: string): IpAddress | undefined {
  const bare = text.replace(/^\[(.*)\]$/, "$1");
  return bare.includes(":") ? parseIpv6(bare) : parseIpv4(bare);
}

/** Parses four decimal numbers and no other form: programs differ in the meaning of a leading zero. */
function parseIpv4(text: string): IpAddress | undefined {
  const bytes = text.split(".");
  const isByte = (byte: string) => /^(?:0|[1-9]\d{0,2})$/.test(byte) && Number(byte) < 256;
  if (bytes.length !== 4 || !bytes.every(isByte)) return undefined;
  return { bits: 32, value: bytes.reduce((value, byte) => value << 8n | BigInt(byte), 0n) };
}

function parseIpv6(text: string): IpAddress | undefined {
  const host = /^[\da-f:.]+$/i.test(text) && URL.parse(`http://[${text}]`)?.hostname;
  if (!host) return undefined;
  const groups = ipv6Groups(host.slice(1, -1));
  return { bits: 128, value: groups.reduce((value, group) => value << 16n | BigInt(group), 0n) };
}

/** Returns the eight groups of an IPv6 address in the form of URLs: hexadecimal digits with at most one `::`. */
export function ipv6Groups(ip: string): number[] {
  const [head = [], tail = []] = ip.split("::").map((half) =>
    half.split(":").filter((group) => group !== "").map((group) => parseInt(group, 16))
  );
  const gap = Array<number>(8 - head.length - tail.length).fill(0);
  return [...head, ...gap, ...tail];
}
