import * as v from "valibot";
import { checkSchema } from "../../../base/documents/schema_fault.ts";
import { parseToml } from "../../../base/documents/toml_document.ts";
import { LarderError } from "../../../base/errors.ts";
import type { FileMount } from "./files.ts";

/** A component of a manifest, as far as the locked app does not have it. */
export interface ProjectComponent {
  readonly id: string;
  /** The path of its Wasm, if it is local. */
  readonly source: string | undefined;
  readonly files: readonly FileMount[];
  readonly exclude: readonly string[];
  /** The command that builds it, and the folder in which it is to run, if the manifest has one. */
  readonly build: { readonly command: string; readonly folder: string | undefined } | undefined;
}

/** A manifest: Spin's locked app, without Wasm and files, and what those are found with. */
export interface ProjectManifest {
  readonly locked: Readonly<Record<string, unknown>> & {
    readonly components: readonly { readonly id: string }[];
  };
  readonly components: readonly ProjectComponent[];
}

const Strings = v.optional(v.array(v.string()), []);
const Texts = v.optional(v.record(v.string(), v.string()), {});
const Command = v.union([v.string(), v.array(v.string())]);
const Table = v.record(v.string(), v.unknown());

const componentMembers = {
  source: v.union([v.string(), Table]),
  environment: Texts,
  files: v.optional(
    v.array(v.union([v.string(), v.strictObject({ source: v.string(), destination: v.string() })])),
    [],
  ),
  exclude_files: Strings,
  allowed_http_hosts: Strings,
  allowed_outbound_hosts: Strings,
  key_value_stores: Strings,
  sqlite_databases: Strings,
  dependencies: v.optional(Table, {}),
  build: v.optional(v.object({ command: Command, workdir: v.optional(v.string()) })),
};

const Variables = v.optional(
  v.record(
    v.string(),
    v.object({
      required: v.optional(v.boolean(), false),
      default: v.optional(v.string()),
      secret: v.optional(v.boolean(), false),
    }),
  ),
  {},
);

const Component = v.object({ ...componentMembers, variables: Texts });
const Version1 = v.object({
  name: v.string(),
  trigger: v.looseObject({ type: v.string() }),
  variables: Variables,
  component: v.optional(
    v.array(v.object({ id: v.string(), ...componentMembers, config: Texts, trigger: Table })),
    [],
  ),
});
const Trigger = v.looseObject({
  id: v.optional(v.string()),
  component: v.optional(v.union([v.string(), Component])),
});
const Version2 = v.object({
  application: v.object({ name: v.string(), trigger: v.optional(v.record(v.string(), Table), {}) }),
  variables: Variables,
  trigger: v.optional(v.record(v.string(), v.array(Trigger)), {}),
  component: v.optional(v.record(v.string(), Component), {}),
});

type Component = v.InferOutput<typeof Component>;

/**
 * Parses a manifest in version 2, or in version 1, which is made one of version 2 first.
 * Source: Spin's spin-manifest and spin-loader crates.
 * @param path names the manifest in messages
 * @throws LarderError LDR_BAD_SPIN_MANIFEST
 */
export function parseProject(text: string, path: string): ProjectManifest {
  const document = parseToml(text, path, bad);
  const version = document.spin_manifest_version ?? document.spin_version;
  const badAt = (fault: string) => bad(path, fault);
  return lockedApp(
    version === "1"
      ? version2(checkSchema(Version1, document, badAt))
      : checkSchema(Version2, document, badAt),
  );
}

/** Returns a manifest of version 1 as one of version 2. */
function version2(
  { name, trigger, variables, component }: v.InferOutput<typeof Version1>,
): v.InferOutput<typeof Version2> {
  const { type, ...settings } = trigger;
  return {
    application: { name, trigger: { [type]: settings } },
    variables,
    trigger: {
      [type]: component.map(({ id, trigger }) => ({ ...trigger, component: id })),
    },
    component: Object.fromEntries(
      component.map(({ id, config, ...rest }) => [id, { ...rest, variables: config }]),
    ),
  };
}

function lockedApp(manifest: v.InferOutput<typeof Version2>): ProjectManifest {
  const components = new Map(Object.entries(manifest.component));
  const triggers = Object.entries(manifest.trigger).flatMap(([type, all]) =>
    all.map(({ id, component, dependencies, ...settings }, i) => {
      // The name by which `larder pull ./spin.toml` knows it.
      const name = typeof component === "object" ? `${type} trigger ${i + 1}` : component;
      if (typeof component === "object") components.set(name!, component);
      const config = name === undefined ? settings : { component: name, ...settings };
      return {
        id: id ?? `${type}-trigger${i + 1}`,
        trigger_type: type,
        trigger_config: config,
        trigger_dependencies: dependencies ?? {},
      };
    })
  );
  const all = [...components];
  return {
    locked: {
      spin_lock_version: 1,
      metadata: { name: manifest.application.name, triggers: manifest.application.trigger },
      variables: manifest.variables,
      triggers,
      components: all.map(([id, component]) => lockedComponent(id, component)),
    },
    components: all.map(([id, { source, files, exclude_files, build }]) => ({
      id,
      source: typeof source === "string" ? source : undefined,
      files,
      exclude: exclude_files,
      build: build && { command: [build.command].flat().join(" && "), folder: build.workdir },
    })),
  };
}

function lockedComponent(id: string, component: Component) {
  const hosts = component.allowed_outbound_hosts;
  const chains = hosts.some((host) => host.includes(".spin.internal"));
  return {
    id,
    source: {},
    env: component.environment,
    config: component.variables,
    metadata: {
      allowed_outbound_hosts: hosts,
      allowed_http_hosts: component.allowed_http_hosts,
      key_value_stores: component.key_value_stores,
      databases: component.sqlite_databases,
    },
    dependencies: Object.fromEntries(
      Object.keys(component.dependencies).map((name) => [name, { source: {} }]),
    ),
    ...chains && { host_requirements: { local_service_chaining: "required" } },
  };
}

function bad(location: string, reason: string): LarderError {
  return new LarderError("LDR_BAD_SPIN_MANIFEST", `bad Spin manifest ${location}: ${reason}`, {
    hint: "correct it; spin doctor prints more about a manifest",
  });
}
