import assert from "node:assert/strict";
import { join } from "node:path";
import type { Reference } from "../../src/oci/reference.ts";
import type { Mirror } from "../../src/registry/mirrors/route.ts";
import { blob, image, randomBytes } from "../support/cache/artifacts.ts";
import { Gate } from "../support/gate.ts";
import { HttpServer, textAnswer } from "../support/registry/http_server.ts";
import { TestService } from "../support/registry/test_service.ts";
import { TemporaryFolder } from "../support/temporary.ts";

const LAYER = blob(randomBytes(100_000));
const APP = image([LAYER]);
const NAMES = [1, 2].map((n) => `1.1 larder-${n}${crypto.randomUUID().slice(1)}`);

/** The address of a server as a mirror of a repository. */
function mirrorAt(url: string, { repository }: Reference): Mirror {
  return { registry: new URL(url).host, repository, isPlainHttp: true, use: "all" };
}

for (const [own, others] of [NAMES, NAMES.toReversed()]) {
  Deno.test(`two servers that are mirrors of each other answer the same new question, ${own! < others! ? "the earlier" : "the later"} one asked first`, async () => {
    using folder = new TemporaryFolder();
    let gate = new Gate();
    await using slow = await HttpServer.start(async () => {
      await gate.pass();
      return textAnswer(404, "");
    });
    // It asks the other one only once that has the question, too.
    await using one: TestService = await TestService.start({
      via: own!,
      mirrors: (name) => [mirrorAt(`http://${slow.host}`, name), mirrorAt(two.url, name)],
    });
    let asked = () => {};
    await using two: TestService = one.another({
      via: others!,
      root: join(folder.path, "registry"),
      mirrors: (name) => {
        asked();
        return [mirrorAt(one.url, name)];
      },
    });
    one.registry.add("app", APP, "v1");
    for (const path of ["manifests/v1", `blobs/${LAYER.descriptor.digest}`]) {
      gate = new Gate();
      const { promise, resolve } = Promise.withResolvers<void>();
      asked = resolve;
      const init = () => ({ signal: AbortSignal.timeout(60_000) });
      const first = one.bytes(`app/${path}`, 200, init());
      await gate.reachedBy(first);
      const second = two.bytes(`app/${path}`, 200, init());
      await promise;
      gate.open();
      assert.deepEqual(await first, await second);
    }
    assert.equal(one.registry.downloads(LAYER).length, 1);
    assert.deepEqual([...one.warnings, ...two.warnings], []);
  });
}
