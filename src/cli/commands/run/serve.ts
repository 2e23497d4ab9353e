import type { GuestProgram } from "../../../run/engine/component.ts";
import { throwIfAborted } from "../../../base/errors.ts";
import { GuestPool } from "../../../run/server/worker_pool.ts";
import {
  type Address,
  HttpServer,
  type ServedRequest,
  type Site,
} from "../../../run/server/http_server.ts";
import type { Router } from "../../../run/spin/routes.ts";
import type { Context } from "../../context.ts";

/** What is to be served, with everything compiled. */
export type ServedThing =
  | { readonly kind: "component"; readonly name: string; readonly program: GuestProgram }
  | {
    readonly kind: "app";
    readonly name: string;
    readonly router: Router;
    readonly programs: ReadonlyMap<string, GuestProgram>;
  };

/**
 * Serves until Ctrl-C, which lets the requests under way end.
 *
 * @param prepare makes what is served ready; it gets the address that it will answer at
 * @throws LarderError LDR_LISTEN, before anything is prepared; LDR_INTERRUPTED before anything is served; what
 * `prepare` throws
 */
export async function serve(
  context: Context,
  address: Address,
  signal: AbortSignal,
  prepare: (origin: string) => Promise<ServedThing>,
): Promise<void> {
  const onRequest = context.options.verbose
    ? (it: ServedRequest) => logRequest(context, it)
    : undefined;
  const warnOnce = onlyOnce((message) => context.warn(message));
  const server = new HttpServer(address, { onRequest, onFailure: warnOnce });
  const pools: GuestPool[] = [];
  try {
    const thing = await prepare(server.url);
    const start = async (name: string, program: GuestProgram) => {
      const pool = await GuestPool.start(program, threadsFor(program), {
        onFailure: (message) => context.warn(`${name}: ${message}`),
        onDenial: (message) => warnOnce(`${name}: ${message}`),
      }, signal);
      pools.push(pool);
      return pool;
    };
    const site = await openSite(thing, start);
    throwIfAborted(signal);
    announce(context, server.url, thing);
    server.open(site);
    await raised(signal);
    context.info("stopping");
  } finally {
    await server.stop();
    for (const pool of pools) pool.stop();
  }
}

async function openSite(
  thing: ServedThing,
  start: (name: string, program: GuestProgram) => Promise<GuestPool>,
): Promise<Site> {
  if (thing.kind === "component") {
    return { kind: "component", pool: await start(thing.name, thing.program) };
  }
  const pools = new Map<string, GuestPool>();
  for (const [id, program] of thing.programs) pools.set(id, await start(id, program));
  return { kind: "app", router: thing.router, pools };
}

/** Paths in a folder are walked name by name, which only one thread at a time can do while others write there. */
function threadsFor({ settings }: GuestProgram): number {
  const writes = settings.mounts.some((mount) => mount.kind === "folder" && !mount.readOnly);
  return writes ? 1 : navigator.hardwareConcurrency;
}

/** Each thread of a component tells of what it was refused, and each request of what keeps all from being answered. */
function onlyOnce(tell: (message: string) => void): (message: string) => void {
  const told = new Set<string>();
  return (message) => {
    if (told.has(message)) return;
    told.add(message);
    tell(message);
  };
}

/** A line for each route, as soon as requests are answered. */
function announce(context: Context, url: string, thing: ServedThing): void {
  context.info(`Serving ${thing.name} at ${url}`);
  if (thing.kind === "component") return;
  for (const { route, effective } of thing.router.duplicates) {
    context.warn(`the route ${route.raw} is never reached: ${effective.raw} is the same`);
  }
  for (const { fullPath, target } of thing.router.routes) {
    const what = target.kind === "component" ? target.component : "a fixed response";
    context.info(`  ${url}${fullPath} → ${what}`);
  }
}

function logRequest(context: Context, { method, path, status, duration }: ServedRequest): void {
  context.info(`${method} ${path} ${status} ${duration.toFixed(1)} ms`);
}

function raised(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
