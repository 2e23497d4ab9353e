// deno-lint-ignore-file no-console
/** `deno task bench NAME`: measures larder and its peers in turn and prints tables in Markdown. */

const BENCHES: Record<string, () => Promise<void>> = {
  build: async () => (await import("./build.ts")).benchBuild(),
  manage: async () => (await import("./manage.ts")).benchManage(),
  network: async () => (await import("./network.ts")).benchNetwork(),
  pull: async () => (await import("./pull.ts")).benchPull(),
  run: async () => (await import("./run.ts")).benchRun(),
  serve: async () => (await import("./serve.ts")).benchServe(),
};

const [name = ""] = Deno.args;
const bench = BENCHES[name];
if (!bench) {
  console.error(`usage: deno task bench ${Object.keys(BENCHES).join("|")}`);
  Deno.exit(2);
}
await bench();
