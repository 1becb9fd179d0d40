import { processHooks, runProcess } from '@milena/runtime';
import { planMigration, planSubscriptions } from './process.ts';

// `main.cjs migrate` brings the schemas up to date and ends, for a deployment that does this before it starts the rest.
const plan = process.argv[2] === 'migrate' ? planMigration : planSubscriptions;
void runProcess(() => plan(process.env), processHooks(process));
