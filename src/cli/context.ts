import type { Command } from "commander";
import { join } from "node:path";
import { printable, throwIfAborted } from "../base/errors.ts";
import { statIfAny } from "../base/files/files.ts";
import { redact } from "../base/redact.ts";
import { notAFolder, obstacleTo } from "../base/files/system_error.ts";
import { Layout } from "../store/layout.ts";
import { warnWithoutLocks } from "../store/locks/file_lock.ts";
import {
  cacheRoot,
  hostPlatform,
  REGISTRY_FOLDER,
  type ResolvedDir,
} from "../store/platform_dirs.ts";
import { configPath } from "./config/path.ts";
import type { Config } from "./config/schema.ts";
import { type GlobalOptions, globalOptionsOf } from "./options.ts";
import { writeErr } from "./terminal/console.ts";
import { stylerOf } from "./terminal/style.ts";

/** The signals that interrupt a command. */
const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM"];

/** The surroundings of a command: options, config, cache folder, messages and interrupts. */
export class Context {
  readonly options: GlobalOptions;
  readonly config: Config;
  readonly #interrupt = new AbortController();
  readonly #warnings = new Set<string>();
  #layout: Layout | undefined;
  #onSignal: (() => void) | undefined;

  private constructor(options: GlobalOptions, config: Config) {
    this.options = options;
    this.config = config;
    warnWithoutLocks((message) => this.warn(message));
  }

  /**
   * Returns the context of a command line.
   * @throws LarderError LDR_CONFIG if the config is invalid
   */
  static async of(command: Command): Promise<Context> {
    return await Context.create(globalOptionsOf(command));
  }

  static async create(options: GlobalOptions): Promise<Context> {
    const variables = larderVariables();
    // Most users have no config, so the modules that read one are loaded only if there is something to read.
    if (variables.length === 0 && !hasConfigFile(options)) return new Context(options, {});
    const { loadConfig } = await import("./config/load.ts");
    const context = new Context(options, await loadConfig(hostPlatform, options.config));
    await context.warnOfVariables(variables);
    return context;
  }

  /** Returns a context with an empty config, for commands that work on the config file, which may be a broken one. */
  static withoutConfig(options: GlobalOptions): Context {
    return new Context(options, {});
  }

  get cache(): ResolvedDir {
    return cacheRoot(hostPlatform, {
      option: this.options.cacheDir,
      config: this.config.cache_dir,
    });
  }

  /** @throws LarderError LDR_DISK if the cache is in a file, or behind a link to nothing */
  get layout(): Layout {
    if (!this.#layout) {
      const { path, rule } = this.cache;
      const root = join(path, REGISTRY_FOLDER);
      const obstacle = obstacleTo(root);
      if (obstacle !== undefined) {
        throw notAFolder(`cannot use the cache folder ${path} (${rule})`, obstacle);
      }
      this.#layout = new Layout(root);
    }
    return this.#layout;
  }

  /** True if no request is sent for packages: with `--offline`, or with `freshness.policy: never` in the config. */
  get isOffline(): boolean {
    return this.options.offline === true || this.config.freshness?.policy === "never";
  }

  /** Prints a message, unless `--quiet` is given. */
  info(message: string): void {
    if (!this.options.quiet) writeErr(`${redact(printable(message))}\n`);
  }

  /** Prints a warning. */
  warn(message: string): void {
    const label = stylerOf(Deno.stderr)("warning:", "yellow");
    writeErr(`${label} ${redact(printable(message))}\n`);
  }

  /** Warns about variables that are meant as settings but are none. */
  async warnOfVariables(names: readonly string[] = larderVariables()): Promise<void> {
    const { misnamedVariables } = await import("./config/settings.ts");
    for (const warning of misnamedVariables(names)) this.warn(warning);
  }

  /** Prints a warning, unless this command has printed it already. */
  warnOnce(message: string): void {
    if (!this.#warnings.has(message)) this.warn(message);
    this.#warnings.add(message);
  }

  /**
   * Returns a signal that Ctrl-C aborts, so that the command can end in order. A second Ctrl-C ends the process at
   * once, which the store survives like a kill.
   */
  interruptible(): AbortSignal {
    if (this.#onSignal) return this.#interrupt.signal;
    const onSignal = () => {
      if (this.#interrupt.signal.aborted) Deno.exit(130);
      this.#interrupt.abort();
    };
    for (const name of SIGNALS) Deno.addSignalListener(name, onSignal);
    if (isDetached()) Deno.addSignalListener("SIGHUP", () => {});
    this.#onSignal = onSignal;
    return this.#interrupt.signal;
  }

  /**
   * Stops handling signals, because a child process handles them and larder must not end before it.
   * @throws LarderError LDR_INTERRUPTED if a signal has arrived already
   */
  leaveSignals(): void {
    if (this.#onSignal) {
      for (const name of SIGNALS) Deno.removeSignalListener(name, this.#onSignal);
      this.#onSignal = undefined;
    }
    throwIfAborted(this.#interrupt.signal);
  }
}

/**
 * True if no standard stream is a terminal, as `nohup` arranges. The runtime takes over SIGHUP with the first listener
 * for any signal, so that a hangup would end a process that was started with SIGHUP ignored; whether it was cannot be
 * found out any more.
 */
function isDetached(): boolean {
  return Deno.build.os !== "windows" &&
    ![Deno.stdin, Deno.stdout, Deno.stderr].some((stream) => stream.isTerminal());
}

/** The names of the variables that may be settings. */
function larderVariables(): string[] {
  return Object.keys(Deno.env.toObject()).filter((name) => name.startsWith("LARDER_"));
}

/** True if there is a config file, or one is named. */
function hasConfigFile({ config }: GlobalOptions): boolean {
  const { path, rule } = configPath(hostPlatform, config);
  return rule !== undefined || (path !== undefined && statIfAny(path) !== undefined);
}
