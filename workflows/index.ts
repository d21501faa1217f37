/** The workflows of a worker: their names here are their types in Temporal. */
export { disposeStep } from './dispose-step.ts';
export { keepLedger } from './keep-ledger.ts';
export { purgeRun } from './purge-run.ts';
