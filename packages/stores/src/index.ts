export * from './access-ports.ts';
export { createDeliveryReader } from './deliveries/delivery-reader.ts';
export * from './former-ports.ts';
export * from './held-ports.ts';
export * from './ledger-ports.ts';
export { createLedgerReader } from './ledger/ledger-reader.ts';
export * from './operator-ports.ts';
export * from './ports.ts';
export * from './replay-ports.ts';
