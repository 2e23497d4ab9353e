// deno-lint-ignore-file no-console
import { join } from "node:path";
import { formatBytes } from "../../src/base/units.ts";
import { wasmArtifact } from "../../tests/support/cache/artifacts.ts";
import { packApp } from "../../tests/support/cache/spin_apps.ts";
import { hasProgram, missingProgram, run } from "../../tests/support/cli/commands.ts";
import { DockerRegistry } from "../../tests/support/registry/docker_registry.ts";
import { push } from "../../tests/support/registry/push.ts";
import { guestBytes } from "../../tests/support/wasm/components.ts";
import { jsComponent } from "../../tests/support/wasm/js_component.ts";
import { larderBinary } from "./binary.ts";
import { median } from "./measure.ts";
import { jcoPeer } from "./peers.ts";
import { type Claim, printClaims, printMachine, span } from "./report.ts";
import { Server, type ServerProgram } from "./servers.ts";

const STARTS = 5;
const LOADS = 3;
/** Seconds of load on a server. */
const LOAD_SECONDS = 4;
const CONNECTIONS = [1, 16] as const;
const PATH = "/hello";

/** A component to measure. */
interface Subject {
  readonly name: string;
  readonly file: string;
  /** Reference of its Wasm package. */
  readonly reference: string;
}

interface Setting {
  readonly folder: string;
  readonly larder: string;
  /** Path of jco, unless it is missing. */
  readonly jco: string | undefined;
}

/** `deno task bench run`: time to the first response, throughput and memory of servers. */
export async function benchRun(): Promise<void> {
  if (!hasProgram("wrk")) throw missingProgram("wrk");
  const folder = Deno.makeTempDirSync({ prefix: "larder-bench-" });
  try {
    await using registry = await DockerRegistry.start();
    const jco = await jcoPeer();
    const setting: Setting = {
      folder,
      larder: await larderBinary(folder),
      jco: "path" in jco ? jco.path : undefined,
    };
    await printMachine(setting.larder);
    console.log(
      `Node: ${(await run("node", ["--version"])).trim()}; ${STARTS} starts each, in turn`,
    );
    console.log(`wrk: ${LOADS} × ${LOAD_SECONDS} s each, in turn, on this machine as well\n`);
    if ("missing" in jco) console.log(`not run: ${jco.missing}\n`);
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
    ["javascript", "JavaScript, 12 MiB", await jsComponent("http_handler")],
    ["wat", "WAT, 10 KiB", await guestBytes("http_cases")],
  ];
  return await Promise.all(wasm.map(async ([repository, name, bytes]) => {
    const file = join(folder, `${repository}.wasm`);
    Deno.writeFileSync(file, bytes);
    await push(registry.url, repository, wasmArtifact(bytes), "v1");
    return { name, file, reference: `${registry.host}/${repository}:v1` };
  }));
}

/** Returns the programs that serve a file: larder and the forms of jco. */
function programs(
  setting: Setting,
  { file }: Subject,
): { larder: ServerProgram; jco: ServerProgram[] } {
  const jco = (name: string, ...options: string[]): ServerProgram => ({
    name,
    command: (port) => [
      "node",
      setting.jco!,
      "serve",
      file,
      "--host",
      "127.0.0.1",
      "--port",
      `${port}`,
      ...options,
    ],
    env: { HOME: setting.folder },
  });
  return {
    larder: larder(setting, "larder", file),
    jco: setting.jco
      ? [
        jco("jco serve"),
        jco("jco serve --isolate-requests instance", "--isolate-requests", "instance"),
      ]
      : [],
  };
}

function larder(setting: Setting, name: string, subject: string, cold = false): ServerProgram {
  const cache = join(setting.folder, "cache");
  return {
    name,
    command: (port) => [
      setting.larder,
      "--cache-dir",
      cache,
      "run",
      "--listen",
      `127.0.0.1:${port}`,
      subject,
    ],
    env: { HOME: setting.folder },
    ...(cold && { prepare: () => remove(cache) }),
  };
}

