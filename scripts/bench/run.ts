// deno-lint-ignore-file no-console
import { join } from "node:path";
import { formatBytes } from "../../src/base/units.ts";
import { wasmArtifact } from "../../tests/support/cache/artifacts.ts";
import { packApp } from "../../tests/support/cache/spin_apps.ts";
import { hasProgram, missingProgram, run } from "../../tests/support/cli/commands.ts";
import { DockerRegistry } from "../../tests/support/registry/docker_registry.ts";
import { push } from "../../tests/support/registry/push.ts";
import { rustTiny } from "../../tests/support/wasm/components.ts";
import { jsHandlerAlone } from "../../tests/support/wasm/js_component.ts";
import { larderBinary } from "./binary.ts";
import { median } from "./measure.ts";
import { type Claim, printClaims, printMachine, span } from "./report.ts";
import {
  coldWasmtime,
  larder,
  peersFor,
  prepareSetting,
  type Setting,
  type Subject,
} from "./run_programs.ts";
import { Server, type ServerProgram } from "./servers.ts";

const STARTS = 5;
const LOADS = 3;
/** Seconds of load on a server. */
const LOAD_SECONDS = 4;
const CONNECTIONS = [1, 16] as const;
const PATH = "/hello";
const COLD = "larder, nothing cached";
const WARM = "larder, a file that is compiled";

/** Seconds without requests after which the memory of an idle server is measured. */
const IDLE_SECONDS = 30;

