// deno-lint-ignore-file no-console
import { join } from "node:path";
import { formatBytes } from "../../src/base/units.ts";
import { hasProgram } from "../../tests/support/cli/commands.ts";
import { larderBinary } from "./binary.ts";
import { benchBuilds } from "./builds.ts";
import { type Contender, median, race } from "./measure.ts";
import { type Claim, printClaims, printMachine, printTable } from "./report.ts";

const ROUNDS = 5;
const PACKAGES = 200;
/** Seconds in which cached packages are handed out. */
const CACHED_LIMIT = 0.5;
/** Bytes of the smallest and the largest package; the sizes between them are evenly spread on a logarithmic scale. */
const SIZES = [4 * 1024, 2 * 1024 * 1024] as const;

/** What every measurement of this file needs. */
interface Bench {
  readonly larder: string;
  /** Removed at the end. */
  readonly folder: string;
}

/** `deno task bench build`: packages from the cache and from a server, cached builds, and the hashing of inputs. */
export async function benchBuild(): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "larder-bench-" });
  try {
    const larder = await larderBinary(folder);
    await printMachine(larder);
    console.log(`On the local disk, warm; median of ${ROUNDS} runs in turn\n`);
    const builds = await benchBuilds({ larder, folder, rounds: ROUNDS });
    printClaims([...await packages({ larder, folder }), ...builds]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Measures a fetch of packages that are all cached, and of packages that are not. */
async function packages({ larder, folder }: Bench): Promise<Claim[]> {
  await using server = packageServer();
  const list = join(folder, "urls");
  Deno.writeTextFileSync(list, server.urls.join("\n") + "\n");
  const [warm, cold, debs] = ["warm", "cold", "debs"].map((name) => join(folder, name));
  const fetch = (
    cache: string,
    to: string[],
  ) => [larder, "--cache-dir", cache, "-q", "fetch", ...to, ...server.urls];
  const remove = (...paths: string[]) => paths.forEach((path) => tryRemove(path));
  const fromCache = await race([
    { name: "larder fetch", command: fetch(warm!, []) },
    {
      name: "larder fetch --to",
      command: fetch(warm!, ["--to", debs!]),
      prepare: () => remove(debs!),
    },
    {
      name: "cp -r of the files",
      command: ["cp", "-r", join(warm!, "registry/data"), debs!],
      prepare: () => remove(debs!),
    },
  ], ROUNDS);
  printTable(`${PACKAGES} cached packages, ${formatBytes(server.bytes)}`, fromCache);
  const peers: Contender[] = hasProgram("aria2c")
    ? [{
      name: "aria2c -j16",
      command: ["aria2c", "-q", "-j16", "-d", debs!, "-i", list],
      prepare: () => remove(debs!),
    }]
    : [];
  if (peers.length === 0) console.log("not run: aria2c is not installed\n");
  const fromServer = await race([
    { name: "larder fetch", command: fetch(cold!, []), prepare: () => remove(cold!) },
    {
      name: "larder fetch --to",
      command: fetch(cold!, ["--to", debs!]),
      prepare: () => remove(cold!, debs!),
    },
    ...peers,
  ], ROUNDS);
  printTable(`${PACKAGES} packages from a server, ${formatBytes(server.bytes)}`, fromServer);
  const [, cached] = fromCache.map(({ seconds }) => median(seconds));
  const [, ours, theirs] = fromServer.map(({ seconds }) => median(seconds));
  return [
    {
      text: `${PACKAGES} cached packages in a folder: seconds`,
      value: `${cached!.toFixed(2)} (less than ${CACHED_LIMIT.toFixed(2)})`,
      reached: cached! < CACHED_LIMIT,
    },
    ...theirs === undefined ? [] : [{
      text: `${PACKAGES} packages from a server: seconds, larder fetch --to / aria2c -j16`,
      value: `${(ours! / theirs).toFixed(2)} (at most 1.00)`,
      reached: ours! <= theirs,
    }],
  ];
}

/** Serves packages of many sizes on the loopback address. */
function packageServer() {
  const [least, most] = SIZES;
  const bodies = Array.from({ length: PACKAGES }, (_, i) => {
    const body = new Uint8Array(Math.round(least * (most / least) ** (i / (PACKAGES - 1))));
    for (let at = 0; at < body.length; at += 65536) {
      crypto.getRandomValues(body.subarray(at, at + 65536));
    }
    body.set(new TextEncoder().encode("!<arch>\n"));
    return body;
  });
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    const index = Number(/\/p(\d+)_/.exec(request.url)?.[1]);
    return new Response(bodies[index], { headers: { etag: `"${index}"` } });
  });
  const urls = bodies.map((_, i) =>
    `http://127.0.0.1:${server.addr.port}/debian/pool/p${i}_1.0_amd64.deb`
  );
  return {
    urls,
    bytes: bodies.reduce((sum, { length }) => sum + length, 0),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function tryRemove(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
