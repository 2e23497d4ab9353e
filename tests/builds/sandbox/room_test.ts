import assert from "node:assert/strict";
import { join } from "node:path";
import { removeAbandonedRooms, Room } from "../../../src/builds/sandbox/room.ts";
import { Layout } from "../../../src/store/layout.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

Deno.test("Room is empty, and gone afterwards, also if a command took permissions away", async () => {
  using folder = new TemporaryFolder();
  const layout = new Layout(folder.path);
  {
    await using room = Room.open(layout);
    assert.deepEqual([...Deno.readDirSync(room.folder("work"))], []);
    Deno.mkdirSync(join(room.folder("work"), "a"));
    Deno.writeTextFileSync(join(room.folder("work"), "a/b"), "x");
    Deno.chmodSync(join(room.folder("work"), "a"), 0o000);
  }
  assert.deepEqual([...Deno.readDirSync(layout.rooms)], []);
});

Deno.test("removeAbandonedRooms removes the rooms of ended processes, and no other", async () => {
  using folder = new TemporaryFolder();
  const layout = new Layout(folder.path);
  await using room = Room.open(layout);
  const abandoned = join(layout.rooms, "0123abcd");
  Deno.mkdirSync(join(abandoned, "work"), { recursive: true });
  Deno.writeTextFileSync(join(abandoned, "lock"), "");
  Deno.mkdirSync(join(layout.rooms, "4567cdef"));
  const foreign = join(layout.rooms, "notes");
  Deno.mkdirSync(foreign);
  await removeAbandonedRooms(layout);
  const left = [...Deno.readDirSync(layout.rooms)].map(({ name }) => join(layout.rooms, name));
  assert.deepEqual(left.sort(), [join(room.folder("work"), ".."), foreign].sort());
});
