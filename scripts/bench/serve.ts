// deno-lint-ignore-file no-console
import { join } from "node:path";
import { formatBytes } from "../../src/base/units.ts";
import { Hasher } from "../../src/oci/hash.ts";
import {
  image,
  MEDIA_TYPES,
  randomBytes,
  type TestBlob,
} from "../../tests/support/cache/artifacts.ts";
import { hasProgram, missingProgram } from "../../tests/support/cli/commands.ts";
import { DockerRegistry } from "../../tests/support/registry/docker_registry.ts";
import { push } from "../../tests/support/registry/push.ts";
import { larderBinary } from "./binary.ts";
import { median } from "./measure.ts";
import { type Claim, printClaims, printMachine, span } from "./report.ts";
import { fetchAll, peakUnderSlowClients, rate, type SlowClients } from "./serve/clients.ts";
import { type Programs, programs, type Setting } from "./serve/programs.ts";
import { Server, type ServerProgram } from "./servers.ts";

const MIB = 1024 * 1024;
const LAYERS = 6;
const LAYER = 64 * MIB;
const COLD_ROUNDS = 3;
const COLD_CLIENTS = 6;
const WARM_ROUNDS = 3;
const WARM_CLIENTS = 4;
const SMALL_ROUNDS = 3;
const STARTS = 5;
/** Seconds to the first answer. */
const START_LIMIT = 0.2;
const SLOW: SlowClients = { count: 200, seconds: 8 };
/** What each of the servers answers before it has anything. */
const FIRST = "/v2/";
const MEMORY_LIMIT = 200 * MIB;

/** The image, and what is measured of it. */
interface Content {
  readonly registry: DockerRegistry;
  readonly manifest: string;
  readonly layers: readonly string[];
}

