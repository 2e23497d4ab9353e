import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { blob, image } from "../support/cache/artifacts.ts";
import {
  AS_USER,
  giveBack,
  hasOtherOwner,
  otherOwnerTest,
  takeAway,
} from "../support/cli/other_owner.ts";
import { ServingRegistry } from "../support/cli/serving_registry.ts";
import { TestUser } from "../support/cli/test_user.ts";
import {
  APP,
  commandsTest,
  FEW_PLACES,
  ONE,
  OTHER,
  placeTest,
  UnreadableCache,
} from "../support/cli/unreadable_places.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

FEW_PLACES.forEach(placeTest);

["manifests/ghcr.io", "pins.json"].forEach(commandsTest);

otherOwnerTest(
  "completion, info and why of content go on beside what the user may not read",
  async () => {
    for (const place of [`${APP}/v1`, `${APP}/${ONE.descriptor.digest}`, `${APP}/v1/record.json`]) {
      using fixture = new UnreadableCache();
      takeAway(fixture.path(place));
      const names = await fixture.larder("__complete");
      assert.match(names.stdout, /^docker\.io\/library\/other:v1$/m);
      const commands = [
        ["info", ONE.blobs[1]!.descriptor.digest],
        ["why", ONE.blobs[1]!.descriptor.digest],
        ...place.endsWith("v1")
          ? []
          : [["info", "ghcr.io/acme/app:v1"], ["why", "ghcr.io/acme/app:v1"]],
      ];
      for (const args of commands) {
        const { code, stderr } = await fixture.larder(...args);
        assert.equal(code, 0, `${place}: ${args.join(" ")}: ${stderr}`);
      }
    }
  },
);

otherOwnerTest(
  "info, why, clean and verify say of a name that its folder cannot be read",
  async () => {
    using fixture = new UnreadableCache();
    takeAway(fixture.path(`${APP}/v1`));
    for (const command of ["info", "why", "clean --force", "verify"]) {
      const args = [...command.split(" "), "ghcr.io/acme/app:v1"];
      const { code, stderr } = await fixture.larder(...args);
      assert.equal(code, 7, `${command}: ${stderr}`);
      assert.match(stderr, /^error: cannot tell whether ghcr\.io\/acme\/app:v1 is in the cache: /m);
      assert.match(stderr, hasOtherOwner ? /^hint: sudo chown -R "\$USER" /m : /^hint: /m);
    }
  },
);

otherOwnerTest("gc and df say that content is kept because files cannot be read", async () => {
  using fixture = new UnreadableCache();
  takeAway(fixture.path("manifests/ghcr.io"));
  const gc = await fixture.larder("gc", "--unused", "1d", "--dry-run");
  assert.match(gc.stdout, /^keep: \d entr.*may be needed by what cannot be read/m);
  const df = await fixture.larder("df");
  assert.match(df.stdout, /^Kept for now: .*\n {2}\(may be needed by what cannot be read\)$/m);
  assert.doesNotMatch(df.stderr, /could free/);
});

otherOwnerTest("clean removes an entry, but no content, while references are unknown", async () => {
  using fixture = new UnreadableCache();
  takeAway(fixture.path("manifests/ghcr.io"));
  const before = fixture.files();
  const { code, stderr } = await fixture.larder("clean", OTHER, "--include-pinned", "--force");
  assert.equal(code, 0, stderr);
  assert.match(
    stderr,
    /; gc and clean keep every blob until this is repaired: .*\n(?:.*\n)?freed .*, removed 1 entry$/m,
  );
  const gone = before.filter((file) => !fixture.files().includes(file));
  assert.deepEqual(gone.map(dirname), Array(3).fill("manifests/docker.io/library/other/v1"));
});

otherOwnerTest("why says that what cannot be read may need content", async () => {
  using fixture = new UnreadableCache();
  takeAway(fixture.path(APP));
  const { stdout } = await fixture.larder("why", blob("unreferenced").descriptor.digest);
  assert.match(stdout, /^GC +will not remove it: what cannot be read may need it$/m);
});

