// deno-lint-ignore-file no-console
import { join } from "node:path";
import { formatBytes } from "../../src/base/units.ts";
import { hasProgram } from "../../tests/support/cli/commands.ts";
import { larderBinary } from "./binary.ts";
import { Link, type LinkOptions } from "./link.ts";
import { type Contender, type Measured, median, race } from "./measure.ts";
import { PackageServer } from "./package_server.ts";
import { type Claim, printClaims, printMachine, printTable } from "./report.ts";

const ROUNDS = 5;
const PACKAGES = 200;
/** Seconds in which cached packages are handed out. */
const CACHED_LIMIT = 0.5;
const LINK: LinkOptions = { delay: 15, rate: 100e6, loss: 0 };

/** What every measurement of this file needs. */
interface Bench {
  readonly larder: string;
  /** Removed at the end. */
  readonly folder: string;
}

/** `deno task bench build`: packages from the cache and from a server. */
export async function benchBuild(): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "larder-bench-" });
  try {
    const larder = await larderBinary(folder);
    await printMachine(larder);
    console.log(`On the local disk, warm; median of ${ROUNDS} runs in turn\n`);
    printClaims(await packages({ larder, folder }));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Measures a fetch of packages that are all cached, and of packages that are not. */
async function packages(bench: Bench): Promise<Claim[]> {
  await using server = await PackageServer.start(PACKAGES, "127.0.0.1");
  const claims = await cached(bench, server);
  await cold(bench, server, "on the same machine", (command) => command);
  try {
    await using link = await Link.open(LINK);
    await using remote = await PackageServer.start(
      PACKAGES,
      link.address,
      (command) => link.command("server", command),
    );
    const line = `over a line of ${2 * LINK.delay} ms and ${LINK.rate / 1e6} Mbit/s`;
    const results = await cold(bench, remote, line, (command) => link.command("client", command));
    claims.push(...claimOf(line, results));
  } catch (error) {
    console.log(`not run: a cold fetch over a line (${(error as Error).message})\n`);
  }
  return claims;
}

async function cached({ larder, folder }: Bench, server: PackageServer): Promise<Claim[]> {
  const [cache, debs] = [join(folder, "warm"), join(folder, "debs")];
  const fetch = [larder, "--cache-dir", cache, "-q", "fetch", ...server.urls];
  const prepare = () => remove(debs);
  const results = await race([
    { name: "larder fetch", command: fetch },
    { name: "larder fetch --to", command: [...fetch, "--to", debs], prepare },
    { name: "cp -r", command: ["cp", "-r", join(cache, "registry/data"), debs], prepare },
  ], ROUNDS);
  printTable(`${PACKAGES} cached packages, ${formatBytes(server.bytes)}`, results);
  const seconds = median(results[1]!.seconds);
  return [{
    text: `${PACKAGES} cached packages copied to a folder: seconds`,
    value: `${seconds.toFixed(2)} (less than ${CACHED_LIMIT.toFixed(2)})`,
    reached: seconds < CACHED_LIMIT,
  }];
}

/** Fetches packages into an empty cache and a folder. @param as returns a command that runs another where the client is */
async function cold(
  { larder, folder }: Bench,
  { urls, bytes }: PackageServer,
  where: string,
  as: (command: readonly string[]) => readonly string[],
): Promise<Measured[]> {
  const [cache, debs, list] = ["cold", "debs", "urls"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  Deno.writeTextFileSync(list, urls.join("\n") + "\n");
  const prepare = () => remove(cache, debs);
  const contenders: Contender[] = [{
    name: "larder fetch --to",
    command: as([larder, "--cache-dir", cache, "-q", "fetch", ...urls, "--to", debs]),
    prepare,
  }];
  if (hasProgram("aria2c")) {
    const command = as(["aria2c", "-q", "-j16", "-d", debs, "-i", list]);
    contenders.push({ name: "aria2c -j16", command, prepare });
  } else {
    console.log("not run: aria2c is not installed\n");
  }
  const results = await race(contenders, ROUNDS);
  printTable(`${PACKAGES} packages, ${formatBytes(bytes)}, ${where}`, results);
  return results;
}

function claimOf(line: string, results: readonly Measured[]): Claim[] {
  const [ours, theirs] = results.map(({ seconds }) => median(seconds));
  if (theirs === undefined) return [];
  return [{
    text: `${PACKAGES} packages ${line}: seconds, larder fetch --to / aria2c -j16`,
    value: `${(ours! / theirs).toFixed(2)} (at most 1.00)`,
    reached: ours! <= theirs,
  }];
}

function remove(...paths: string[]): void {
  for (const path of paths) {
    try {
      Deno.removeSync(path, { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}
