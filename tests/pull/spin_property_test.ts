import fc from "fast-check";
import { applyPlan } from "../../src/gc/sweep/apply.ts";
import { archiveOf, type Artifact, wasmArtifact, wasmModule } from "../support/cache/artifacts.ts";
import { betweenCalls } from "../support/cache/fs_calls.ts";
import { clearPlan, gcPlan } from "../support/cache/plans.ts";
import { Spin } from "../support/cache/spin.ts";
import { spinApp } from "../support/cache/spin_apps.ts";
import { assertBlobsSound, assertUnpacked } from "../support/cache/store_check.ts";
import { DAY, HOUR } from "../support/cache/test_cache.ts";
import { TestPuller } from "../support/cache/test_puller.ts";

const ONE = { "a.txt": "shared", "b.txt": "only one" };
const TWO = { "a.txt": "shared", "c.txt": "only two" };
const module = wasmModule("module");

/** Apps that share files in every form, and a package with the module of an app. */
const ARTIFACTS: readonly Artifact[] = [
  await spinApp({ archived: ONE, module }),
  await spinApp({ archived: TWO }),
  await spinApp({ archived: ONE, files: { "d.txt": "a layer" }, module: wasmModule("other") }),
  await spinApp({ files: ONE, old: true }),
  wasmArtifact(module),
];
const ARCHIVES = [await archiveOf(ONE), await archiveOf(TWO)];

const TAGS = ["v1", "v2", "latest"] as const;

interface Action {
  readonly kind: "spin" | "digest" | "larder" | "move" | "gc" | "clean";
  readonly tag: typeof TAGS[number];
  readonly artifact: number;
  /** Milliseconds that a collection is later than now. */
  readonly later: number;
  /** The steps that Spin makes before each call of larder to the file system; it rests in between. */
  readonly steps: number;
  /** The steps after which Spin is killed. */
  readonly kill: number;
}

const anAction = fc.record({
  kind: fc.constantFrom("spin", "spin", "digest", "larder", "larder", "move", "gc", "clean"),
  tag: fc.constantFrom(...TAGS),
  artifact: fc.nat({ max: ARTIFACTS.length - 1 }),
  later: fc.constantFrom(0, 2 * HOUR, 2 * DAY),
  steps: fc.nat({ max: 3 }),
  kill: fc.oneof(fc.constant(Infinity), fc.nat({ max: 40 })),
}) as fc.Arbitrary<Action>;

/** larder and Spin on one cache, and one pull of Spin under way. */
class SharedCache {
  readonly #puller: TestPuller;
  readonly #spin: Spin;
  readonly #tags = new Map<string, Artifact>();
  #pull: Generator<void> | undefined;
  #left = 0;

  constructor(puller: TestPuller, umask: number) {
    this.#puller = puller;
    this.#spin = new Spin(puller.layout.root, umask);
    for (const [i, tag] of TAGS.entries()) this.move(tag, i);
  }

  move(tag: string, artifact: number): void {
    this.#tags.set(tag, ARTIFACTS[artifact]!);
    this.#puller.registry.add("app", ARTIFACTS[artifact]!, tag);
  }

  /** Makes Spin go on. @returns false if it has ended, or was killed */
  step(): boolean {
    if (this.#pull && this.#left-- > 0 && !this.#pull.next().done) return true;
    this.#pull?.return(undefined);
    this.#pull = undefined;
    return false;
  }

  async run(action: Action): Promise<void> {
    const { kind, tag, artifact, steps, kill, later } = action;
    const advance = () => {
      for (let i = 0; i < steps; i++) this.step();
    };
    const { layout } = this.#puller;
    const now = Date.now() + later;
    switch (kind) {
      case "move":
        return this.move(tag, artifact);
      case "spin":
        return this.#start(this.#reference(tag), this.#tags.get(tag)!, kill);
      case "digest": {
        const named = ARTIFACTS[artifact]!;
        const name = `${this.#puller.registry.host}/app@${named.descriptor.digest}`;
        return this.#start(name, named, kill);
      }
      case "larder":
        await betweenCalls(advance, () => this.#puller.pull({}, this.#reference(tag)));
        return;
      case "gc":
      case "clean": {
        const plan = kind === "gc"
          ? await gcPlan(layout, now, { unused: DAY })
          : await clearPlan(layout, now, {});
        await betweenCalls(
          advance,
          () => applyPlan(layout, plan, { now: () => now, by: "a test" }),
        );
      }
    }
  }

  /** Ends Spin's pull: at once, as by a kill, or in order. */
  settle({ killed }: { killed: boolean }): void {
    if (killed) this.#left = 0;
    while (this.step());
  }

  /** Pulls every tag with Spin, and loads it. @param larder true to pull it with larder first */
  async loadAll({ larder }: { larder: boolean }): Promise<void> {
    for (const [tag, artifact] of this.#tags) {
      if (larder) {
        await this.#puller.pull({}, this.#reference(tag));
        assertUnpacked(this.#puller.layout.root, ARCHIVES.filter((each) => has(artifact, each)));
      }
      this.#spin.pullAll(this.#reference(tag), artifact);
      this.#spin.load(this.#reference(tag));
    }
  }

  assertSound(): void {
    assertUnpacked(this.#puller.layout.root, ARCHIVES);
    assertBlobsSound(this.#puller.layout.root);
  }

  #start(reference: string, artifact: Artifact, kill: number): void {
    this.settle({ killed: false });
    this.#pull = this.#spin.pull(reference, artifact);
    this.#left = kill;
  }

  #reference(tag: string): string {
    return this.#puller.registry.reference("app", tag);
  }
}

function has({ blobs }: Artifact, archive: Uint8Array): boolean {
  return blobs.some(({ bytes }) => bytes.length === archive.length && `${bytes}` === `${archive}`);
}

const someActions = fc.array(anAction, { minLength: 3, maxLength: 10 });
const aUmask = fc.constantFrom(0o022, 0o077);

Deno.test("a pull mends for Spin what a killed Spin left, after any pulls and sweeps of both", async () => {
  await fc.assert(
    fc.asyncProperty(someActions, aUmask, async (actions, umask) => {
      await using puller = await TestPuller.start();
      const cache = new SharedCache(puller, umask);
      for (const action of actions) await cache.run(action);
      cache.settle({ killed: true });
      await cache.loadAll({ larder: true });
    }),
    { numRuns: 20 },
  );
});

Deno.test("Spin loads what it pulls after any pulls of both at once, and sweeps in between", async () => {
  await fc.assert(
    fc.asyncProperty(someActions, aUmask, async (actions, umask) => {
      await using puller = await TestPuller.start();
      const cache = new SharedCache(puller, umask);
      for (const action of actions) {
        // Spin takes no lock: a sweep can remove what a pull of Spin has found already.
        if (action.kind === "gc" || action.kind === "clean") cache.settle({ killed: false });
        await cache.run({ ...action, kill: Infinity });
      }
      cache.settle({ killed: false });
      cache.assertSound();
      await cache.loadAll({ larder: false });
    }),
    { numRuns: 20 },
  );
});
