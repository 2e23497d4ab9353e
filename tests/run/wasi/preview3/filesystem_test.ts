import assert from "node:assert/strict";
import { join } from "node:path";
import type { Descriptor } from "../../../../src/run/wasi/preview3/filesystem.ts";
import { TemporaryFolder } from "../../../support/temporary.ts";
import { guestStream, Preview3Guest, textOfStream } from "../../../support/wasm/preview3_guest.ts";
import { wasiError } from "../../../support/wasm/streams.ts";

const code = (tag: string) => wasiError((payload) => (payload as { tag: string }).tag === tag);
const OK = { tag: "ok", val: undefined };

function rootOf(guest: Preview3Guest): Descriptor {
  const preopens = guest.interface<{ getDirectories(): [Descriptor, string][] }>(
    "filesystem/preopens",
  );
  return preopens.getDirectories()[0]![0];
}

function withFolder(test: (root: Descriptor, path: string) => Promise<void>): () => Promise<void> {
  return async () => {
    using folder = new TemporaryFolder();
    const path = Deno.realPathSync(folder.path);
    Deno.writeTextFileSync(join(path, "a"), "alpha");
    const mounts = [{ kind: "folder", guest: "/", host: path, readOnly: false }] as const;
    using guest = new Preview3Guest({ mounts });
    await test(rootOf(guest), path);
  };
}

Deno.test(
  "descriptor of 0.3 writes, appends and reads through streams, and stays open between them",
  withFolder(async (root, path) => {
    using file = await root.openAt({}, "b", { create: true }, {});
    assert.deepEqual(await file.writeViaStream(guestStream(["he", "llo"]), 0n), OK);
    assert.deepEqual(await file.appendViaStream(guestStream(["!"])), OK);
    const [stream, outcome] = file.readViaStream(1n);
    assert.equal(await textOfStream(stream), "ello!");
    assert.deepEqual(await outcome, OK);
    await file.sync();
    assert.equal(Deno.readTextFileSync(join(path, "b")), "hello!");
  }),
);

Deno.test(
  "descriptor of 0.3 fails with variants, in results and in futures",
  withFolder(async (root) => {
    await assert.rejects(root.openAt({}, "none", {}, { read: true }), code("no-entry"));
    await assert.rejects(root.advise(), code("bad-descriptor"));
    using file = await root.openAt({}, "a", {}, { read: true });
    await assert.rejects(
      file.setTimes({ tag: "now" }, { tag: "now" }),
      code("not-permitted"),
    );
    let isDropped = false;
    const stream = guestStream(["x"], () => isDropped = true);
    const outcome = await file.writeViaStream(stream, 0n);
    assert.deepEqual([outcome, isDropped], [{
      tag: "err",
      val: { tag: "bad-descriptor" },
    }, true]);
    const [entries, listed] = file.readDirectory();
    assert.deepEqual([[...entries], (await listed).tag], [[], "err"]);
  }),
);

Deno.test(
  "descriptor of 0.3 lists directories, and reports how it was opened",
  withFolder(async (root) => {
    const [entries, outcome] = root.readDirectory();
    assert.deepEqual([...entries], [{ type: { tag: "regular-file" }, name: "a" }]);
    assert.deepEqual(await outcome, OK);
    assert.deepEqual(await root.getType(), { tag: "directory" });
    using same = await root.openAt({}, ".", {}, {});
    assert.deepEqual(await same.getFlags(), { read: true, mutateDirectory: false });
    assert.deepEqual(await root.getFlags(), { read: true, mutateDirectory: true });
    assert.ok(await root.isSameObject(same));
  }),
);
