/** Puts an entry last in `map`; one entry too many makes the map forget the one that was put there longest ago. */
export function remember<V>(map: Map<string, V>, key: string, value: V, limit: number): void {
  map.delete(key);
  if (map.size >= limit) map.delete(map.keys().next().value ?? '');
  map.set(key, value);
}
