/** The workflows of a worker: their names here are their types in Temporal. */
export { disposeStep } from './dispose-step.ts';
export { purgeRun } from './purge-run.ts';
