/** Where an engine of the stack is. */
export function fromStack(name: 'REDIS_URL' | 'DATABASE_URL'): string {
  const url = process.env[name];
  if (url === undefined)
    throw new Error(
      `${name} is not set: this suite needs the stack (scripts/stack start; eval "$(scripts/stack env)")`,
    );
  return url;
}
