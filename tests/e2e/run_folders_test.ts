import assert from "node:assert/strict";
import { join } from "node:path";
import { preparedUser } from "../support/cli/prepared_user.ts";
import type { Result, TestUser } from "../support/cli/test_user.ts";
import { moduleBytes } from "../support/wasm/components.ts";
import { cProgram } from "../support/wasm/c_programs.ts";
import { jsComponent } from "../support/wasm/js_component.ts";

/** Creates a user with the commands of `guests/`, a folder to grant and a file outside of it. */
const userWithFolders = preparedUser(async (user) => {
  user.write("module.wasm", await moduleBytes("preview1_command"));
  user.write("component.wasm", await jsComponent("command"));
  user.write("granted/a.txt", "of a");
  user.write("granted/inner/b.txt", "of b");
  user.write("secret.txt", "not for guests");
  const first = await user.larder(["run", "component.wasm", "--", "folders"]);
  assert.equal(first.stdout, "\n", "a folder without a grant");
});

function component(user: TestUser, options: string[], ...args: string[]): Promise<Result> {
  return user.larder(["run", ...options, "component.wasm", "--", ...args]);
}

function module(user: TestUser, options: string[], ...args: string[]): Promise<Result> {
  return user.larder(["run", ...options, "module.wasm", "--", ...args]);
}

const done = (stdout: string): Result => ({ code: 0, stdout, stderr: "" });

Deno.test("run --dir grants a folder under its own name or another one", async () => {
  using user = await userWithFolders();
  const absolute = user.path("granted");
  assert.deepEqual(
    await component(user, ["--dir", "granted"], "read", "granted/a.txt"),
    done("of a\n"),
  );
  assert.deepEqual(
    await component(user, ["--dir", absolute], "list", absolute),
    done("a.txt inner\n"),
  );
  assert.deepEqual(
    await component(user, ["--dir", "granted::/data"], "read", "/data/inner/b.txt"),
    done("of b\n"),
  );
  const two = ["--dir", "granted::/data", "--dir", "granted/inner::/more:ro"];
  assert.deepEqual(await component(user, two, "folders"), done("/data /more\n"));
  assert.deepEqual(await component(user, two, "read", "/more/b.txt"), done("of b\n"));
  assert.deepEqual(await module(user, ["--dir", "granted::/"], "r", "inner/b.txt"), done("of b"));
});

Deno.test("run --dir lets a guest write into the folder", async () => {
  using user = await userWithFolders();
  assert.deepEqual(
    await component(user, ["--dir", "granted::/d"], "write", "/d/new.txt", "by the guest"),
    done(""),
  );
  assert.equal(Deno.readTextFileSync(user.path("granted/new.txt")), "by the guest");
  assert.deepEqual(await module(user, ["--dir", "granted::/"], "w", "inner/b.txt"), done(""));
  assert.equal(Deno.readTextFileSync(user.path("granted/inner/b.txt")), "written");
});

Deno.test("run --dir with :ro lets no guest change the folder", async () => {
  using user = await userWithFolders();
  for (const path of ["a.txt", "new.txt"]) {
    const byComponent = await component(
      user,
      ["--dir", "granted::/d:ro"],
      "write",
      `/d/${path}`,
      "x",
    );
    const byModule = await module(user, ["--dir", "granted::/d:ro"], "w", path);
    for (const { code, stderr } of [byComponent, byModule]) {
      assert.notEqual(code, 0);
      assert.match(stderr, /^(?:write: read-only|refused)$/m, "the guest sees an error");
      assert.match(stderr, /warning: refused to change \/d.*: allow it with --dir .*::\/d/m);
    }
  }
  assert.equal(Deno.readTextFileSync(user.path("granted/a.txt")), "of a");
  assert.deepEqual([...Deno.readDirSync(user.path("granted"))].length, 2);
});

Deno.test("run --dir lets no path or link lead out of the folder", async (t) => {
  using user = await userWithFolders();
  const granted = user.path("granted");
  Deno.symlinkSync("../secret.txt", join(granted, "relative"));
  Deno.symlinkSync(user.path("secret.txt"), join(granted, "absolute"));
  Deno.symlinkSync("..", join(granted, "up"));
  Deno.symlinkSync("inner", join(granted, "within"));
  const paths = [
    "../secret.txt",
    "inner/../../secret.txt",
    "up/secret.txt",
    user.path("secret.txt"),
  ];
  for (const path of [...paths, "relative", "absolute"]) {
    await t.step(path.replace(user.home, "HOME"), async () => {
      const byComponent = await component(user, ["--dir", "granted::/d"], "read", `/d/${path}`);
      const byModule = await module(user, ["--dir", "granted::/d"], "r", path);
      for (const { code, stdout, stderr } of [byComponent, byModule]) {
        assert.notEqual(code, 0);
        assert.equal(stdout, "");
        assert.match(stderr, /warning: refused to follow .* out of \/d: .*--dir/m);
      }
      const written = await module(user, ["--dir", "granted::/d"], "w", path);
      assert.notEqual(written.code, 0);
      assert.equal(Deno.readTextFileSync(user.path("secret.txt")), "not for guests");
    });
  }
  await t.step("a link that stays inside is followed", async () => {
    assert.deepEqual(
      await module(user, ["--dir", "granted::/d"], "r", "within/b.txt"),
      done("of b"),
    );
  });
});

Deno.test("run --dir lets a command create symbolic links that stay inside, and no others", async () => {
  using user = await userWithFolders();
  user.write("paths.wasm", (await cProgram("paths")).bytes);
  const folder = user.path("links");
  for (
    const [what, links] of [
      ["links are followed inside the directory", ["to-dir", "to-file"]],
      ["links that lead out, and in place of something, are refused", []],
    ] as const
  ) {
    Deno.mkdirSync(folder);
    const args = ["run", "--dir", "links::/data", "paths.wasm", "--", what];
    assert.deepEqual(await user.larder(args), done(""));
    const created = [...Deno.readDirSync(folder)].filter(({ isSymlink }) => isSymlink);
    assert.deepEqual(created.map(({ name }) => name).sort(), links);
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("run --dir / lets a guest open /dev/null, and no device that could have an effect", async () => {
  using user = await userWithFolders();
  assert.deepEqual(await module(user, ["--dir", "/"], "r", "dev/null"), done(""));
  assert.deepEqual(await module(user, ["--dir", "/"], "w", "dev/null"), done(""));
  const { code } = await module(user, ["--dir", "/"], "w", "dev/full");
  assert.notEqual(code, 0);
});

Deno.test("run without --dir lets no guest open a file", async () => {
  using user = await userWithFolders();
  for (const path of ["/etc/passwd", "secret.txt"]) {
    // Each guest reports this itself: without a folder it makes no call that larder could deny.
    const byComponent = await component(user, [], "read", path);
    assert.deepEqual(byComponent, { code: 1, stdout: "", stderr: "read: Error: no such folder\n" });
    const byModule = await module(user, [], "r", path);
    assert.deepEqual(byModule, { code: 8, stdout: "", stderr: "refused\n" });
  }
});

Deno.test("run --dir rejects a missing folder before anything runs", async () => {
  using user = await userWithFolders();
  for (const option of ["missing", "granted/a.txt::/d", "::", ""]) {
    const { code, stdout, stderr } = await component(user, ["--dir", option], "arguments");
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, /^error: .*--dir .*\[LDR_USAGE\]\nhint: .+$/m);
  }
});
