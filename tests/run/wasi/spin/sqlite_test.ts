import assert from "node:assert/strict";
import { GuestStores, type Interface } from "../../../support/wasm/store_guest.ts";
import { wasiError } from "../../../support/wasm/streams.ts";

const failsWith = (tag: string, text = "") =>
  wasiError((payload) => {
    const { tag: actual, val = "" } = payload as { tag: string; val?: string };
    return actual === tag && val.includes(text);
  });

/** A connection that takes JavaScript's values instead of WIT's. */
async function connect(guest: { imports: Record<string, Interface> }, label = "default") {
  const connection = await guest.imports["fermyon:spin/sqlite"].Connection.open(label);
  return {
    connection,
    execute: (sql: string, ...values: unknown[]) => connection.execute(sql, values.map(wit)),
  };
}

function wit(value: unknown) {
  if (value === null) return { tag: "null" };
  if (typeof value === "bigint") return { tag: "integer", val: value };
  if (typeof value === "number") return { tag: "real", val: value };
  return { tag: typeof value === "string" ? "text" : "blob", val: value };
}

Deno.test("fermyon:spin/sqlite returns columns, and values of every type", async () => {
  using stores = new GuestStores();
  const { execute } = await connect(stores.guest());
  const values = [2n ** 63n - 1n, -(2n ** 63n), 1.5, 5, "ä", "", new Uint8Array([0, 255]), null];
  const columns = values.map((_, i) => `c${i}`);
  const sql = `select ${columns.map((name, i) => `?${i + 1} as ${name}`).join(", ")}`;
  assert.deepEqual(await execute(sql, ...values), {
    columns,
    rows: [{ values: values.map(wit) }],
  });
});

Deno.test("fermyon:spin/sqlite binds parameters in every form", async () => {
  using stores = new GuestStores();
  const { execute } = await connect(stores.guest());
  for (const sql of ["select ? a, ? b", "select ?1 a, ?2 b", "select :x a, $y b"]) {
    const { rows } = await execute(sql, 1n, "x");
    assert.deepEqual(rows, [{ values: [wit(1n), wit("x")] }], sql);
  }
  await assert.rejects(() => execute("select ?, ?", 1n), failsWith("io", "Wrong number"));
});

Deno.test("fermyon:spin/sqlite returns the columns of a query without rows, each name as often as it occurs", async () => {
  using stores = new GuestStores();
  const { execute } = await connect(stores.guest());
  await execute("create table t (a, b)");
  assert.deepEqual(await execute("insert into t values (1, 2)"), { columns: [], rows: [] });
  assert.deepEqual(await execute("select a, b from t where 0"), { columns: ["a", "b"], rows: [] });
  const { columns, rows } = await execute("select a, b, a from t");
  assert.deepEqual(columns, ["a", "b", "a"]);
  assert.deepEqual(rows, [{ values: [wit(1n), wit(2n), wit(1n)] }]);
});

Deno.test("fermyon:spin/sqlite reports SQLite's errors, and the connection can be used after them", async () => {
  using stores = new GuestStores();
  const { execute } = await connect(stores.guest());
  await assert.rejects(() => execute("selec"), failsWith("io"));
  await assert.rejects(() => execute(""), failsWith("io"));
  await execute("create table t (a unique)");
  await execute("insert into t values (1)");
  await assert.rejects(() => execute("insert into t values (1)"), failsWith("io", "UNIQUE"));
  assert.equal((await execute("select * from t")).rows.length, 1);
});

for (const label of ["other", "constructor"]) {
  Deno.test(`fermyon:spin/sqlite denies access to the label "${label}"`, async () => {
    using stores = new GuestStores();
    await assert.rejects(() => connect(stores.guest(), label), failsWith("access-denied"));
  });
}

