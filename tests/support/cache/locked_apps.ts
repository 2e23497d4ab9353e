import { parseSpinApp, type SpinApp, type SpinComponent } from "../../../src/run/spin/app.ts";
import { digestOf, utf8 } from "./artifacts.ts";

type Members = Record<string, unknown>;

/** What messages call the apps of these tests. */
export const SUBJECT = "example/app";

/** A component of a locked app as Spin writes it. */
export function lockedComponent(id: string, members: Members = {}): Members {
  const source = { content_type: "application/wasm", digest: digestOf(utf8(id)) };
  return { id, metadata: {}, source, ...members };
}

/** An HTTP trigger of a locked app. */
export function lockedTrigger(config: Members, members: Members = {}): Members {
  return { id: "trigger", trigger_type: "http", trigger_config: config, ...members };
}

/** A locked app as Spin writes it, with one component `cart` at `/...`. */
export function lockedApp(members: Members = {}): Members {
  return {
    spin_lock_version: 0,
    metadata: { name: "shop", trigger: { type: "http" }, triggers: { http: {} }, version: "1" },
    triggers: [lockedTrigger({ component: "cart", executor: null, route: "/..." })],
    components: [lockedComponent("cart")],
    ...members,
  };
}

/** Reads a locked app. */
export function spinApp(members: Members = {}): SpinApp {
  return parseSpinApp(utf8(JSON.stringify(lockedApp(members))), SUBJECT);
}

/** Reads an app's one component. */
export function spinComponent(members: Members = {}): SpinComponent {
  return spinApp({ components: [lockedComponent("cart", members)] }).components.get("cart")!;
}
