import { parseArgs } from 'node:util';

/**
 * Reads a benchmark's command line: numbers with their defaults, and what every benchmark knows. Ends the process after
 * `--help`, and with 1 when an option is unknown or no number.
 */
export function readOptions<Name extends string>(
  help: string,
  defaults: Readonly<Record<Name, number>>,
): Record<Name, number> & { distributed: boolean; json: boolean } {
  const names = Object.keys(defaults) as Name[];
  const numbers = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
  const switches = Object.fromEntries(
    ['distributed', 'json', 'help'].map((name) => [name, { type: 'boolean' as const }]),
  );
  try {
    const { values } = parseArgs({ options: { ...numbers, ...switches } });
    if (values['help'] === true) end(process.stdout, help, 0);
    const read = names.map((name) => [name, numberOf(name, values[name] ?? defaults[name])]);
    return {
      ...(Object.fromEntries(read) as Record<Name, number>),
      distributed: values['distributed'] === true,
      json: values['json'] === true,
    };
  } catch (error) {
    return end(process.stderr, `${error instanceof Error ? error.message : String(error)}\n\n${help}`, 1);
  }
}

function numberOf(name: string, given: unknown): number {
  const value = given === '' ? NaN : Number(given);
  if (!Number.isFinite(value) || value < 0) throw new Error(`--${name} must be a number of 0 or more`);
  return value;
}

function end(stream: NodeJS.WriteStream, text: string, code: number): never {
  stream.write(text);
  process.exit(code);
}
