import type { HeaderList } from "./fields.ts";

/** The runtime's own list, in which repeated fields are still apart. */
const LIST = "header list";

/** The key of that list, once it was looked up. */
let listKey: symbol | undefined;

/**
 * Returns the fields of a message as they were sent, with lower-case names. `Headers` itself joins repeated ones; this
 * reads the list inside it, of Deno 2.4 to 2.9, and falls back on joined ones if a later runtime has none. The runtime
 * joins several `cookie` fields to one, as HTTP/2 does (RFC 9113 §8.2.3).
 */
export function receivedHeaders(headers: Headers): HeaderList {
  headers.getSetCookie(); // Fills the list, without sorting it.
  listKey ??= Object.getOwnPropertySymbols(headers).find((each) => each.description === LIST);
  const list = listKey && (headers as unknown as Record<symbol, unknown>)[listKey];
  if (!isHeaderList(list)) return [...headers];
  return list.map(([name, value]) => [name.toLowerCase(), value]);
}

function isHeaderList(value: unknown): value is HeaderList {
  return Array.isArray(value) && value.every((each) => Array.isArray(each) && each.length === 2);
}