Deno.test("fermyon:spin/sqlite cannot reach another file", async () => {
  using stores = new GuestStores();
  const { execute } = await connect(stores.guest());
  const secret = stores.path("secret.db");
  for (
    const sql of [
      `attach '${stores.path("kv.db")}' as other`,
      `attach '${secret}' as other`,
      `vacuum into '${secret}'`,
      "select load_extension('x')",
    ]
  ) {
    await assert.rejects(() => execute(sql), failsWith("io"), sql);
  }
  assert.throws(() => Deno.statSync(secret), Deno.errors.NotFound);
});

for (const label of ["default", "memory"]) {
  Deno.test(`fermyon:spin/sqlite rolls a transaction back when its connection is dropped (${label})`, async () => {
    using stores = new GuestStores();
    const [one, two] = [stores.guest(), stores.guest()];
    const first = await connect(one, label);
    await first.execute("create table t (a)");
    await first.execute("begin");
    await first.execute("insert into t values (1)");
    first.connection[Symbol.dispose]();
    const { execute } = await connect(two, label);
    assert.deepEqual((await execute("select * from t")).rows, []);
  });
}

Deno.test("fermyon:spin/sqlite rolls a transaction back when the guest's thread has ended", async () => {
  using stores = new GuestStores();
  const [one, two] = [stores.guest(), stores.guest()];
  const first = await connect(one);
  await first.execute("create table t (a)");
  await first.execute("begin immediate");
  one.end();
  const { execute } = await connect(two);
  await execute("insert into t values (2)");
});

Deno.test("fermyon:spin/sqlite waits for the transaction of another guest, which can go on", async () => {
  using stores = new GuestStores();
  const [first, second] = await Promise.all([connect(stores.guest()), connect(stores.guest())]);
  await first.execute("create table t (a)");
  await first.execute("begin immediate");
  await first.execute("insert into t values (1)");
  const inserting = second.execute("insert into t values (2)");
  await first.execute("insert into t values (3)");
  await first.execute("commit");
  await inserting;
  const { rows } = await second.execute("select a from t order by a");
  assert.deepEqual(rows.map(({ values: [a] }: Interface) => a.val), [1n, 2n, 3n]);
});

Deno.test("spin:sqlite/sqlite counts changes and has the last rowid", async () => {
  using stores = new GuestStores();
  const { Connection } = stores.guest().imports["spin:sqlite/sqlite"];
  const connection = await Connection.open("default");
  await connection.execute("create table t (a)", []);
  await connection.execute("insert into t values (1), (2), (3)", []);
  assert.deepEqual([await connection.changes(), await connection.lastInsertRowid()], [3n, 3n]);
});

Deno.test("fermyon:spin/sqlite opens 256 connections at a time", async () => {
  using stores = new GuestStores();
  const guest = stores.guest();
  const { Connection } = guest.imports["fermyon:spin/sqlite"];
  const open: Disposable[] = [];
  for (let i = 0; i < 256; i++) open.push(await Connection.open("default"));
  await assert.rejects(() => Connection.open("default"), failsWith("io", "too many"));
  open[0]![Symbol.dispose]();
  await Connection.open("default");
});

Deno.test("spin:sqlite of Spin 4 executes asynchronously, and tells a failure in the future", async () => {
  using stores = new GuestStores();
  const { Connection } = stores.guest().imports["spin:sqlite/sqlite@3.1.0"];
  const connection = await Connection.openAsync("default");
  assert.ok(connection instanceof Connection);
  await connection.executeAsync("create table t (a)", []);
  await connection.executeAsync("insert into t values (1), (2)", []);
  assert.deepEqual(
    [await connection.changesAsync(), await connection.lastInsertRowidAsync()],
    [2n, 2n],
  );
  const [columns, rows, end] = await connection.executeAsync("select a from t", []);
  assert.deepEqual([columns, rows, await end], [
    ["a"],
    [{ values: [wit(1n)] }, { values: [wit(2n)] }],
    { tag: "ok", val: undefined },
  ]);
  const [none, noRows, failed] = await connection.executeAsync("selec", []);
  assert.deepEqual([none, noRows, (await failed).val.tag], [[], [], "io"]);
  await assert.rejects(() => Connection.openAsync("other"), failsWith("access-denied"));
});
