export * from './attempt.ts';
export * from './codec.ts';
export * from './delivery.ts';
export * from './duration.ts';
export * from './id.ts';
export * from './signature.ts';
export * from './subscription.ts';
export * from './text.ts';
