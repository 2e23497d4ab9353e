/** The options that every command takes, before or after the verb. */
export interface GlobalOptions {
  readonly cacheDir?: string;
  readonly config?: string;
  readonly offline?: boolean;
  readonly insecure?: boolean;
  readonly caFile?: string;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly progress: boolean;
}

export type Format = "table" | "json";
