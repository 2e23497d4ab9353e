// deno-lint-ignore-file no-console
import { cpus } from "node:os";
import { join } from "node:path";
import { formatBytes } from "../../src/base/units.ts";
import type { TestCache } from "../../tests/support/cache/test_cache.ts";
import { hasProgram } from "../../tests/support/cli/commands.ts";
import { larderBinary } from "./binary.ts";
import { BLOBS, ENTRIES, largeBlobs, smallBlobs } from "./cache_maker.ts";
import { type Contender, type Measured, median, race } from "./measure.ts";
import { type Claim, printClaims, printMachine, printTable } from "./report.ts";

const ROUNDS = 5;
/** Seconds that a command may take. */
const TIME_LIMIT = 2;
const MEMORY_LIMIT = 250 * 1024 * 1024;
/** Least throughput of verify, as a share of that of `sha256sum`. */
const VERIFY_LIMIT = 0.9;

/** `deno task bench manage`: commands on a cache of 10,000 entries, and verify on 1.5 GiB. */
export async function benchManage(): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "larder-bench-" });
  try {
    const larder = await larderBinary(folder);
    await printMachine(larder);
    console.log(`Caches on the local disk, warm; median of ${ROUNDS} runs in turn\n`);
    for (const peer of missingPeers()) console.log(`not run: ${peer}`);
    printClaims([...await readCommands(larder), ...await verify(larder)]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Returns the peers that are not measured, each with the reason. */
function missingPeers(): string[] {
  return [
    hasProgram("podman")
      ? "podman system df: its store would need the same images"
      : "podman system df: podman is not installed",
  ];
}

/** Measures the commands that read a whole cache of many entries. */
async function readCommands(larder: string): Promise<Claim[]> {
  using cache = smallBlobs();
  const half = `${Math.floor(cache.size() / 2)}B`;
  const commands = [
    ["list"],
    ["list", "--verbose"],
    ["df"],
    ["gc", "--dry-run", "--max-size", half],
    ["clean", "--dry-run"],
  ];
  const results = await race([
    ...commands.map((args) => larderOn(larder, cache, args)),
    { name: "du -s", command: ["du", "-s", cache.registry] },
  ], ROUNDS);
  printTable(`${ENTRIES} entries over ${BLOBS} blobs`, results);
  return results.slice(0, commands.length).flatMap(limits);
}

async function verify(larder: string): Promise<Claim[]> {
  using cache = largeBlobs();
  const data = join(cache.registry, "data");
  const jobs = cpus().length;
  const peer = `sha256sum, ${jobs} at once`;
  const script = `find ${data} -type f -print0 | xargs -0 -n1 -P${jobs} sha256sum`;
  const results = await race([
    larderOn(larder, cache, ["verify"]),
    { name: peer, command: ["sh", "-c", script] },
  ], ROUNDS);
  printTable(`${formatBytes(cache.size())} in large blobs`, results);
  const [ours, theirs] = results.map(({ seconds }) => median(seconds));
  const value = theirs! / ours!;
  return [{
    text: `verify: bytes a second, larder / ${peer}`,
    value: `${value.toFixed(2)} (at least ${VERIFY_LIMIT.toFixed(2)})`,
    reached: value >= VERIFY_LIMIT,
  }];
}

function larderOn(larder: string, cache: TestCache, args: readonly string[]): Contender {
  const name = args.filter((arg) => !/^\d+$/.test(arg)).join(" ");
  return {
    name: `larder ${name}`,
    command: [larder, "--cache-dir", cache.path, ...args],
    env: { HOME: cache.path },
  };
}

function limits({ name, seconds, peak }: Measured): Claim[] {
  const middle = median(seconds);
  return [
    {
      text: `${name}: seconds`,
      value: `${middle.toFixed(2)} (at most ${TIME_LIMIT.toFixed(2)})`,
      reached: middle <= TIME_LIMIT,
    },
    {
      text: `${name}: peak memory`,
      value: `${formatBytes(peak)} (at most ${formatBytes(MEMORY_LIMIT)})`,
      reached: peak <= MEMORY_LIMIT,
    },
  ];
}
