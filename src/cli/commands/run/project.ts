import { LarderError } from "../../../base/errors.ts";
import { readTextIfAny, statIfAny } from "../../../base/files/files.ts";
import type { Digest } from "../../../oci/digest.ts";
import { parseSpinManifest } from "../../../pull/spin_toml/manifest.ts";
import { ENGINE_VERSIONS } from "../../../run/engine/compile/version.ts";
import type { CachedApp } from "../../../run/spin/cached_app.ts";
import { projectApp, projectFault } from "../../../run/spin/project/project.ts";
import { cachedWasm, type WasmSource } from "../../../run/wasm/source.ts";
import { BlobStore } from "../../../store/blobs/blob_store.ts";
import { Journal, type UseEvent } from "../../../store/journal/journal.ts";
import { Lease } from "../../../store/locks/leases.ts";
import type { Context } from "../../context.ts";
import { pullProgress } from "../../terminal/progress.ts";
import { openPuller, pullOptions } from "../pull/options.ts";
import { pullSpinManifest } from "../pull/spin_manifest.ts";
import type { RunOptions } from "./options.ts";

const WASM = "application/wasm";

/**
 * Runs `use` with the app of a manifest, whose remote components are pulled first.
 * @throws LarderError LDR_BAD_SPIN_MANIFEST, LDR_NOT_FOUND, the codes of a pull, and what `use` throws
 */
export async function withProject<T>(
  context: Context,
  path: string,
  command: RunOptions,
  use: (app: CachedApp) => Promise<T>,
): Promise<T> {
  const text = readTextIfAny(path);
  if (text === undefined) {
    const reason = statIfAny(path)?.isDirectory
      ? `${path} is a folder, not a Spin manifest`
      : `no Spin manifest ${path}`;
    throw new LarderError("LDR_NOT_FOUND", reason, {
      hint: "name an existing spin.toml, or a folder that has one",
    });
  }
  const isRemote = parseSpinManifest(text, path)
    .some(({ kind, dependency }) => kind !== "local" && dependency === undefined);
  const useApp = async (app: CachedApp) => {
    try {
      return await use(app);
    } catch (error) {
      throw projectFault(error, path);
    }
  };
  if (!isRemote) return await useApp(projectApp(text, path, () => undefined));
  using lease = new Lease(context.layout, `larder run ${path}`);
  const digests = await pullRemote(context, path, command);
  const folders = [...digests.values()]
    .flatMap((digest) =>
      Object.values(ENGINE_VERSIONS).map((version) =>
        context.layout.compiledFolder(digest, version)
      )
    );
  const warn = (message: string) => context.warn(message);
  await lease.add({ digests: [...digests.values()], folders }, { warn });
  const blobs = new BlobStore(context.layout);
  const remote = (id: string) => remoteWasm(id, path, digests.get(id), blobs);
  return await useApp(projectApp(text, path, remote));
}

/** Returns the digests of the components with a URL or a package, by id. */
async function pullRemote(
  context: Context,
  path: string,
  command: RunOptions,
): Promise<Map<string, Digest>> {
  const { layout } = context;
  const { puller, transport } = openPuller(context);
  const events: UseEvent[] = [];
  using progress = pullProgress(context);
  const options = pullOptions(context, command);
  const deps = {
    context,
    layout,
    puller,
    transport,
    options,
    frozen: command.frozen,
    progress,
    events,
  };
  const modules = await pullSpinManifest(path, deps, "json") as Module[];
  new Journal(layout).append(events);
  return new Map(
    modules.flatMap(({ component, dependency, digest }) =>
      dependency === undefined ? [[component, digest]] : []
    ),
  );
}

interface Module {
  readonly component: string;
  readonly dependency?: string;
  readonly digest: Digest;
}

function remoteWasm(
  id: string,
  path: string,
  digest: Digest | undefined,
  blobs: BlobStore,
): WasmSource | undefined {
  if (digest === undefined) return undefined;
  const name = `the component "${id}" of ${path}`;
  const file = blobs.find({ mediaType: WASM, digest });
  if (file) return cachedWasm(name, digest, file);
  throw new LarderError("LDR_NOT_CACHED", `${digest} of ${name} is no longer in the cache`, {
    hint: "the cache was cleaned meanwhile: run the command again",
  });
}
