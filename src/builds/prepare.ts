import { formatPlatform, type Platform } from "../oci/platform.ts";
import { hashInputs, type InputNode, listInputs } from "./inputs/inputs.ts";
import { type Key, type KeyInput, keyOf, type KeyRef, type Sandbox } from "./key/key.ts";
import { keyPackages, type ResolvedPackage, resolvePackages } from "./inputs/packages.ts";
import { resolveRefs } from "./inputs/refs.ts";
import type { Sources } from "./inputs/sources.ts";
import type { BuildSpec } from "./spec.ts";

/** Everything that a build depends on, as it is now. */
export interface PreparedBuild {
  readonly nodes: readonly InputNode[];
  /** In the order of the nodes. */
  readonly inputs: readonly KeyInput[];
  readonly packages: readonly ResolvedPackage[];
  readonly refs: readonly KeyRef[];
  keyFor(sandbox: Sandbox): Key;
}

/**
 * Reads everything that a build depends on: references first, because the registry decides what they are now, then
 * packages, then the inputs.
 *
 * @throws LarderError of the sources; LDR_BAD_SPEC, LDR_USAGE, LDR_INPUT_CHANGED, LDR_DISK*, LDR_INTERRUPTED
 */
export async function prepareBuild(
  spec: BuildSpec,
  platform: Platform,
  sources: Sources,
  signal?: AbortSignal,
): Promise<PreparedBuild> {
  const refs = await resolveRefs(spec, sources);
  const packages = await resolvePackages(spec, sources);
  const nodes = await listInputs(spec, signal);
  const inputs = await hashInputs(nodes, signal);
  const keys = new Map<Sandbox, Key>();
  const keyFor = (sandbox: Sandbox) => {
    const key = keys.get(sandbox) ?? keyOf({
      name: spec.name,
      platform: formatPlatform(platform),
      sandbox,
      network: spec.network,
      command: [...spec.run],
      env: Object.fromEntries(spec.env),
      output: spec.output,
      inputs,
      packages: keyPackages(packages),
      refs,
    });
    keys.set(sandbox, key);
    return key;
  };
  return { nodes, inputs, packages, refs, keyFor };
}
