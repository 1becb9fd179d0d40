import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';

/** The part of JSON Schema 2020-12 that is looked into here. */
export interface JsonSchema {
  $ref?: string;
  description?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  [keyword: string]: unknown;
}

/** A schema reads differently as request (fields with defaults are optional) and as reply (they are there). */
type Side = 'input' | 'output';

export interface Components {
  /** The schema; everything in it that carries `.meta({ id })` stands behind a reference. */
  ref(schema: z.ZodType, side: Side): JsonSchema;
  /** Like `ref`, but the outermost schema written out even if it has an id. */
  inline(schema: z.ZodType, side: Side): JsonSchema;
  /** The document with its references pointing at `components.schemas`, and those schemas filled in. */
  finish(document: { components: object; [part: string]: unknown }): object;
}

const DEFS_REF = /^#\/\$defs\/(.+)$/;
const SIDED_REF = /^(input|output):(.+)$/;

/** Replaces every `$ref` in a JSON value. */
function mapRefs(value: unknown, map: (ref: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => mapRefs(item, map));
  if (typeof value !== 'object' || value === null) return value;
  const mapped = Object.entries(value).map(([key, item]) => [
    key,
    key === '$ref' && typeof item === 'string' ? map(item) : mapRefs(item, map),
  ]);
  return Object.fromEntries(mapped) as unknown;
}

/**
 * Collects named schemas. One that is the same on both sides becomes `Name`; one that differs becomes `Name` in replies
 * and `NameInput` in requests.
 */
export function createComponents(): Components {
  const defs = { input: new Map<string, JsonSchema>(), output: new Map<string, JsonSchema>() };

  const convert = (schema: z.ZodType, side: Side): JsonSchema => {
    const { $defs = {}, ...rest } = z.toJSONSchema(schema, { io: side, unrepresentable: 'any' });
    delete rest.$schema;
    const sided = (ref: string): string => ref.replace(DEFS_REF, `${side}:$1`);
    for (const [id, def] of Object.entries($defs)) defs[side].set(id, mapRefs(def, sided) as JsonSchema);
    return mapRefs(rest, sided) as JsonSchema;
  };

  return {
    ref: convert,
    inline: (schema, side) => {
      const converted = convert(schema, side);
      const id = SIDED_REF.exec(converted.$ref ?? '')?.[2] ?? '';
      return defs[side].get(id) ?? converted;
    },
    finish: (document) => {
      const differing = differingIds(defs);
      const nameOf = (side: string, id: string): string =>
        side === 'input' && differing.has(id) ? `${id}Input` : id;
      const schemas: Record<string, unknown> = {};
      for (const side of ['input', 'output'] as const) {
        for (const [id, def] of defs[side]) schemas[nameOf(side, id)] = def;
      }
      const sorted = Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1)));
      const whole = { ...document, components: { schemas: sorted, ...document.components } };
      return mapRefs(whole, (ref) => {
        const [, side = '', id = ''] = SIDED_REF.exec(ref) ?? [];
        return id === '' ? ref : `#/components/schemas/${nameOf(side, id)}`;
      }) as object;
    },
  };
}

/** Ids whose two readings differ, in themselves or in anything they refer to. */
function differingIds(defs: Record<Side, Map<string, JsonSchema>>): Set<string> {
  const unsided = (def: unknown): unknown => mapRefs(def, (ref) => ref.replace(SIDED_REF, '$2'));
  const shared = [...defs.input].filter(([id]) => defs.output.has(id));
  const differing = new Set(
    shared
      .filter(([id, def]) => !isDeepStrictEqual(unsided(def), unsided(defs.output.get(id))))
      .map(([id]) => id),
  );
  for (let before = -1; before !== differing.size;) {
    before = differing.size;
    for (const [id, def] of shared) {
      mapRefs(def, (ref) => {
        if (differing.has(ref.replace(SIDED_REF, '$2'))) differing.add(id);
        return ref;
      });
    }
  }
  return differing;
}
