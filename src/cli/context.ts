import type { Command } from "commander";
import { join } from "node:path";
import { printable, throwIfAborted } from "../base/errors.ts";
import { statIfAny } from "../base/files.ts";
import { redact } from "../base/redact.ts";
import { warnWithoutLocks } from "../store/locks/file_lock.ts";
import { Layout } from "../store/layout.ts";
import {
  cacheRoot,
  hostPlatform,
  REGISTRY_FOLDER,
  type ResolvedDir,
} from "../store/platform_dirs.ts";
import { configPath } from "./config/path.ts";
import type { Config } from "./config/schema.ts";
import { writeErr } from "./terminal/console.ts";
import { type GlobalOptions, globalOptionsOf } from "./options.ts";

/** The signals that interrupt. */
const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM"];

/** What a command is given: the options, the config, the cache, and ways to speak and to be interrupted. */
export class Context {
  readonly options: GlobalOptions;
  readonly config: Config;
  readonly #interrupt = new AbortController();
  #onSignal: (() => void) | undefined;

  private constructor(options: GlobalOptions, config: Config) {
    this.options = options;
    this.config = config;
    warnWithoutLocks((message) => this.warn(message));
  }

  /** The context of a command line. @throws LarderError LDR_CONFIG */
  static async of(command: Command): Promise<Context> {
    return await Context.create(globalOptionsOf(command));
  }

  static async create(options: GlobalOptions): Promise<Context> {
    return new Context(options, await configFor(options));
  }

  /** A context whose config says nothing: for who works on the config file itself, which may be a broken one. */
  static withoutConfig(options: GlobalOptions): Context {
    return new Context(options, {});
  }

  get cache(): ResolvedDir {
    return cacheRoot(hostPlatform, {
      option: this.options.cacheDir,
      config: this.config.cache_dir,
    });
  }

  get layout(): Layout {
    return new Layout(join(this.cache.path, REGISTRY_FOLDER));
  }

  /** Tells the user something, unless `--quiet`. */
  info(message: string): void {
    if (!this.options.quiet) writeErr(`${redact(printable(message))}\n`);
  }

  /** Tells the user of something that they should look at. */
  warn(message: string): void {
    writeErr(`warning: ${redact(printable(message))}\n`);
  }

  /**
   * A signal that Ctrl-C raises. The first lets the command end in order; the second ends it at once, which
   * the store survives as it survives a kill.
   */
  interruptible(): AbortSignal {
    if (this.#onSignal) return this.#interrupt.signal;
    const onSignal = () => {
      if (this.#interrupt.signal.aborted) Deno.exit(130);
      this.#interrupt.abort();
    };
    for (const name of SIGNALS) Deno.addSignalListener(name, onSignal);
    this.#onSignal = onSignal;
    return this.#interrupt.signal;
  }

  /**
   * Leaves signals to whom larder hands over: it would end before that one otherwise.
   * @throws LarderError LDR_INTERRUPTED if one has come already
   */
  leaveSignals(): void {
    if (this.#onSignal) {
      for (const name of SIGNALS) Deno.removeSignalListener(name, this.#onSignal);
      this.#onSignal = undefined;
    }
    throwIfAborted(this.#interrupt.signal);
  }
}

/** The config. Most users have none, and what reads one would make every start longer. */
async function configFor({ config }: GlobalOptions): Promise<Config> {
  if (!isConfigured(config)) return {};
  const { loadConfig } = await import("./config/load.ts");
  return await loadConfig(hostPlatform, config);
}

/** Whether there may be anything in a config: a file, or a variable of the environment. */
function isConfigured(option: string | undefined): boolean {
  const { path, rule } = configPath(hostPlatform, option);
  return rule !== undefined || (path !== undefined && statIfAny(path) !== undefined) ||
    Object.keys(Deno.env.toObject()).some((name) => name.startsWith("LARDER_"));
}
