import { parseSpinApp, type SpinApp, type SpinComponent } from "../../../src/run/spin/app.ts";
import { digestOf, utf8 } from "./artifacts.ts";

type Members = Record<string, unknown>;

/** Name of the apps in messages. */
export const SUBJECT = "example/app";

/** Returns a component of a locked app as Spin writes it. */
export function lockedComponent(id: string, members: Members = {}): Members {
  const source = { content_type: "application/wasm", digest: digestOf(utf8(id)) };
  return { id, metadata: {}, source, ...members };
}

/** Returns an HTTP trigger of a locked app. */
export function lockedTrigger(config: Members, members: Members = {}): Members {
  return { id: "trigger", trigger_type: "http", trigger_config: config, ...members };
}

/** Returns a locked app as Spin writes it, with one component `cart` at `/...`. */
export function lockedApp(members: Members = {}): Members {
  return {
    spin_lock_version: 0,
    metadata: { name: "shop", trigger: { type: "http" }, triggers: { http: {} }, version: "1" },
    triggers: [lockedTrigger({ component: "cart", executor: null, route: "/..." })],
    components: [lockedComponent("cart")],
    ...members,
  };
}

/** Parses a locked app with these members. */
export function spinApp(members: Members = {}): SpinApp {
  return parseSpinApp(utf8(JSON.stringify(lockedApp(members))), SUBJECT);
}

/** Parses a locked app with one component of these members, and returns the component. */
export function spinComponent(members: Members = {}): SpinComponent {
  return spinApp({ components: [lockedComponent("cart", members)] }).components.get("cart")!;
}