otherOwnerTest("files of another user in several places are taken over together", async () => {
  using fixture = new UnreadableCache();
  const [blob] = ONE.blobs.map(({ descriptor }) => `data/${descriptor.digest}`);
  for (const place of [`${APP}/v1`, `${APP}/${ONE.descriptor.digest}`, blob!]) {
    takeAway(fixture.path(place));
  }
  const gc = await fixture.larder("gc", "--unused", "1d", "--dry-run");
  assert.match(gc.stdout, /\(may be needed by what cannot be read\)$/m);
  assert.doesNotMatch(gc.stdout, /in use/);
  const full = await fixture.larder("gc", "--max-size", "0", "--dry-run");
  assert.match(full.stderr, /unreferenced content may be needed by what cannot be read/);
  const verify = await fixture.larder("verify");
  assert.match(verify.stdout, /^unreadable +data\/.* cannot read it: permission denied/m);
  if (!hasOtherOwner) return;
  const command = `sudo chown -R "$USER" ${fixture.path(".")}\n`;
  assert.ok(
    gc.stderr.includes(
      `(and 1 more); gc and clean keep every blob until this is repaired: ${command}`,
    ),
    gc.stderr,
  );
  assert.ok(verify.stderr.endsWith(`hint: ${command}`), verify.stderr);
});

otherOwnerTest(
  "a folder that the user may list, but not enter, does not stop list and gc",
  async () => {
    for (const place of [`${APP}/v1`, `${APP}/${ONE.descriptor.digest}`, "data"]) {
      using fixture = new UnreadableCache();
      const path = fixture.path(place);
      Deno.chmodSync(path, 0o600);
      const files = fixture.files();
      for (const args of [["list", "-v"], ["gc", "--unused", "1d", "--force"]]) {
        const { code, stderr } = await fixture.larder(...args);
        assert.equal(code, 0, stderr);
        // Nothing in the folder of a digest has to be read if the tag has the same manifest.
        if (!place.includes("sha256:")) {
          assert.match(stderr, /^warning: cannot .*permission denied/);
        }
      }
      Deno.chmodSync(path, 0o700);
      if (place.endsWith("v1")) assert.deepEqual(fixture.files(), files);
    }
  },
);

otherOwnerTest(
  "pull and pin name the owner of what they may not read or write, and the chown line",
  async () => {
    await using registry = await TestRegistry.start();
    using user = new TestUser();
    const reference = registry.add("app", ONE, "v1");
    const other = registry.add("other", image(["other"]), "v1");
    const larder = (...args: string[]) => user.larder(args, { under: AS_USER });
    assert.equal((await larder("pull", reference)).code, 0);
    const tag = join(user.registry, "manifests", registry.host, "app/v1");
    const denials: readonly (readonly [path: string, args: string[]])[] = [
      [join(tag, "record.json"), ["pull", reference]],
      [tag, ["pull", reference]],
      [tag, ["pin", "quay.io/*", reference]],
      [join(user.registry, "manifests"), ["pull", other]],
      [join(user.registry, "data"), ["pull", other]],
      [join(user.registry, "lock"), ["pull", other]],
      [join(user.registry, "lock"), ["gc", "--force"]],
      [user.registry, ["pull", other]],
    ];
    for (const [path, args] of denials) {
      takeAway(path);
      const { code, stderr } = await larder(...args);
      giveBack(path);
      if (args[0] === "gc") assert.equal(code === 0 || code === 7, true, stderr);
      else if (args[0] === "pin") assert.equal(code, 0, stderr);
      else assert.equal(code, 7, `${path}: ${stderr}`);
      if (code !== 7 || !hasOtherOwner) continue;
      assert.match(
        stderr,
        /^error: cannot .*: permission denied, because .* belongs to nobody \[LDR_PERMISSION\]$/m,
      );
      assert.match(
        stderr,
        new RegExp(`^hint: sudo chown -R "\\$USER" ${path}, or use another folder`, "m"),
      );
    }
    assert.equal((await larder("pull", reference, other)).code, 0);
  },
);

otherOwnerTest(
  "serve sends a blob that it may not read from the registry, and says so",
  async () => {
    await using registry = await TestRegistry.start();
    using user = new TestUser();
    const app = image([blob("the layer")]);
    const { descriptor, bytes } = app.blobs[1]!;
    const reference = registry.add("app", app, "v1");
    const pulled = await user.larder(["pull", reference]);
    assert.equal(pulled.code, 0, pulled.stderr);
    takeAway(join(user.registry, "data", descriptor.digest));
    await using serving = await ServingRegistry.start(user, [], { under: AS_USER });
    const host = reference.replace(/\/app:v1$/, "");
    assert.deepEqual(await serving.bytes(`app/blobs/${descriptor.digest}?ns=${host}`), bytes);
    const { stderr } = await serving.stop();
    assert.match(stderr, /^warning: cannot read .*: serving it from its registry$/m);
  },
);
