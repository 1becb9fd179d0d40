/** Ends in reverse order what the global set-up started. */
export default async function globalTeardown() {
  for (const part of (globalThis.milenaTestParts ?? []).reverse()) await part.stop();
}
