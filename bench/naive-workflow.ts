/** The naive way to dispose in Temporal: one activity for each record. */
import { proxyActivities } from '@temporalio/workflow';

export interface NaiveActivities {
  destroyOne(id: string): Promise<void>;
}

const { destroyOne } = proxyActivities<NaiveActivities>({ startToCloseTimeout: '1m' });

/** Many at once, as far as the worker takes them. */
export async function destroyEach(ids: readonly string[]): Promise<void> {
  await Promise.all(ids.map((id) => destroyOne(id)));
}
