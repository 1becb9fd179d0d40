import { ConfigError } from './config.ts';

/** Turns "address in use" and "no permission" into what to do about the variable that chose the port. */
export async function listening<T>(variable: string, starting: Promise<T>): Promise<T> {
  try {
    return await starting;
  } catch (error) {
    const { code, port } = error as NodeJS.ErrnoException & { port?: number };
    if (code === 'EADDRINUSE') {
      throw new ConfigError([
        `${variable}=${port ?? ''}: the port is taken. Stop what uses it, or set ${variable} to a free one.`,
      ]);
    }
    if (code === 'EACCES') {
      throw new ConfigError([
        `${variable}=${port ?? ''}: not permitted to listen there. Set ${variable} to one above 1023.`,
      ]);
    }
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
      throw new ConfigError([`HOST: this machine has no such address (${code}).`]);
    }
    throw error;
  }
}
