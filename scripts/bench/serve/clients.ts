import { run } from "../../../tests/support/cli/commands.ts";

/** What registries need to be told to send a manifest as it is. */
const ACCEPT = "Accept: application/vnd.oci.image.manifest.v1+json";

/** Seconds of each load of small requests. */
const LOAD_SECONDS = 3;
const CONNECTIONS = 16;

/** Milliseconds between two reads of a slow client, and the bytes of each. */
const SLOW_PAUSE = 50;
const SLOW_READ = 64 * 1024;
/** Milliseconds between two looks at a server's memory. */
const MEMORY_POLL = 100;

/**
 * Fetches URLs with curl as a number of clients at the same time.
 * @param atOnce transfers of each client at the same time
 * @returns the seconds until all have ended
 * @throws if a response is not 200, or has another size than `size`
 */
export async function fetchAll(
  urls: readonly string[],
  { clients, atOnce, size }: { clients: number; atOnce: number; size: number },
): Promise<number> {
  const outputs = urls.flatMap((url) => ["-o", "/dev/null", url]);
  const parallel = atOnce > 1
    ? ["--parallel", "--parallel-immediate", `--parallel-max`, `${atOnce}`]
    : [];
  const options = ["-sS", ...parallel, "-w", "%{http_code} %{size_download}\\n"];
  const start = performance.now();
  const said = await Promise.all(
    Array.from({ length: clients }, () => run("curl", [...options, ...outputs])),
  );
  const seconds = (performance.now() - start) / 1000;
  const wrong = said.flatMap((text) => text.trim().split("\n"))
    .filter((line) => line !== `200 ${size}`);
  if (wrong.length > 0) throw new Error(`${urls[0]}: a client got ${wrong[0]}`);
  return seconds;
}

/** Returns the successful responses per second. */
export async function rate(url: string): Promise<number> {
  const args = ["-t1", `-c${CONNECTIONS}`, `-d${LOAD_SECONDS}s`, "-H", ACCEPT, url];
  const report = await run("wrk", args);
  const number = (pattern: RegExp) => Number(pattern.exec(report)?.[1] ?? 0);
  if (number(/Non-2xx or 3xx responses: (\d+)/) > 0) throw new Error(`${url}: ${report}`);
  return number(/(\d+) requests in/) / LOAD_SECONDS;
}

export interface SlowClients {
  readonly count: number;
  readonly seconds: number;
  /** A range of bytes to ask for, such as `1-100`. */
  readonly range?: string;
}

/** Reads URLs slowly with a number of clients, and returns the largest value of `memory` meanwhile. */
export async function peakUnderSlowClients(
  urls: readonly string[],
  { count, seconds, range }: SlowClients,
  memory: () => number,
): Promise<number> {
  const end = performance.now() + seconds * 1000;
  const isOver = () => performance.now() >= end;
  const clients = Array.from(
    { length: count },
    (_, i) => readSlowly(new URL(urls[i % urls.length]!), range, isOver),
  );
  let peak = 0;
  while (!isOver()) {
    peak = Math.max(peak, memory());
    await sleep(MEMORY_POLL);
  }
  await Promise.all(clients);
  return peak;
}

async function readSlowly(url: URL, range: string | undefined, isOver: () => boolean) {
  using connection = await Deno.connect({ hostname: url.hostname, port: Number(url.port) });
  const head = [
    `GET ${url.pathname} HTTP/1.1`,
    `Host: ${url.host}`,
    ...range ? [`Range: bytes=${range}`] : [],
  ];
  await connection.write(new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n`));
  const buffer = new Uint8Array(SLOW_READ);
  while (!isOver() && await connection.read(buffer) !== null) await sleep(SLOW_PAUSE);
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