/** `deno task bench serve`: cold and warm blobs, small requests, memory and start, beside other servers. */
export async function benchServe(): Promise<void> {
  if (!hasProgram("wrk")) throw missingProgram("wrk");
  const folder = Deno.makeTempDirSync({ prefix: "larder-bench-" });
  try {
    await using registry = await DockerRegistry.start();
    const content = await pushImage(registry, join(folder, "www"));
    const larder = await larderBinary(folder);
    // By name, as registries have one: for an address larder would not have to look it up.
    const upstream = `localhost:${registry.port}`;
    const www = join(folder, "www");
    const setting: Setting = { folder, larder, upstream, storage: registry.storage, www };
    const peers = programs(setting);
    await printMachine(larder);
    console.log(`Load average: ${Deno.loadavg().map((load) => load.toFixed(1)).join(", ")}`);
    console.log("Upstream: docker-registry on this machine; medians, in turn\n");
    if (!peers.nginx) console.log("not run: nginx is not installed\n");
    printClaims([
      ...await starts(peers),
      ...await cold(peers, content),
      ...await warm(peers, content),
      ...await small(peers, content),
      ...await memory(peers, content),
    ]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Pushes an image of large layers, and writes the same as files. */
async function pushImage(registry: DockerRegistry, www: string): Promise<Content> {
  const layers = Array.from({ length: LAYERS }, (_, i) => layer(i));
  const artifact = image(layers);
  await push(registry.url, "app", artifact, "v1");
  const manifest = `/v2/app/manifests/${artifact.descriptor.digest}`;
  const paths = layers.map(({ descriptor }) => `/v2/app/blobs/${descriptor.digest}`);
  for (const path of ["manifests", "blobs"]) {
    Deno.mkdirSync(join(www, "v2/app", path), { recursive: true });
  }
  Deno.writeFileSync(join(www, manifest), artifact.bytes);
  layers.forEach(({ bytes }, i) => Deno.writeFileSync(join(www, paths[i]!), bytes));
  return { registry, manifest, layers: paths };
}

function layer(index: number): TestBlob {
  const piece = randomBytes(MIB, `layer ${index}`);
  const bytes = new Uint8Array(LAYER);
  for (let at = 0; at < LAYER; at += MIB) bytes.set(piece, at);
  const hasher = new Hasher();
  hasher.update(bytes);
  return {
    descriptor: { mediaType: MEDIA_TYPES.ociLayer, digest: hasher.digest(), size: LAYER },
    bytes,
  };
}

async function starts({ larder, registry, nginx }: Programs): Promise<Claim[]> {
  const seconds = await inTurn(available(larder, registry, nginx), STARTS, async (program) => {
    await using server = await Server.start(program, FIRST);
    return server.startup;
  });
  printRows("start to the first answer | seconds, median (least–most)", seconds, span);
  return [atMost("start: seconds of larder", median(seconds.get(larder.name)!), START_LIMIT)];
}

/** Six clients fetch an image that nothing has yet. */
async function cold({ coldLarder, coldProxy }: Programs, content: Content): Promise<Claim[]> {
  const { registry, layers } = content;
  const fetches = new Map<string, number>();
  const seconds = await inTurn([coldLarder, coldProxy], COLD_ROUNDS, async (program) => {
    await using server = await Server.start(program, FIRST);
    const before = (await registry.requests()).length;
    await fetchManifest(server, content);
    const urls = layers.map((path) => server.url + path);
    const options = { clients: COLD_CLIENTS, atOnce: LAYERS, size: LAYER };
    const took = await fetchAll(urls, options);
    const requests = (await registry.requests()).slice(before);
    const gets = requests.filter((line) => line.startsWith("GET /v2/app/blobs/")).length;
    fetches.set(program.name, Math.max(gets, fetches.get(program.name) ?? 0));
    return took;
  });
  const title = `cold: ${LAYERS} × ${formatBytes(LAYER)} for ${COLD_CLIENTS} clients`;
  printRows(
    `${title} | seconds, median (least–most) | most GETs of blobs upstream`,
    seconds,
    (all, name) => `${span(all)} | ${fetches.get(name)}`,
  );
  const [ours, theirs] = [...seconds.values()].map(median);
  return [
    atMost("cold, six clients: seconds, larder / proxy", ours! / theirs!, 1),
    atMost(`cold: GETs of ${LAYERS} blobs`, fetches.get("larder")!, LAYERS),
  ];
}

/** Clients fetch the layers of an image that each server has. */
async function warm({ larder, registry, nginx }: Programs, content: Content): Promise<Claim[]> {
  const contenders = available(larder, registry, nginx);
  const bytes = WARM_CLIENTS * LAYERS * LAYER;
  const rates = await inTurn(contenders, WARM_ROUNDS, async (program) => {
    await using server = await warmServer(program, content);
    const urls = content.layers.map((path) => server.url + path);
    return bytes / MIB / await fetchAll(urls, { clients: WARM_CLIENTS, atOnce: 1, size: LAYER });
  });
  printRows(`warm: ${WARM_CLIENTS} clients | MiB/s, median (least–most)`, rates, whole);
  return [
    ...atLeast("warm: MiB/s", rates, "docker-registry", 1),
    ...atLeast("warm: MiB/s", rates, "nginx", 0.7),
  ];
}

async function small({ larder, registry, nginx }: Programs, content: Content): Promise<Claim[]> {
  const contenders = available(larder, registry, nginx);
  const rates = await inTurn(contenders, SMALL_ROUNDS, async (program) => {
    await using server = await warmServer(program, content);
    return await rate(server.url + content.manifest);
  });
  printRows("a manifest by digest | requests/s, median (least–most)", rates, whole);
  return atLeast("small requests/s", rates, "docker-registry", 20);
}

async function memory(peers: Programs, content: Content): Promise<Claim[]> {
  const { larder, coldLarder, registry, coldProxy, nginx } = peers;
  const warm = available(larder, registry, nginx);
  const range = `1-${LAYER - 2}`;
  console.log(`| memory at ${SLOW.count} slow clients | before | largest |\n|---|---|---|`);
  const claims = [
    ...await memoryOf("whole blobs", SLOW, warm, content),
    ...await memoryOf("ranges", { ...SLOW, range }, warm, content),
    ...await memoryOf("cold", SLOW, [coldLarder, coldProxy], content),
  ];
  console.log();
  return claims;
}

/** Prints the memory of servers, and returns the claim for the first. */
async function memoryOf(
  kind: string,
  clients: SlowClients,
  contenders: readonly ServerProgram[],
  content: Content,
): Promise<Claim[]> {
  const peaks: number[] = [];
  for (const program of contenders) {
    await using server = await Server.start(program, FIRST);
    await fetchManifest(server, content);
    const before = server.memory;
    const urls = content.layers.map((path) => server.url + path);
    const peak = await peakUnderSlowClients(urls, clients, () => server.memory);
    peaks.push(peak);
    console.log(`| ${program.name}, ${kind} | ${formatBytes(before)} | ${formatBytes(peak)} |`);
  }
  return [{
    text: `memory of larder, ${kind}`,
    value: `${formatBytes(peaks[0]!)} (at most ${formatBytes(MEMORY_LIMIT)})`,
    reached: peaks[0]! <= MEMORY_LIMIT,
  }];
}

/** Starts a server that has what the clients ask for, in its own memory as well. */
async function warmServer(program: ServerProgram, content: Content): Promise<Server> {
  const server = await Server.start(program, FIRST);
  await fetchManifest(server, content);
  const urls = content.layers.map((path) => server.url + path);
  await fetchAll(urls, { clients: 1, atOnce: 1, size: LAYER });
  return server;
}

/** larder serves a blob of a manifest that it has. */
async function fetchManifest(server: Server, { manifest }: Content): Promise<void> {
  const headers = { accept: MEDIA_TYPES.ociManifest };
  const response = await fetch(server.url + manifest, { headers });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`${server.url}${manifest}: ${response.status}`);
}

function available(...contenders: readonly (ServerProgram | undefined)[]): ServerProgram[] {
  return contenders.filter((program) => program !== undefined);
}

/** Measures every program `rounds` times in turn, after one round of warm-up. */
async function inTurn(
  contenders: readonly ServerProgram[],
  rounds: number,
  measure: (program: ServerProgram) => Promise<number>,
): Promise<Map<string, number[]>> {
  const results = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const program of contenders) {
      const value = await measure(program);
      if (round > 0) results.get(program.name)!.push(value);
    }
  }
  return results;
}

