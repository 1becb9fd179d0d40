export * from './engines.ts';
export * from './process-plan.ts';
export * from './settings.ts';
export * from './when-available.ts';
