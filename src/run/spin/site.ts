import { LarderError } from "../../base/errors.ts";
import type { Compiler } from "../engine/compile/compiler.ts";
import type { PendingProgram } from "../engine/component.ts";
import { compileComponent, type PreparedWasm, prepareWasm } from "../engine/prepare.ts";
import { NO_STATE } from "../state/locations.ts";
import type { GuestLimits, HostSettings } from "../wasi/host.ts";
import type { NetworkSettings } from "../wasi/http/wire.ts";
import { needsSpin } from "../wasm/interfaces/other_engines.ts";
import type { Requirements } from "../wasm/interfaces/requirements.ts";
import { allowedHosts } from "./allowed_hosts.ts";
import { type SpinApp, type SpinComponent, unsupportedTriggers } from "./app.ts";
import type { CachedApp } from "./cached_app.ts";
import { Router } from "./routes.ts";
import { mountTree } from "./static_files.ts";
import { locateStores, type StoreFiles } from "./stores.ts";
import {
  componentVariables,
  type GivenVariables,
  resolveVariables,
  type Variables,
} from "./variables.ts";

/** A Spin app that is ready to be served once its components are compiled. */
export interface SpinSite {
  readonly router: Router;
  /** Programs by the ids of their components. */
  readonly programs: ReadonlyMap<string, PendingProgram>;
  /** Interfaces that are missing and whose calls fail, by the ids of their components. */
  readonly stubs: ReadonlyMap<string, readonly string[]>;
}

export interface SpinSiteOptions {
  readonly variables: GivenVariables;
  /** Where the stores of the app are. */
  readonly stores: StoreFiles;
  /** The origin at which the app will answer, for requests to itself. */
  readonly origin: string;
  readonly limits: GuestLimits;
  /** Returns how components send requests; called if one may send any. */
  readonly network: () => NetworkSettings;
  readonly compiler: Compiler;
  /** Called with the name of each component that has to be compiled. */
  readonly onCompile?: (name: string) => void;
  /** Called for each component whose compiled form cannot be stored. */
  readonly warn?: (message: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Prepares a Spin app to be served, and starts to compile its components when everything else has been checked.
 *
 * @param name name of the app, for messages
 * @throws LarderError LDR_UNSUPPORTED_WASM, LDR_NOT_RUNNABLE, LDR_BAD_MANIFEST, LDR_USAGE, …
 */
export function prepareSpinApp(
  name: string,
  cached: CachedApp,
  options: SpinSiteOptions,
): SpinSite {
  const { app } = cached;
  const router = routerOf(app, name);
  const variables = resolveVariables(app, options.variables);
  const components = [...componentsOf(router, name)].map(([id, cgiArgv]) =>
    prepareComponent(name, cached, { ...app.components.get(id)!, cgiArgv }, variables, options)
  );
  const programs = new Map<string, PendingProgram>();
  // One after the other, because each may take hundreds of megabytes.
  let last: Promise<unknown> = Promise.resolve();
  for (const { id, prepared, settings } of components) {
    const compiled = last.then(() => compileComponent(prepared, options));
    programs.set(id, { compiled, settings });
    last = compiled;
  }
  const stubs = new Map(components.map(({ id, prepared }) => [id, prepared.stubs]));
  return { router, programs, stubs };
}

function routerOf(app: SpinApp, name: string): Router {
  const [trigger] = unsupportedTriggers(app);
  if (trigger !== undefined) throw needsSpin(name, `it has a trigger of type ${trigger}`);
  const router = new Router(app, name);
  if (router.routes.length > 0) return router;
  throw new LarderError("LDR_NOT_RUNNABLE", `cannot run ${name}: it has no route`, {
    hint: "give one of its components an HTTP trigger",
  });
}

/**
 * Returns the ids of the components that a request can reach, and the arguments of those that are commands.
 * @throws LarderError LDR_UNSUPPORTED_WASM for a component that has several executors, or several arguments
 */
function componentsOf(router: Router, name: string): Map<string, string | undefined> {
  const components = new Map<string, string | undefined>();
  for (const { target } of router.routes) {
    if (target.kind !== "component") continue;
    const { component, cgiArgv } = target;
    if (components.has(component) && components.get(component) !== cgiArgv) {
      throw needsSpin(name, `its component "${component}" has several executors`);
    }
    components.set(component, cgiArgv);
  }
  return components;
}

/** @throws LarderError LDR_NOT_RUNNABLE, LDR_UNSUPPORTED_WASM */
function checkKind(name: string, { kind, wasi }: Requirements, isCgi: boolean): void {
  if (!isCgi && kind !== "http") {
    throw new LarderError("LDR_NOT_RUNNABLE", `${name} does not answer HTTP requests`, {
      hint:
        'an HTTP trigger needs a component that exports wasi:http/incoming-handler or wasi:http/handler, or executor = { type = "wagi" } for a command',
    });
  }
  if (isCgi && kind !== "command") {
    throw new LarderError("LDR_NOT_RUNNABLE", `${name} is not a command`, {
      hint: "the executor wagi needs a module that exports _start; leave it out for HTTP handlers",
    });
  }
  // Its `run` is another function.
  if (isCgi && wasi !== "0.2") throw needsSpin(name, "it is a command of WASI 0.3");
}

interface PreparedComponent {
  readonly id: string;
  readonly prepared: PreparedWasm;
  readonly settings: HostSettings;
}

function prepareComponent(
  name: string,
  cached: CachedApp,
  component: SpinComponent & { readonly cgiArgv: string | undefined },
  variables: Variables,
  { origin, stores, limits, network }: SpinSiteOptions,
): PreparedComponent {
  const { id, cgiArgv } = component;
  const wasm = cached.wasm(id);
  const prepared = prepareWasm(wasm, true);
  checkKind(wasm.name, prepared.requirements, cgiArgv !== undefined);
  if (component.dependencies.length > 0) {
    throw needsSpin(
      name,
      `its component "${id}" has dependencies that are composed when it starts`,
    );
  }
  const { rules } = allowedHosts(component, variables, name);
  const settings: HostSettings = {
    grantor: "app",
    args: [],
    env: [...component.env],
    mounts: [{ kind: "tree", guest: "/", tree: mountTree(component, cached.locate, name) }],
    allowedHosts: rules,
    network: rules.length > 0 ? network() : undefined,
    self: origin,
    variables: Object.fromEntries(componentVariables(component, variables, name)),
    state: prepared.usesStores ? locateStores(component, stores) : NO_STATE,
    stdin: "empty",
    limits,
    cgiArgv,
  };
  return { id, prepared, settings };
}