async function starts(setting: Setting, subject: Subject): Promise<Claim[]> {
  const { larder: file, jco } = programs(setting, subject);
  const contenders = [
    larder(setting, "larder, nothing cached", subject.reference, true),
    { ...file, name: "larder, a file that is compiled" },
    larder(setting, "larder, an unchanged manifest", subject.reference),
    ...jco.slice(0, 1),
  ];
  const seconds = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round <= STARTS; round++) {
    for (const contender of contenders) {
      await using server = await Server.start(contender, PATH);
      if (round > 0) seconds.get(contender.name)!.push(server.startup);
    }
  }
  console.log(`| ${subject.name}: start to first response | seconds, median (least–most) |`);
  console.log("|---|---|");
  for (const [name, all] of seconds) console.log(`| ${name} | ${span(all)} |`);
  console.log();
  const peer = seconds.get("jco serve");
  if (!peer) return [];
  return contenders.slice(0, 3).map(({ name }) =>
    atMost(
      `${subject.name}: first response, ${name} / jco serve`,
      median(seconds.get(name)!) / median(peer),
    )
  );
}

/** Results of a server under load. */
interface Load {
  /** Successful responses per second, by number of connections. */
  readonly rates: Map<number, number[]>;
  /** Bytes of memory after the first response. */
  readonly idle: number[];
  /** Bytes of memory after all load. */
  readonly loaded: number[];
}

async function loads(setting: Setting, subject: Subject): Promise<Claim[]> {
  const { larder, jco } = programs(setting, subject);
  const contenders = [larder, ...jco];
  const results = new Map<string, Load>(contenders.map(({ name }) => [
    name,
    { rates: new Map(CONNECTIONS.map((count) => [count, []])), idle: [], loaded: [] },
  ]));
  for (let round = 0; round < LOADS; round++) {
    for (const contender of contenders) {
      await using server = await Server.start(contender, PATH);
      const result = results.get(contender.name)!;
      result.idle.push(server.memory);
      for (const [count, rates] of result.rates) rates.push(await rate(server, count));
      result.loaded.push(server.memory);
    }
  }
  const columns = CONNECTIONS.map((count) =>
    `requests/s, ${count} connection${count > 1 ? "s" : ""}`
  );
  console.log(
    `| ${subject.name}: under load | ${columns.join(" | ")} | memory, idle | after load |`,
  );
  console.log("|---|---|---|---|---|");
  for (const [name, { rates, idle, loaded }] of results) {
    const shown = [...rates.values()].map((all) => median(all).toFixed(0));
    const memory = [idle, loaded].map((all) => formatBytes(median(all)));
    console.log(`| ${name} | ${[...shown, ...memory].join(" | ")} |`);
  }
  console.log();
  return jco.flatMap(({ name }) =>
    against(subject, name, results.get("larder")!, results.get(name)!)
  );
}

function against(subject: Subject, peer: string, ours: Load, theirs: Load): Claim[] {
  const rates = CONNECTIONS.map((count) => {
    const [a, b] = [ours, theirs].map(({ rates }) => median(rates.get(count)!));
    const text = `${subject.name}: requests/s at ${count}, larder / ${peer}`;
    if (b === 0) return { text, value: `${a!.toFixed(0)} / 0: it hangs`, reached: a! > 0 };
    return { text, value: `${(a! / b!).toFixed(2)} (at least 1.00)`, reached: a! >= b! };
  });
  const memory = (["idle", "loaded"] as const).map((when) =>
    atMost(
      `${subject.name}: memory, ${when}, larder / ${peer}`,
      median(ours[when]) / median(theirs[when]),
    )
  );
  return [...rates, ...memory];
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
  const wasm = await jsComponent("http_handler");
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

function atMost(text: string, value: number): Claim {
  return { text, value: `${value.toFixed(2)} (at most 1.00)`, reached: value <= 1 };
}

function remove(folder: string): void {
  try {
    Deno.removeSync(folder, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
