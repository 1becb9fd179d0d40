export { createTestDatabase, type TestDatabase } from '@milena/stores/testing';
