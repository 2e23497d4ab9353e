import { dirname, resolve } from "node:path";
import * as v from "valibot";
import { parseToml } from "../../base/documents/toml_document.ts";
import { checkSchema } from "../../base/documents/schema_fault.ts";
import { LarderError } from "../../base/errors.ts";
import { IN_MEMORY, type Locations } from "../state/locations.ts";

/** A runtime config of Spin, as far as larder has what it configures. */
export interface RuntimeConfig {
  /** The folder of the stores that have no path; {@link IN_MEMORY} if it is to be empty. */
  readonly stateDir?: string | undefined;
  /** Absolute paths, or {@link IN_MEMORY}, by label. */
  readonly keyValue: Locations;
  readonly sqlite: Locations;
  /** In the order in which they are asked. */
  readonly providers: readonly VariableProvider[];
}

export type VariableProvider =
  | { readonly type: "static"; readonly values: Readonly<Record<string, string>> }
  | {
    readonly type: "env";
    readonly prefix?: string | undefined;
    readonly dotenv_path?: string | undefined;
  };

const Typed = v.looseObject({ type: v.string() });
const Stores = v.optional(v.record(v.string(), Typed), {});
const Providers = v.optional(v.array(Typed), []);
const Config = v.object({
  state_dir: v.optional(v.string()),
  key_value_store: Stores,
  sqlite_database: Stores,
  variables_provider: Providers,
  config_provider: Providers,
});

const Store = v.strictObject({ type: v.literal("spin"), path: v.optional(v.string()) });
const Provider = v.variant("type", [
  v.strictObject({ type: v.literal("static"), values: v.record(v.string(), v.string()) }),
  v.strictObject({
    type: v.literal("env"),
    prefix: v.optional(v.string()),
    dotenv_path: v.optional(v.string()),
  }),
]);

/**
 * Parses the runtime config of Spin that `--runtime-config-file` names. What larder cannot do as configured is refused
 * by its name.
 *
 * Source: Spin's spin-runtime-config crate: paths of key-value stores are relative to the file, all others to the
 * working folder.
 *
 * @throws LarderError LDR_CONFIG
 */
export function parseRuntimeConfig(text: string, path: string): RuntimeConfig {
  const document = parseToml(text, path, (location, reason) => bad(location, reason));
  const unknown = Object.keys(document).find((key) => !Object.hasOwn(Config.entries, key));
  if (unknown !== undefined) throw unsupported(path, unknown);
  const config = check(Config, document, path, "");
  const stores = (section: "key_value_store" | "sqlite_database", base: string): Locations =>
    Object.fromEntries(
      Object.entries(config[section]).map(([label, store]) => {
        const location = `${section}.${label}`;
        if (store.type !== "spin") throw unsupported(path, `${location} of type ${store.type}`);
        const { path: file } = check(Store, store, path, location);
        return [label, file === undefined ? IN_MEMORY : resolve(base, file)];
      }),
    );
  const { state_dir: stateDir } = config;
  return {
    stateDir: stateDir === "" ? IN_MEMORY : stateDir && resolve(stateDir),
    keyValue: stores("key_value_store", dirname(path)),
    sqlite: stores("sqlite_database", "."),
    providers: [...config.variables_provider, ...config.config_provider].map((provider) => {
      if (provider.type === "static" || provider.type === "env") {
        return check(Provider, provider, path, "variables_provider");
      }
      throw unsupported(path, `variables_provider of type ${provider.type}`);
    }),
  };
}

function check<T extends v.GenericSchema>(
  schema: T,
  value: unknown,
  path: string,
  location: string,
): v.InferOutput<T> {
  return checkSchema(schema, value, (fault) => bad(path, fault), location);
}

function bad(location: string, reason: string): LarderError {
  return new LarderError("LDR_CONFIG", `bad runtime config ${location}: ${reason}`, {
    hint: "larder run --help explains --runtime-config-file",
  });
}

function unsupported(path: string, what: string): LarderError {
  return new LarderError("LDR_CONFIG", `runtime config ${path}: larder does not have ${what}`, {
    hint:
      "larder has stores of type spin, and variables of type static and env; leave the rest out",
  });
}
