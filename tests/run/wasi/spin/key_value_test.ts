import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { MAX_STORES } from "../../../../src/run/wasi/spin/key_value.ts";
import { GuestStores } from "../../../support/wasm/store_guest.ts";
import { wasiError } from "../../../support/wasm/streams.ts";

const bytes = (...values: number[]) => new Uint8Array(values);
const failsWith = (payload: unknown) =>
  wasiError((actual) => JSON.stringify(actual) === JSON.stringify(payload));

Deno.test("fermyon:spin/key-value stores, overwrites, lists and deletes values", async () => {
  using stores = new GuestStores();
  const { Store } = stores.guest().imports["fermyon:spin/key-value"];
  const store = await Store.open("default");
  const keys = ["", "a", "x/y", "ä\0b"];
  for (const key of keys) await store.set(key, bytes(1, 0, 2));
  await store.set("a", bytes());
  assert.deepEqual((await store.getKeys()).toSorted(), keys);
  assert.deepEqual([await store.get("a"), await store.get("ä\0b")], [bytes(), bytes(1, 0, 2)]);
  assert.deepEqual([await store.exists("a"), await store.exists("b")], [true, false]);
  await store.delete("a");
  await store.delete("never there");
  assert.deepEqual([await store.get("a"), await store.exists("a")], [undefined, false]);
});

Deno.test("fermyon:spin/key-value keeps stores of different labels apart", async () => {
  using stores = new GuestStores();
  const { Store } = stores.guest().imports["fermyon:spin/key-value"];
  const [one, two] = [await Store.open("default"), await Store.open("second")];
  await one.set("k", bytes(1));
  assert.equal(await two.get("k"), undefined);
});

Deno.test("fermyon:spin/key-value shows what another thread has set", async () => {
  using stores = new GuestStores();
  for (const label of ["default", "memory"]) {
    const [one, two] = [stores.guest(), stores.guest()]
      .map(({ imports }) => imports["fermyon:spin/key-value"].Store);
    await (await one.open(label)).set("k", bytes(7));
    assert.deepEqual(await (await two.open(label)).get("k"), bytes(7));
  }
});

for (const label of ["other", "constructor", "__proto__", ""]) {
  Deno.test(`fermyon:spin/key-value denies access to the label "${label}"`, async () => {
    using stores = new GuestStores();
    const { Store } = stores.guest().imports["fermyon:spin/key-value"];
    await assert.rejects(() => Store.open(label), failsWith({ tag: "access-denied" }));
  });
}

Deno.test("fermyon:spin/key-value opens 256 stores at a time", async () => {
  using stores = new GuestStores();
  const guest = stores.guest();
  const { Store } = guest.imports["fermyon:spin/key-value"];
  const open = [];
  for (let i = 0; i < MAX_STORES; i++) open.push(await Store.open("default"));
  await assert.rejects(() => Store.open("default"), failsWith({ tag: "store-table-full" }));
  open[0][Symbol.dispose]();
  await Store.open("default");
});

Deno.test("fermyon:spin/key-value uses a file that Spin has written", async () => {
  using stores = new GuestStores();
  const spin = new DatabaseSync(stores.path("kv.db"));
  spin.exec(
    `CREATE TABLE spin_key_value (store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
     PRIMARY KEY (store, key)); INSERT INTO spin_key_value VALUES ('default', 'k', x'0102')`,
  );
  spin.close();
  const store = await stores.guest().imports["fermyon:spin/key-value"].Store.open("default");
  assert.deepEqual(await store.get("k"), bytes(1, 2));
});

Deno.test("fermyon:spin/key-value fails with the fault of a damaged file, and recovers", async () => {
  using stores = new GuestStores();
  Deno.writeTextFileSync(stores.path("kv.db"), "not a database ".repeat(1000));
  const { Store } = stores.guest().imports["fermyon:spin/key-value"];
  await assert.rejects(
    () => Store.open("default"),
    wasiError((payload) => (payload as { tag: string }).tag === "other"),
  );
  Deno.removeSync(stores.path("kv.db"));
  const store = await Store.open("default");
  await store.set("k", bytes(1));
});

Deno.test("spin:key-value has the stores of fermyon:spin/key-value, and a stream of their keys", async () => {
  using stores = new GuestStores();
  const { imports } = stores.guest();
  const { Store } = imports["spin:key-value/key-value"];
  const store = await Store.open("default");
  assert.ok(store instanceof Store);
  await store.set("k", bytes(1));
  assert.deepEqual(await store.get("k"), bytes(1));
  const sync = await imports["fermyon:spin/key-value"].Store.open("default");
  assert.deepEqual(await sync.get("k"), bytes(1));
  const [keys, end] = await store.getKeys();
  assert.deepEqual([keys, await end], [["k"], { tag: "ok", val: undefined }]);
  await assert.rejects(() => Store.open("other"), failsWith({ tag: "access-denied" }));
});