/** `deno task bench run`: time to the first response, throughput and memory of servers. */
export async function benchRun(): Promise<void> {
  if (!hasProgram("wrk")) throw missingProgram("wrk");
  const folder = Deno.makeTempDirSync({ prefix: "larder-bench-" });
  try {
    await using registry = await DockerRegistry.start();
    const setting = await prepareSetting(folder, await larderBinary(folder));
    await printMachine(setting.larder);
    console.log(
      `Node: ${(await run("node", ["--version"])).trim()}; ${STARTS} starts each, in turn`,
    );
    console.log(`wrk: ${LOADS} × ${LOAD_SECONDS} s each, in turn, on this machine as well\n`);
    for (const missing of setting.missing) console.log(`not run: ${missing}\n`);
    const claims: Claim[] = [];
    for (const subject of await subjects(setting, registry)) {
      claims.push(...await starts(setting, subject), ...await loads(setting, subject));
    }
    await furtherComponent(setting, registry);
    printClaims(claims);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

async function subjects({ folder }: Setting, registry: DockerRegistry): Promise<Subject[]> {
  const wasm: [name: string, title: string, bytes: Uint8Array][] = [
    ["javascript", "JavaScript, 12 MiB", await jsHandlerAlone()],
    ["rust", "Rust, 200 KiB", rustTiny()],
  ];
  return await Promise.all(wasm.map(async ([repository, name, bytes]) => {
    const file = join(folder, `${repository}.wasm`);
    Deno.writeFileSync(file, bytes);
    await push(registry.url, repository, wasmArtifact(bytes), "v1");
    return { name, file, reference: `${registry.host}/${repository}:v1` };
  }));
}

async function starts(setting: Setting, subject: Subject): Promise<Claim[]> {
  const peers = peersFor(setting, subject);
  const cold = coldWasmtime(setting, subject);
  const contenders = [
    larder(setting, COLD, subject.reference, true),
    larder(setting, WARM, subject.file),
    larder(setting, "larder, an unchanged manifest", subject.reference),
    ...cold ? [cold] : [],
    ...peers.slice(0, 2),
  ];
  const seconds = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  const own: number[] = [];
  for (let round = 0; round <= STARTS; round++) {
    for (const contender of contenders) {
      await using server = await Server.start(contender, PATH);
      if (round > 0) seconds.get(contender.name)!.push(server.startup);
    }
    if (round > 0) own.push(await versionTime(setting));
  }
  console.log(`| ${subject.name}: start to first response | seconds, median (least–most) |`);
  console.log("|---|---|");
  for (const [name, all] of seconds) console.log(`| ${name} | ${span(all)} |`);
  console.log(`| (larder --version) | ${span(own)} |\n`);
  return [
    ...startClaims(subject, seconds),
    atMost(
      `${subject.name}: seconds from Deno's own start to the first response, ${WARM}`,
      median(seconds.get(WARM)!) - median(own),
      0.1,
    ),
  ];
}

function startClaims({ name }: Subject, seconds: ReadonlyMap<string, number[]>): Claim[] {
  const pairs = [[COLD, "wasmtime serve, nothing cached"], [COLD, "jco serve"], [
    WARM,
    "jco serve",
  ]] as const;
  return pairs.filter(([, peer]) => seconds.has(peer)).map(([ours, peer]) =>
    atMost(
      `${name}: first response, ${ours} / ${peer}`,
      median(seconds.get(ours)!) / median(seconds.get(peer)!),
    )
  );
}

/** Returns the seconds of `larder --version`, most of which Deno needs to start. */
async function versionTime({ larder }: Setting): Promise<number> {
  const start = performance.now();
  await run(larder, ["--version"]);
  return (performance.now() - start) / 1000;
}

/** Results of a server under load. */
interface Load {
  /** Successful responses per second, by number of connections. */
  readonly rates: Map<number, number[]>;
  /** Bytes of memory after the first response. */
  readonly idle: number[];
  /** Bytes of memory after all load. */
  readonly loaded: number[];
  /** Bytes of memory {@link IDLE_SECONDS} after the load; only larder's is measured. */
  readonly later: number[];
}

async function loads(setting: Setting, subject: Subject): Promise<Claim[]> {
  const peers = peersFor(setting, subject);
  const contenders = [larder(setting, "larder", subject.file), ...peers];
  const results = new Map<string, Load>(contenders.map(({ name }) => [
    name,
    { rates: new Map(CONNECTIONS.map((count) => [count, []])), idle: [], loaded: [], later: [] },
  ]));
  for (let round = 0; round < LOADS; round++) {
    for (const contender of contenders) {
      await using server = await Server.start(contender, PATH);
      const result = results.get(contender.name)!;
      result.idle.push(server.memory);
      for (const [count, rates] of result.rates) rates.push(await rate(server, count));
      result.loaded.push(server.memory);
      if (contender === contenders[0]) {
        await new Promise((resolve) => setTimeout(resolve, IDLE_SECONDS * 1000));
        result.later.push(server.memory);
      }
    }
  }
  const columns = CONNECTIONS.map((count) =>
    `requests/s, ${count} connection${count > 1 ? "s" : ""}`
  );
  console.log(
    `| ${subject.name}: under load | ${
      columns.join(" | ")
    } | memory, idle | after load | ${IDLE_SECONDS} s later |`,
  );
  console.log("|---|---|---|---|---|---|");
  for (const [name, { rates, idle, loaded, later }] of results) {
    const shown = [...rates.values()].map((all) => median(all).toFixed(0));
    const memory = [idle, loaded, later].map((all) =>
      all.length > 0 ? formatBytes(median(all)) : ""
    );
    console.log(`| ${name} | ${[...shown, ...memory].join(" | ")} |`);
  }
  console.log();
  const ours = results.get("larder")!;
  const claims = peers.flatMap(({ name }) => against(subject, name, ours, results.get(name)!));
  const memory =
    ([["loaded", "after load", 250], ["later", `${IDLE_SECONDS} s later`, 150]] as const)
      .map(([when, text, limit]) =>
        atMost(`${subject.name}: MiB of memory ${text}`, median(ours[when]) / 1024 ** 2, limit)
      );
  return [...claims, ...memory];
}

/** Compares requests per second: wasmtime's machine code is made ahead, and larder's runs in V8. */
function against(subject: Subject, peer: string, ours: Load, theirs: Load): Claim[] {
  const least = peer === "wasmtime serve" ? 0.6 : 1;
  return CONNECTIONS.map((count) => {
    const [a, b] = [ours, theirs].map(({ rates }) => median(rates.get(count)!));
    const text = `${subject.name}: requests/s at ${count}, larder / ${peer}`;
    if (b === 0) return { text, value: `${a!.toFixed(0)} / 0: it hangs`, reached: a! > 0 };
    const ratio = a! / b!;
    return {
      text,
      value: `${ratio.toFixed(2)} (at least ${least.toFixed(2)})`,
      reached: ratio >= least,
    };
  });
}

/** Prints the memory of an app with one and with two components, after each has answered. */
async function furtherComponent(setting: Setting, registry: DockerRegistry): Promise<void> {
  const memory = new Map<number, number[]>([[1, []], [2, []]]);
  const programs = new Map<number, ServerProgram>();
  for (const count of memory.keys()) {
    await push(registry.url, "several", await appOf(count), `v${count}`);
    programs.set(count, larder(setting, "larder", `${registry.host}/several:v${count}`));
  }
  for (let round = 0; round <= LOADS; round++) {
    for (const [count, all] of memory) {
      await using server = await Server.start(programs.get(count)!, `${PATH}/0`);
      for (let i = 1; i < count; i++) {
        await (await fetch(`${server.url}${PATH}/${i}`)).body?.cancel();
      }
      // The first round also compiles the components.
      if (round > 0) all.push(server.memory);
    }
  }
  const [one, two] = [...memory.values()].map(median);
  console.log(`Memory of an app of one component of JavaScript, idle: ${formatBytes(one!)}`);
  console.log(`of two: ${formatBytes(two!)}\n`);
}

/** Packs an app of `count` equal components of JavaScript at `/hello/0`, `/hello/1`, … */
async function appOf(count: number) {
  const wasm = await jsHandlerAlone();
  const ids = Array.from({ length: count }, (_, i) => `c${i}`);
  return await packApp({
    components: Object.fromEntries(ids.map((id) => [id, { wasm }])),
    routes: Object.fromEntries(ids.map((id, i) => [`${PATH}/${i}`, id])),
  });
}

/** Returns the successful responses per second. */
async function rate(server: Server, connections: number): Promise<number> {
  const args = ["-t1", `-c${connections}`, `-d${LOAD_SECONDS}s`, server.url + PATH];
  const report = await run("wrk", args);
  const number = (pattern: RegExp) => Number(pattern.exec(report)?.[1] ?? 0);
  const bad = number(/Non-2xx or 3xx responses: (\d+)/);
  return (number(/(\d+) requests in/) - bad) / LOAD_SECONDS;
}

function atMost(text: string, value: number, limit = 1): Claim {
  return { text, value: `${value.toFixed(2)} (at most ${limit})`, reached: value <= limit };
}
