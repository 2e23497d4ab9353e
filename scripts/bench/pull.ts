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
import { run } from "../../tests/support/cli/commands.ts";
import { DockerRegistry } from "../../tests/support/registry/docker_registry.ts";
import { push } from "../../tests/support/registry/push.ts";
import { emptyProgram, larderBinary } from "./binary.ts";
import { type Contender, type Measured, median, race } from "./measure.ts";
import { goPeer } from "./peers.ts";
import { type Claim, printClaims, printMachine, printTable } from "./report.ts";

const ROUNDS = 5;
const LARGE = 512 * 1024 * 1024;
const MEMORY_LIMIT = 130 * 1024 * 1024;

/** The programs, the registry's host and the folder for their files. */
interface Setting {
  readonly folder: string;
  readonly host: string;
  readonly larder: string;
  readonly empty: string;
  readonly crane: string | undefined;
  readonly oras: string | undefined;
}

/** `deno task bench pull`: large layers, many small layers, and an unchanged tag. */
export async function benchPull(): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "larder-bench-" });
  try {
    await using registry = await DockerRegistry.start();
    const crane = await goPeer("crane", folder);
    const oras = await goPeer("oras", folder);
    const setting: Setting = {
      folder,
      host: registry.host,
      larder: await larderBinary(folder),
      empty: await emptyProgram(folder),
      crane: "path" in crane ? crane.path : undefined,
      oras: "path" in oras ? oras.path : undefined,
    };
    await printMachine(setting.larder);
    console.log(`Registry: docker-registry on this machine; median of ${ROUNDS} runs in turn\n`);
    for (const peer of [crane, oras]) {
      if ("missing" in peer) console.log(`not run: ${peer.missing}`);
    }
    const claims = [
      ...await largeLayers(setting),
      ...await smallLayers(setting),
      ...await unchanged(setting),
    ];
    printClaims(claims);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

async function largeLayers(setting: Setting): Promise<Claim[]> {
  const digests = await pushLarge(setting);
  const curl: Contender = {
    name: "curl and openssl",
    command: ["sh", "-c", curlScript(setting, digests)],
    prepare: () => empty(join(setting.folder, "out")),
  };
  const results = await race([...pullers(setting, "large"), curl], ROUNDS);
  printTable("2 layers of 512 MiB, cold", results);
  const [larder] = results;
  return [
    ratio("2 × 512 MiB: larder / skopeo", larder!, named(results, "skopeo"), 0.6),
    ratio(
      "2 × 512 MiB: larder / curl and openssl",
      larder!,
      named(results, "curl and openssl"),
      1.25,
    ),
    {
      text: "peak memory of larder",
      value: formatBytes(larder!.peak),
      reached: larder!.peak < MEMORY_LIMIT,
    },
  ];
}

async function smallLayers(setting: Setting): Promise<Claim[]> {
  const layers = Array.from({ length: 400 }, (_, i) => smallLayer(i));
  await push(`http://${setting.host}`, "small", image(layers), "v1");
  const results = await race(pullers(setting, "small"), ROUNDS);
  printTable("400 layers of 4 KiB, cold", results);
  const [larder, ...peers] = results;
  return [
    ratio("400 × 4 KiB: larder / skopeo", larder!, named(results, "skopeo"), 0.12),
    ...peers.filter(({ name }) => name !== "skopeo")
      .map((peer) => ratio(`400 × 4 KiB: larder / ${peer.name}`, larder!, peer, 1)),
  ];
}

async function unchanged(setting: Setting): Promise<Claim[]> {
  const reference = `${setting.host}/small:v1`;
  const inspect = ["inspect", "--raw", "--tls-verify=false", `docker://${reference}`];
  const [larder] = pullers(setting, "small");
  const results = await race([
    { ...larder!, prepare: () => {} },
    { name: "skopeo inspect --raw", command: ["skopeo", ...inspect] },
    { name: "an empty Deno program", command: [setting.empty] },
  ], ROUNDS * 3);
  printTable("the same, nothing changed", results);
  const allowed = median(results[1]!.seconds) + median(results[2]!.seconds);
  const value = median(results[0]!.seconds) / allowed;
  return [{
    text: "unchanged: larder / (skopeo inspect --raw + Deno's start)",
    value: `${value.toFixed(2)} (at most 1.00)`,
    reached: value <= 1,
  }];
}

/** Returns larder and the available peers, each pulling a repository into an empty folder. */
function pullers(setting: Setting, repository: string): Contender[] {
  const { folder, host, larder, crane, oras } = setting;
  const reference = `${host}/${repository}:v1`;
  const out = join(folder, "out");
  const cache = join(folder, "cache");
  const prepare = () => empty(out);
  const env = { HOME: folder };
  return [
    {
      name: "larder",
      command: [larder, "--quiet", "--cache-dir", cache, "pull", reference],
      env,
      prepare: () => empty(cache),
    },
    {
      name: "skopeo",
      command: [
        "skopeo",
        "copy",
        "--quiet",
        "--src-tls-verify=false",
        `docker://${reference}`,
        `dir:${out}`,
      ],
      env,
      prepare,
    },
    ...crane
      ? [{
        name: "crane",
        command: [crane, "pull", "--insecure", "--format=oci", reference, out],
        env,
        prepare,
      }]
      : [],
    ...oras
      ? [{
        name: "oras",
        command: [
          oras,
          "copy",
          "--no-tty",
          "--from-plain-http",
          "--to-oci-layout",
          reference,
          `${out}:v1`,
        ],
        env,
        prepare,
      }]
      : [],
  ];
}

function curlScript({ host, folder }: Setting, digests: readonly string[]): string {
  const jobs = digests.map((digest) => {
    const file = join(folder, "out", digest);
    return `(curl -sS -o ${file} http://${host}/v2/large/blobs/${digest} && openssl dgst -sha256 ${file}) &`;
  });
  return `${jobs.join("\n")}\nwait`;
}

/** Pushes an image of two layers that are too large for memory, and returns their digests. */
async function pushLarge({ folder, host }: Setting): Promise<string[]> {
  const layers: TestBlob[] = [];
  for (const seed of ["one", "two"]) layers.push(await pushStream(folder, host, seed));
  const { bytes, blobs, descriptor, children } = image(layers);
  const small = blobs.filter((blob) => !layers.includes(blob));
  await push(`http://${host}`, "large", { bytes, descriptor, children, blobs: small }, "v1");
  return layers.map((layer) => layer.descriptor.digest);
}

async function pushStream(folder: string, host: string, seed: string): Promise<TestBlob> {
  const path = join(folder, "layer");
  const hasher = new Hasher();
  const piece = randomBytes(1024 * 1024, seed);
  {
    using file = Deno.openSync(path, { write: true, create: true, truncate: true });
    for (let i = 0; i < LARGE / piece.length; i++) {
      piece[0] = i;
      piece[1] = i >> 8;
      hasher.update(piece);
      file.writeSync(piece);
    }
  }
  const digest = hasher.digest();
  const started = await fetch(`http://${host}/v2/large/blobs/uploads/`, { method: "POST" });
  await started.body?.cancel();
  const url = new URL(started.headers.get("location")!);
  url.searchParams.set("digest", digest);
  await run("curl", ["-sSf", "-X", "PUT", "-T", path, url.href]);
  Deno.removeSync(path);
  return {
    descriptor: { mediaType: MEDIA_TYPES.ociLayer, digest, size: LARGE },
    bytes: new Uint8Array(),
  };
}

function smallLayer(i: number): TestBlob {
  const bytes = randomBytes(4096, `layer ${i}`);
  const hasher = new Hasher();
  hasher.update(bytes);
  const descriptor = {
    mediaType: MEDIA_TYPES.ociLayer,
    digest: hasher.digest(),
    size: bytes.length,
  };
  return { descriptor, bytes };
}

function empty(folder: string): void {
  try {
    Deno.removeSync(folder, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  Deno.mkdirSync(folder);
}

function named(results: readonly Measured[], name: string): Measured {
  return results.find((result) => result.name === name)!;
}

/** Returns the claim that the ratio of two medians is at most `limit`. */
function ratio(text: string, a: Measured, b: Measured, limit: number): Claim {
  const value = median(a.seconds) / median(b.seconds);
  return {
    text,
    value: `${value.toFixed(2)} (at most ${limit.toFixed(2)})`,
    reached: value <= limit,
  };
}
