import type { OrchestrateActivities } from './contract.ts';
import { beating } from './heartbeat.ts';

/**
 * The use cases behind the orchestrating activities. Each MUST be safe to call again with the same
 * input: a lost answer is retried.
 */
export type OrchestrateDeps = OrchestrateActivities;

/** The use cases as activities; those that may take minutes heartbeat. */
export function orchestrateActivities(useCases: OrchestrateDeps): OrchestrateActivities {
  return {
    recordDecision: (input) => useCases.recordDecision(input),
    openRun: (input) => useCases.openRun(input),
    setControl: (input) => useCases.setControl(input),
    closeRun: (input) => beating(() => useCases.closeRun(input)),
  };
}
