// deno-lint-ignore-file no-console
import { join } from "node:path";
import { stringify } from "yaml";
import { formatBytes } from "../../src/base/units.ts";
import { blob, image, MEDIA_TYPES, randomBytes } from "../../tests/support/cache/artifacts.ts";
import { childEnvironment } from "../../tests/support/cli/environment.ts";
import { TestCa } from "../../tests/support/registry/certificates.ts";
import { DockerRegistry } from "../../tests/support/registry/docker_registry.ts";
import { push } from "../../tests/support/registry/push.ts";
import { until } from "../../tests/support/until.ts";
import { larderBinary } from "./binary.ts";
import { type CongestionControl, Link, type LinkOptions } from "./link.ts";
import { type Contender, type Measured, median, race } from "./measure.ts";
import { goPeer } from "./peers.ts";
import { type Claim, printClaims, printMachine, printTable } from "./report.ts";

const ROUNDS = 5;
const PORT = 5000;
const LINK: LinkOptions = { delay: 15, rate: 100e6, loss: 0.01 };
const IMAGES = {
  large: { layers: 5, size: 8 * 1024 * 1024 },
  small: { layers: 400, size: 4096 },
} as const;

/** A program that copies an image from a registry to the disk. */
interface Puller {
  readonly name: string;
  /** Returns the command that copies a reference into a folder. */
  readonly command: (reference: string, folder: string) => readonly string[];
}

/** `deno task bench network`: pulls over TLS through an emulated line of 30 ms, 100 Mbit/s and 1 % loss. */
export async function benchNetwork(): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "larder-bench-" });
  try {
    const larder = await larderBinary(folder);
    const pullers = await availablePullers(larder, folder);
    await using source = await DockerRegistry.start();
    for (const [name, { layers, size }] of Object.entries(IMAGES)) {
      await push(source.url, name, image(randomLayers(name, layers, size)), "v1");
    }
    await using link = await Link.open(LINK);
    using ca = await TestCa.create();
    await using _registry = await serve(link, source.storage, ca, folder);
    await printMachine(larder);
    console.log(
      `Registry: docker-registry over TLS; ${2 * LINK.delay} ms round trip, ${LINK.rate / 1e6} ` +
        `Mbit/s, ${100 * LINK.loss} % of the packets to the client lost\n`,
    );
    const setting = { folder, link, ca, pullers };
    printClaims([
      ...await cold(setting, "small", "cubic", ROUNDS),
      ...await cold(setting, "large", "bbr", ROUNDS),
      ...await unchanged(setting, "large"),
      ...await cold(setting, "large", "cubic", 1),
    ]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

interface Setting {
  readonly folder: string;
  readonly link: Link;
  readonly ca: TestCa;
  readonly pullers: readonly Puller[];
}

/**
 * Pulls an image into empty folders; larder has to be faster than every peer.
 *
 * @param rounds one is enough, without a round of warm-up, for what takes minutes
 */
async function cold(
  setting: Setting,
  name: keyof typeof IMAGES,
  congestionControl: CongestionControl,
  rounds: number,
): Promise<Claim[]> {
  await setting.link.setCongestionControl(congestionControl);
  const title = `${titleOf(name)}, cold, ${congestionControl}`;
  const results = await race(contenders(setting, name, true), rounds, rounds > 1);
  printTable(title, results);
  return compare(title, results);
}

/** Pulls the same image again, into the same folders. */
async function unchanged(setting: Setting, name: keyof typeof IMAGES): Promise<Claim[]> {
  const title = `${titleOf(name)}, nothing changed`;
  const results = await race(contenders(setting, name, false), ROUNDS * 3);
  printTable(title, results);
  return compare(title, results);
}

function titleOf(name: keyof typeof IMAGES): string {
  const { layers, size } = IMAGES[name];
  return `${layers} layers of ${formatBytes(size)}`;
}

function compare(title: string, [larder, ...peers]: readonly Measured[]): Claim[] {
  return peers.map((peer) => {
    const ratio = median(larder!.seconds) / median(peer.seconds);
    return {
      text: `${title}: larder / ${peer.name}`,
      value: `${ratio.toFixed(2)} (at most 1.00)`,
      reached: ratio <= 1,
    };
  });
}

function contenders(
  { folder, link, ca, pullers }: Setting,
  image: string,
  cold: boolean,
): Contender[] {
  const reference = `${link.address}:${PORT}/${image}:v1`;
  return pullers.map(({ name, command }) => {
    const target = join(folder, `${name}-${image}`);
    return {
      name,
      command: link.command("client", command(reference, target)),
      env: { HOME: folder, SSL_CERT_FILE: ca.file },
      prepare: () => cold && empty(target),
    };
  });
}

/** Returns larder and its peers, and prints which of them cannot be built. */
async function availablePullers(larder: string, folder: string): Promise<Puller[]> {
  const pullers: Puller[] = [
    {
      name: "larder",
      command: (from, to) => [larder, "--quiet", "--cache-dir", to, "pull", from],
    },
    {
      name: "skopeo",
      command: (from, to) => ["skopeo", "copy", "--quiet", `docker://${from}`, `oci:${to}:v1`],
    },
  ];
  const peers = {
    crane: (from: string, to: string) => ["pull", "--format=oci", from, to],
    oras: (from: string, to: string) => ["copy", "--no-tty", "--to-oci-layout", from, `${to}:v1`],
    regctl: (from: string, to: string) => ["image", "copy", from, `ocidir://${to}:v1`],
  };
  for (const [name, args] of Object.entries(peers)) {
    const peer = await goPeer(name as keyof typeof peers, folder);
    if ("missing" in peer) console.log(`not run: ${peer.missing}`);
    else pullers.push({ name, command: (from, to) => [peer.path, ...args(from, to)] });
  }
  return pullers;
}

/** Serves the content of another registry over TLS, at the server's end of the link. */
async function serve(
  link: Link,
  storage: string,
  ca: TestCa,
  folder: string,
): Promise<AsyncDisposable> {
  const config = join(folder, "registry.yml");
  const log = join(folder, "registry.log");
  const { certificate, key } = await ca.issue(link.address);
  Deno.writeTextFileSync(
    config,
    stringify({
      version: 0.1,
      storage: { filesystem: { rootdirectory: storage } },
      http: { addr: `${link.address}:${PORT}`, tls: { certificate, key } },
    }),
  );
  Deno.writeTextFileSync(log, "");
  const command = 'exec "$@" 2>"$LOG"';
  const registry = ["docker-registry", "serve", config];
  const process = new Deno.Command("sh", {
    args: ["-c", command, "sh", ...link.command("server", registry)],
    clearEnv: true,
    env: childEnvironment({ LOG: log }),
    stdin: "null",
    stdout: "null",
  }).spawn();
  await until(() => Deno.readTextFileSync(log).includes("listening on"), process.status);
  return {
    async [Symbol.asyncDispose]() {
      process.kill("SIGKILL");
      await process.status;
    },
  };
}

function randomLayers(name: string, count: number, size: number) {
  return Array.from(
    { length: count },
    (_, i) => blob(randomBytes(size, `${name} ${i}`), MEDIA_TYPES.ociLayer),
  );
}

function empty(folder: string): void {
  try {
    Deno.removeSync(folder, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
