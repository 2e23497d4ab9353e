import assert from "node:assert/strict";
import { join } from "node:path";
import { hasCode, LarderError } from "../../src/base/errors.ts";
import { PULL_ROUNDS } from "../../src/base/limits.ts";
import {
  type Lack,
  type Room,
  ShortOfSpace,
  type SpaceRequest,
  withRoom,
} from "../../src/pull/room.ts";
import { Layout } from "../../src/store/layout.ts";
import { withExclusiveLock, withSharedLock } from "../../src/store/locks/store_lock.ts";
import { TemporaryFolder } from "../support/temporary.ts";

const REQUEST: SpaceRequest = { bytes: 1, files: 1, folders: [], digests: [] };

function full(): LarderError {
  return new LarderError("LDR_DISK_FULL", "the disk is full", { hint: "free some space" });
}

/** A cache, and room that notes what it is asked for. Making room takes the exclusive lock. */
class Fixture implements Disposable {
  readonly #folder = new TemporaryFolder();
  readonly layout = new Layout(join(this.#folder.path, "registry"));
  readonly made: Lack[] = [];
  /** What the next calls free. */
  readonly results: boolean[];

  constructor(...results: boolean[]) {
    this.results = results;
  }

  readonly room: Room = {
    isShort: () => Promise.resolve(false),
    make: (_request, { lack }) =>
      withExclusiveLock(this.layout, () => {
        this.made.push(lack);
        return Promise.resolve(this.results.shift() ?? false);
      }, { timeout: 5000 }),
    explain: (error) =>
      Promise.resolve(new LarderError(error.code, error.message, { hint: "larder gc" })),
  };

  /** Runs work that fails with these errors first. */
  run(...failures: Error[]): Promise<string> {
    return withRoom(this.layout, () => {
      const failure = failures.shift();
      return failure ? Promise.reject(failure) : Promise.resolve("done");
    }, { room: this.room, request: () => REQUEST, note: () => {} });
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

Deno.test("withRoom runs work again after it made room, without the lock meanwhile", async () => {
  using fixture = new Fixture(true, true);
  assert.equal(await fixture.run(full(), full()), "done");
  assert.deepEqual(fixture.made, ["disk", "disk"]);
});

Deno.test("withRoom fails with what a user can do if no room can be made", async () => {
  using fixture = new Fixture(true, false);
  await assert.rejects(fixture.run(full(), full()), (error) => {
    assert.ok(hasCode(error, "LDR_DISK_FULL"));
    assert.equal(error.hint, "larder gc");
    return true;
  });
  // In the second round, once for more and once for what is needed.
  assert.equal(fixture.made.length, 3);
});

Deno.test("withRoom goes on without room that was only asked for in advance", async () => {
  using fixture = new Fixture(false);
  assert.equal(await fixture.run(new ShortOfSpace()), "done");
  assert.deepEqual(fixture.made, ["expected"]);
});

Deno.test("withRoom gives up after some rounds, even if each frees something", async () => {
  using fixture = new Fixture(...Array(20).fill(true));
  await assert.rejects(fixture.run(...Array.from({ length: 20 }, full)));
  assert.equal(fixture.made.length, PULL_ROUNDS);
});

Deno.test("withRoom makes no room within an operation that holds the lock, nor for other failures", async () => {
  using fixture = new Fixture(true);
  const inner = () => fixture.run(full());
  await assert.rejects(withSharedLock(fixture.layout, inner), { code: "LDR_DISK_FULL" });
  await assert.rejects(fixture.run(new Error("another")), { message: "another" });
  assert.deepEqual(fixture.made, []);
});

Deno.test("withRoom of two at once lets both make room", async () => {
  using fixture = new Fixture(true, true);
  assert.deepEqual(await Promise.all([fixture.run(full()), fixture.run(full())]), ["done", "done"]);
  assert.deepEqual(fixture.made, ["disk", "disk"]);
});

Deno.test("withRoom tells a quota from a full disk", async () => {
  using fixture = new Fixture(true);
  const cause = Object.assign(new Error("quota"), { code: "EDQUOT" });
  const quota = new LarderError("LDR_DISK_FULL", "quota", { hint: "free some space", cause });
  assert.equal(await fixture.run(quota), "done");
  assert.deepEqual(fixture.made, ["quota"]);
});
