import * as v from "valibot";
import { maybe } from "../../oci/descriptor.ts";
import { badLockedApp, checkLockedApp, mapOf } from "../../oci/locked_app.ts";
import { needsSpin } from "../wasm/interfaces/other_engines.ts";

/** A route and what answers its requests. Source: Spin's spin-http crate, `HttpTriggerConfig`. */
export interface HttpTrigger {
  readonly id: string;
  /** As the author wrote it; undefined for a private endpoint, which requests from outside cannot reach. */
  readonly route: string | undefined;
  readonly target: HttpTarget;
}

export type HttpTarget =
  | {
    readonly kind: "component";
    readonly component: string;
    /** The arguments if the component is a command that Spin's executor Wagi runs for each request. */
    readonly cgiArgv?: string;
  }
  | { readonly kind: "response"; readonly response: StaticResponse };

/** A response without a component. */
export interface StaticResponse {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** A trigger in a locked app. */
export interface LockedTrigger {
  readonly id: string;
  readonly trigger_config?: unknown;
  /** Middleware, by role. */
  readonly trigger_dependencies: ReadonlyMap<string, unknown>;
}

const StatusSchema = v.pipe(v.number(), v.integer(), v.minValue(200), v.maxValue(599));

const ConfigSchema = v.object({
  component: maybe(v.string()),
  static_response: maybe(v.object({
    status_code: maybe(StatusSchema),
    headers: mapOf(v.string()),
    body: maybe(v.string()),
  })),
  route: v.union(
    [v.string(), v.object({ private: v.literal(true) })],
    "neither a route nor { private: true }",
  ),
  executor: maybe(v.object({ type: v.string(), argv: maybe(v.string()) })),
});

type Config = v.InferOutput<typeof ConfigSchema>;

/** Executors that call a component's HTTP handler. */
const HANDLER_EXECUTORS = ["http", "spin"];

/** The executor that runs a command, and its arguments by default. Source: Spin's `WagiTriggerConfig`. */
const WAGI = "wagi";
const DEFAULT_ARGV = "${SCRIPT_NAME} ${ARGS}";

/**
 * Parses an HTTP trigger of a locked app.
 * @param components ids of the app's components
 * @throws LarderError LDR_BAD_MANIFEST; LDR_UNSUPPORTED_WASM if the trigger needs features that only Spin has
 */
export function readHttpTrigger(
  trigger: LockedTrigger,
  components: { has(id: string): boolean },
  subject: string,
): HttpTrigger {
  const { id } = trigger;
  const name = `the trigger "${id}"`;
  const config = checkLockedApp(ConfigSchema, trigger.trigger_config, subject, `triggers.${id}`);
  // Spin, too, refuses unknown options, because they could be restrictions.
  const options = Object.keys(trigger.trigger_config as object);
  const unknown = options.find((option) => !Object.hasOwn(ConfigSchema.entries, option));
  if (unknown !== undefined) throw needsSpin(subject, `${name} has the option "${unknown}"`);
  if (trigger.trigger_dependencies.size > 0) throw needsSpin(subject, `${name} has middleware`);
  const executor = config.executor?.type ?? "http";
  if (executor !== WAGI && !HANDLER_EXECUTORS.includes(executor)) {
    throw needsSpin(subject, `${name} uses the executor "${executor}"`);
  }
  const target = targetOf(config, name, subject);
  if (target.kind === "component" && !components.has(target.component)) {
    throw badLockedApp(
      subject,
      `${name} names the component "${target.component}", which the app does not have`,
    );
  }
  return { id, route: typeof config.route === "string" ? config.route : undefined, target };
}

function targetOf(config: Config, name: string, subject: string): HttpTarget {
  const { component, static_response: response, executor } = config;
  if ((component === undefined) === (response === undefined)) {
    const count = response ? "both" : "neither";
    throw badLockedApp(subject, `${name} has ${count} of component and static_response`);
  }
  if (!response) {
    const isCgi = executor?.type === WAGI;
    const cgi = isCgi ? { cgiArgv: executor.argv ?? DEFAULT_ARGV } : {};
    return { kind: "component", component: component!, ...cgi };
  }
  const { status_code: status = 200, headers, body = "" } = response;
  const bad = [...headers].find(([name, value]) => !isHeader(name, value));
  if (bad) throw badLockedApp(subject, `${name} has the header "${bad[0]}", which is not valid`);
  return { kind: "response", response: { status, headers, body } };
}

function isHeader(name: string, value: string): boolean {
  try {
    new Headers([[name, value]]);
    return true;
  } catch {
    return false;
  }
}
