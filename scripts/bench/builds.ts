import { join } from "node:path";
import { childEnvironment } from "../../tests/support/cli/environment.ts";
import { run } from "../../tests/support/cli/commands.ts";
import { formatBytes } from "../../src/base/units.ts";
import { median, race } from "./measure.ts";
import { type Claim, printTable } from "./report.ts";

/** Bytes of the image: 2 GiB. */
const IMAGE = 2 * 1024 ** 3;
/** A hit takes at most this many times what `cp` takes, besides the start of larder. */
const HIT_LIMIT = 1.1;
const FILES = 20_000;
const FILES_OF_FOLDER = 100;
/** Bytes of the largest file; the sizes are evenly spread. */
const LARGEST = 8 * 1024;

/** What every measurement of builds needs. */
export interface BuildBench {
  readonly larder: string;
  readonly folder: string;
  readonly rounds: number;
}

/** Measures a hit on a large image, and the hashing of a tree of many files. */
export async function benchBuilds(bench: BuildBench): Promise<Claim[]> {
  return [...await hit(bench), ...await hashing(bench)];
}

async function hit({ larder, folder, rounds }: BuildBench): Promise<Claim[]> {
  const cache = join(folder, "image-cache");
  const out = join(folder, "image");
  const build = (to: string, bytes: number) => {
    const script = `head -c ${bytes} /dev/urandom > $LARDER_OUTPUT`;
    return [larder, "--cache-dir", cache, "-q", "build", "-o", to, "--", "sh", "-c", script];
  };
  const command = build(out, IMAGE);
  const start = build(join(folder, "small"), 1);
  await runIn(folder, command);
  await runIn(folder, start);
  const prepare = () => Deno.removeSync(out);
  const blob = largestIn(join(cache, "registry/data"));
  const results = await race([
    { name: "larder build", command, prepare },
    { name: "cp --reflink=auto", command: ["cp", "--reflink=auto", blob, out], prepare },
    { name: "larder build, 1 byte", command: start },
  ], rounds);
  printTable(`A cached image of ${formatBytes(IMAGE)}`, results);
  const [ours, theirs, least] = results.map(({ seconds }) => median(seconds));
  Deno.removeSync(out);
  Deno.removeSync(cache, { recursive: true });
  const value = (ours! - least!) / theirs!;
  return [{
    text: `a cached image of ${formatBytes(IMAGE)}: seconds without the start, larder / cp`,
    value: `${value.toFixed(2)} (at most ${HIT_LIMIT.toFixed(2)})`,
    reached: value <= HIT_LIMIT,
  }];
}

async function hashing({ larder, folder, rounds }: BuildBench): Promise<Claim[]> {
  const project = join(folder, "project");
  makeTree(join(project, "tree"));
  const cache = join(folder, "tree-cache");
  const out = join(folder, "out");
  const command = [
    ...[larder, "--cache-dir", cache, "-q", "build", "-i", join(project, "tree"), "-o", out],
    ...["--", "sh", "-c", "echo x > $LARDER_OUTPUT"],
  ];
  await runIn(folder, command);
  const git = join(project, ".git");
  const initialize = () => {
    Deno.removeSync(git, { recursive: true });
    new Deno.Command("git", { args: ["init", "-q", project] }).outputSync();
  };
  await run("git", ["init", "-q", project]);
  const results = await race([
    { name: "larder build", command },
    { name: "git add", command: ["git", "-C", project, "add", "tree"], prepare: initialize },
  ], rounds);
  printTable(`A tree of ${FILES} files, nothing changed`, results);
  const [ours, theirs] = results.map(({ seconds }) => median(seconds));
  return [{
    text: `hashing ${FILES} files: seconds, larder build / git add`,
    value: `${(ours! / theirs!).toFixed(2)} (at most 1.00)`,
    reached: ours! <= theirs!,
  }];
}

function makeTree(root: string): void {
  for (let i = 0; i < FILES; i++) {
    const folder = join(root, `folder ${Math.floor(i / FILES_OF_FOLDER)}`);
    if (i % FILES_OF_FOLDER === 0) Deno.mkdirSync(folder, { recursive: true });
    const bytes = crypto.getRandomValues(new Uint8Array(1 + (i * 7919) % LARGEST));
    Deno.writeFileSync(join(folder, `file ${i}`), bytes);
  }
}

function largestIn(folder: string): string {
  const paths = [...Deno.readDirSync(folder)].map(({ name }) => join(folder, name));
  return paths.find((path) => Deno.statSync(path).size === IMAGE)!;
}

async function runIn(folder: string, [program, ...args]: string[]): Promise<void> {
  await run(program!, args, { env: childEnvironment({ HOME: folder }) });
}
