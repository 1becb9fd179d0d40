/** One environment variable: how it reads, what it means, and what it is when absent. */
export interface Setting<T> {
  /** What it does, one line for the documentation. */
  doc: string;
  /** As one would write it in the environment; null = required; empty = absent means off. */
  fallback: string | null;
  /** Returns the value, or throws an Error whose message shows a right one. */
  parse(text: string): T;
  /** Never printed. */
  secret?: boolean;
}

export type Settings = Record<string, Setting<unknown>>;
export type ConfigOf<S extends Settings> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never;
};

/** The operator can put it right, and the message alone says how: shown without a stack. */
export class OperatorError extends Error {
  override name = 'OperatorError';
}

/** Everything that is wrong with the environment, at once. */
export class ConfigError extends OperatorError {
  override name = 'ConfigError';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(`The configuration has ${String(problems.length)} problem(s):\n  - ${problems.join('\n  - ')}`);
    this.problems = problems;
  }
}

/** A URL that names a user, and so perhaps a password, wherever it was put. */
const WITH_USER = /\/\/[^/]*@/;

/**
 * Reads the named variables; an unset or empty one takes its fallback.
 * @throws ConfigError with every problem, not just the first
 */
export function readConfig<S extends Settings>(
  env: Readonly<Record<string, string | undefined>>,
  settings: S,
): ConfigOf<S> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(settings)) {
    const given = env[name];
    const text = given === undefined || given === '' ? setting.fallback : given;
    if (text === null) {
      problems.push(`${name} is not set: ${setting.doc}`);
      continue;
    }
    try {
      values[name] = setting.parse(text);
    } catch (error) {
      const shown = setting.secret || WITH_USER.test(text) ? '(hidden)' : JSON.stringify(text);
      problems.push(`${name}=${shown}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return values as ConfigOf<S>;
}

/** What the environment sets of the configuration, as it may be shown: secrets masked. */
export function describeConfig(
  env: Readonly<Record<string, string | undefined>>,
  settings: Settings,
): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const [name, setting] of Object.entries(settings)) {
    const text = env[name] ?? '';
    if (text === '') continue;
    shown[name] = setting.secret ? '***' : text;
  }
  return shown;
}