function printRows(
  title: string,
  results: ReadonlyMap<string, readonly number[]>,
  show: (all: readonly number[], name: string) => string,
): void {
  console.log(`| ${title} |\n|${"---|".repeat(title.split("|").length)}`);
  for (const [name, all] of results) console.log(`| ${name} | ${show(all, name)} |`);
  console.log();
}

function whole(all: readonly number[]): string {
  const [middle, least, most] = [median(all), Math.min(...all), Math.max(...all)]
    .map((value) => value.toFixed(0));
  return `${middle} (${least}–${most})`;
}

function atMost(text: string, value: number, limit: number): Claim {
  return {
    text,
    value: `${value.toFixed(2)} (at most ${limit.toFixed(2)})`,
    reached: value <= limit,
  };
}

/** Returns the claim that larder's rate is at least `limit` times that of a peer. */
function atLeast(
  text: string,
  rates: ReadonlyMap<string, readonly number[]>,
  peer: string,
  limit: number,
): Claim[] {
  const theirs = rates.get(peer);
  if (!theirs) return [];
  const value = median(rates.get("larder")!) / median(theirs);
  const shown = `${value.toFixed(2)} (at least ${limit.toFixed(2)})`;
  return [{ text: `${text}, larder / ${peer}`, value: shown, reached: value >= limit }];
}