Deno.test("spin:key-value tells the failure of get-keys in the future", async () => {
  using stores = new GuestStores();
  const { Store } = stores.guest().imports["spin:key-value/key-value"];
  const store = await Store.open("default");
  const database = new DatabaseSync(stores.path("kv.db"));
  database.exec("DROP TABLE spin_key_value");
  database.close();
  const [keys, end] = await store.getKeys();
  assert.deepEqual(keys, []);
  const { tag, val } = await end;
  assert.deepEqual([tag, val.tag], ["err", "other"]);
});

Deno.test("wasi:keyvalue of Wasmtime has the default store, and a result per key", async () => {
  using stores = new GuestStores();
  const { imports } = stores.guest();
  const draft = (name: string) => imports[`wasi:keyvalue/${name}@0.2.0-draft`];
  const { Bucket, open } = draft("store");
  for (const [name, value] of [["", 1], ["default", 2]] as const) {
    const bucket = await open(name);
    assert.ok(bucket instanceof Bucket);
    await bucket.set("k", bytes(value));
    const store = await imports["fermyon:spin/key-value"].Store.open("default");
    assert.deepEqual(await store.get("k"), bytes(value));
  }
  await assert.rejects(() => open("other"), failsWith({ tag: "access-denied" }));
  const bucket = await open("");
  const { getMany } = draft("batch");
  assert.deepEqual(await getMany(bucket, ["none", "k", "k"]), [
    undefined,
    ["k", bytes(2)],
    ["k", bytes(2)],
  ]);
  assert.equal(await draft("atomics").increment(bucket, "n", 2n), 2n);
});

Deno.test("wasi:keyvalue has the stores of fermyon:spin/key-value", async () => {
  using stores = new GuestStores();
  const { imports } = stores.guest();
  const bucket = await imports["wasi:keyvalue/store"].open("default");
  await bucket.set("k", bytes(1));
  const store = await imports["fermyon:spin/key-value"].Store.open("default");
  assert.deepEqual(await store.get("k"), bytes(1));
  assert.deepEqual(await bucket.listKeys(undefined), { keys: ["k"], cursor: undefined });
  await assert.rejects(
    () => bucket.listKeys("x"),
    failsWith({ tag: "other", val: "list_keys: cursor not supported" }),
  );
  await bucket.delete("k");
  assert.equal(await bucket.exists("k"), false);
  await assert.rejects(
    () => imports["wasi:keyvalue/store"].open("other"),
    failsWith({ tag: "access-denied" }),
  );
});

Deno.test("wasi:keyvalue/batch sets, gets and deletes several values", async () => {
  using stores = new GuestStores();
  const { imports } = stores.guest();
  const bucket = await imports["wasi:keyvalue/store"].open("default");
  const { getMany, setMany, deleteMany } = imports["wasi:keyvalue/batch"];
  await setMany(bucket, [["a", bytes(1)], ["b", bytes(2)]]);
  assert.deepEqual(await getMany(bucket, ["b", "none", "a"]), [["b", bytes(2)], ["a", bytes(1)]]);
  await deleteMany(bucket, ["a", "none"]);
  assert.deepEqual(await getMany(bucket, ["a", "b"]), [["b", bytes(2)]]);
  assert.deepEqual(await getMany(bucket, []), []);
});

Deno.test("wasi:keyvalue/atomics increments a number of 8 bytes", async () => {
  using stores = new GuestStores();
  const { imports } = stores.guest();
  const bucket = await imports["wasi:keyvalue/store"].open("default");
  const { increment } = imports["wasi:keyvalue/atomics"];
  const adding = Array.from({ length: 20 }, () => increment(bucket, "n", 3n));
  assert.deepEqual((await Promise.all(adding)).at(-1), 60n);
  assert.equal(await increment(bucket, "n", -61n), -1n);
  assert.deepEqual(await bucket.get("n"), bytes(...Array(8).fill(255)));
  await bucket.set("text", bytes(1));
  for (const [key, delta] of [["text", 1n], ["max", 2n ** 63n - 1n], ["max", 1n]] as const) {
    if (key === "max" && delta > 1n) await increment(bucket, key, delta);
    else {
      await assert.rejects(
        () => increment(bucket, key, delta),
        wasiError((payload) => (payload as { tag: string }).tag === "other"),
      );
    }
  }
});

Deno.test("wasi:keyvalue/atomics swaps a value unless it has changed", async () => {
  using stores = new GuestStores();
  const { imports } = stores.guest();
  const bucket = await imports["wasi:keyvalue/store"].open("default");
  const { Cas, swap } = imports["wasi:keyvalue/atomics"];
  await bucket.set("k", bytes(1));
  const cas = Cas.new(bucket, "k");
  assert.deepEqual(await cas.current(), bytes(1));
  await swap(cas, bytes(2));
  const stale = Cas.new(bucket, "k");
  await stale.current();
  await bucket.set("k", bytes(3));
  let next: { current(): Promise<Uint8Array> } | undefined;
  await assert.rejects(
    () => swap(stale, bytes(4)),
    wasiError((payload) => {
      const { tag, val } = payload as { tag: string; val: typeof next };
      next = val;
      return tag === "cas-failed";
    }),
  );
  await swap(next, bytes(5));
  assert.deepEqual(await bucket.get("k"), bytes(5));
});
