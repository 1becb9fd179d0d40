export { createTestDatabase, type TestDatabase } from './database.ts';
export { insertsInto } from './inserts.ts';
