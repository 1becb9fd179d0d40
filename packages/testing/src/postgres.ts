export { createTestDatabase, insertsInto, type TestDatabase } from '@milena/stores/testing';
