import type { HeaderList } from "../../wasi/http/fields.ts";
import type { RequestHead } from "../../wasi/http/incoming.ts";

/** The fields that `spinHeaders` adds to a request, and the variables that have their values here. */
const SPIN_FIELDS: Readonly<Record<string, string>> = {
  "spin-path-info": "PATH_INFO",
  "spin-full-url": "X_FULL_URL",
  "spin-matched-route": "X_MATCHED_ROUTE",
  "spin-base-path": "X_BASE_PATH",
  "spin-raw-component-route": "X_RAW_COMPONENT_ROUTE",
  "spin-component-route": "X_COMPONENT_ROUTE",
  "spin-client-addr": "X_CLIENT_ADDR",
};

const PATH_MATCH = /^spin-path-match-/;

/**
 * Fields that commands do not see: RFC 3875 §4.1.18; and `proxy`, because a client would choose the proxy of a command
 * that takes `HTTP_PROXY` for a setting (CVE-2016-5385 and others).
 */
const HIDDEN = ["authorization", "connection", "proxy"];

/**
 * Returns the variables of a request for a command.
 * Source: RFC 3875 §4.1; Spin's spin-http crate, `wagi::build_headers`, and spin-trigger-http, `headers.rs`.
 *
 * @param length bytes of the request's body
 */
export function cgiVariables(head: RequestHead, length: number): [string, string][] {
  const { method, authority, headers } = head;
  const [path, query] = partsOf(head.path);
  const of = (name: string) => headers.find(([each]) => each === name)?.[1] ?? "";
  const pathInfo = of("spin-path-info");
  const client = of("spin-client-addr").replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  const [, host = "", port = "80"] = /^(.*?)(?::(\d+))?$/.exec(authority) ?? [];
  return [
    ...headers.flatMap(([name, value]): [string, string][] => {
      const variable = variableOf(name);
      return variable === undefined ? [] : [[variable, value]];
    }),
    ["AUTH_TYPE", ""],
    ["CONTENT_LENGTH", `${length}`],
    ["CONTENT_TYPE", of("content-type")],
    ["GATEWAY_INTERFACE", "CGI/1.1"],
    ["PATH_TRANSLATED", decoded(pathInfo)],
    ["QUERY_STRING", query],
    ["REMOTE_ADDR", client],
    ["REMOTE_HOST", client],
    ["REMOTE_USER", ""],
    ["REQUEST_METHOD", method],
    ["SCRIPT_NAME", of("spin-matched-route").replace(/\/\.\.\.$/, "") || path],
    ["SERVER_NAME", host],
    ["SERVER_PORT", port],
    ["SERVER_PROTOCOL", "HTTP/1.1"],
    ["SERVER_SOFTWARE", "WAGI/1"],
    ["X_RAW_PATH_INFO", pathInfo],
  ];
}

/** Returns the arguments of a command, the first of which is its name. */
export function cgiArguments(template: string, { path: target }: RequestHead): string[] {
  const [path, query] = partsOf(target);
  const args = query.replaceAll("&", " ");
  return template.replaceAll("${SCRIPT_NAME}", () => path).replaceAll("${ARGS}", () => args)
    .split(" ");
}

/** Returns the length that a request states for its body. */
export function statedLength(headers: HeaderList): number | undefined {
  const value = headers.find(([name]) => name === "content-length")?.[1];
  return value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined;
}

function partsOf(target: string): [path: string, query: string] {
  const at = target.indexOf("?");
  return at < 0 ? [target, ""] : [target.slice(0, at), target.slice(at + 1)];
}

function variableOf(field: string): string | undefined {
  if (HIDDEN.includes(field)) return undefined;
  if (Object.hasOwn(SPIN_FIELDS, field)) return SPIN_FIELDS[field];
  const upper = field.toUpperCase().replaceAll("-", "_");
  return PATH_MATCH.test(field) ? upper.replace("SPIN_", "X_") : `HTTP_${upper}`;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
