import { dirname, resolve } from "node:path";
import { hasCode, LarderError } from "../../../base/errors.ts";
import { statIfAny } from "../../../base/files/files.ts";
import { USE_SPIN } from "../../wasm/interfaces/other_engines.ts";
import { wasmFile, type WasmSource } from "../../wasm/source.ts";
import { spinAppOf } from "../app.ts";
import type { CachedApp } from "../cached_app.ts";
import { findFiles, type ProjectFile } from "./files.ts";
import { parseProject, type ProjectComponent } from "./locked.ts";

/**
 * Returns the app of a `spin.toml`, to be run as one of the cache is. Nothing is built.
 * @param remote returns the Wasm of a component whose source is a URL or a package
 * @throws LarderError LDR_BAD_SPIN_MANIFEST, LDR_NOT_FOUND, LDR_UNSUPPORTED_WASM, LDR_DISK*
 */
export function projectApp(
  text: string,
  path: string,
  remote: (component: string) => WasmSource | undefined,
): CachedApp {
  const { locked, components } = parseProject(text, path);
  const root = resolve(dirname(path));
  const files = new Map<string, ReadonlyMap<string, ProjectFile>>();
  for (const { id, files: mounts, exclude } of components) {
    const found = findFiles(mounts, { root, name: `component "${id}" of ${path}`, exclude });
    files.set(id, new Map(found.map((file) => [file.path, file])));
  }
  const withFiles = {
    ...locked,
    components: locked.components.map((component) => ({
      ...component,
      files: [...files.get(component.id)!.keys()].map((file) => ({ path: file })),
    })),
  };
  const byId = new Map(components.map((component) => [component.id, component]));
  return {
    kind: "app",
    app: asProject(path, () => spinAppOf(withFiles, path)),
    locate: (file, id) => files.get(id)?.get(file.path),
    wasm: (id) => remote(id) ?? localWasm(byId.get(id)!, root, path),
  };
}

function localWasm({ id, source, build }: ProjectComponent, root: string, path: string) {
  const name = `component "${id}" of ${path}`;
  if (source === undefined) throw notPulled(name);
  const file = resolve(root, source);
  if (statIfAny(file)?.isFile) return { ...wasmFile(file), name: `the ${name}` };
  throw new LarderError("LDR_NOT_FOUND", `no file ${source}, the Wasm of the ${name}`, {
    hint: build
      ? `build it first: ${build.command}${build.folder ? ` (in ${build.folder})` : ""}`
      : "build it first, or correct source in the manifest",
  });
}

function notPulled(name: string): LarderError {
  return new LarderError(
    "LDR_UNSUPPORTED_WASM",
    `cannot run the ${name}: it has a range of versions`,
    {
      hint: "name one version of its package",
    },
  );
}

/**
 * Returns the error for a fault of a project that was found as in a locked app: it is one of the manifest, and what only
 * Spin can run is run by it in the project's folder.
 */
export function projectFault(error: unknown, path: string): unknown {
  if (hasCode(error, "LDR_BAD_MANIFEST")) {
    const reason = error.message.replace(`bad Spin application of ${path}: `, "");
    return new LarderError("LDR_BAD_SPIN_MANIFEST", `bad Spin manifest ${path}: ${reason}`, {
      hint: "correct it; spin doctor prints more about a manifest",
      cause: error,
    });
  }
  if (!hasCode(error, "LDR_UNSUPPORTED_WASM") || error.hint !== USE_SPIN) return error;
  return new LarderError(error.code, error.message, {
    hint: "run it with an installed Spin: spin up in its folder",
    cause: error,
  });
}

function asProject<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw projectFault(error, path);
  }
}
