import type { InstanceResources } from "../resources.ts";
import { asyncKeyValueImports, InstanceStores, keyValueImports } from "./key_value.ts";
import { sqliteImports } from "./sqlite.ts";
import type { StateClient } from "./state_client.ts";
import { STUBS } from "./stubs.ts";
import { variableImports } from "./variables.ts";
import { wasiKeyValueImports } from "./wasi_keyvalue.ts";

/** Spin's interfaces. */
export function spinImports(
  variables: Readonly<Record<string, string>>,
  client: StateClient,
  resources: InstanceResources,
): Record<string, object> {
  const stores = new InstanceStores(client, resources);
  return {
    ...variableImports(variables),
    ...keyValueImports(stores),
    ...asyncKeyValueImports(stores),
    ...wasiKeyValueImports(stores),
    ...sqliteImports(client, resources),
    ...STUBS,
  };
}
