/** A schedule held against a live store: findings, and the resolved rules when there are none. */

import { RetentionError } from '../domain/errors.ts';
import type { RetentionSchedule } from '../domain/schedule.ts';
import type { RealityFinding } from '../stores/postgres/aggregate.ts';
import { type Catalogue, readCatalogue } from '../stores/postgres/catalogue.ts';
import type { StoreConnection } from '../stores/postgres/connection.ts';
import { asStore } from '../stores/postgres/driver-error.ts';
import type { ValueToCast } from '../stores/postgres/match-rule.ts';
import { matchStore, type ResolvedStore } from '../stores/postgres/reality.ts';

export interface MatchedStore {
  readonly findings: readonly RealityFinding[];
  readonly resolved: ResolvedStore;
  readonly catalogue: Catalogue;
}

/** Reads the catalogue and matches. Changes nothing. */
export async function matchLiveStore(
  connection: StoreConnection,
  schedule: RetentionSchedule,
): Promise<MatchedStore> {
  const catalogue = await asStore(connection.store, () => readCatalogue(connection.sql));
  const reality = matchStore(schedule, connection.store, catalogue);
  const uncastable = await asStore(connection.store, () =>
    castFindings(connection, reality.values),
  );
  return { findings: [...reality.findings, ...uncastable], resolved: reality.store, catalogue };
}

/** The same, but a schedule that does not fit the store is refused: `SCHEMA_DRIFT` since it was installed. */
export async function requireMatch(
  connection: StoreConnection,
  schedule: RetentionSchedule,
): Promise<MatchedStore> {
  const matched = await matchLiveStore(connection, schedule);
  const errors = matched.findings.filter((finding) => finding.severity === 'error');
  const [first] = errors;
  if (first) {
    throw new RetentionError(
      'SCHEMA_DRIFT',
      `The schedule no longer fits store ${connection.store}: ${first.path.join('.')}: ${first.message}${errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''}. Run: retain schedule validate`,
      { store: connection.store, findings: errors.length },
    );
  }
  return matched;
}

async function castFindings(
  connection: StoreConnection,
  values: readonly ValueToCast[],
): Promise<RealityFinding[]> {
  const findings: RealityFinding[] = [];
  for (const { path, value, type } of values) {
    try {
      await connection.sql.unsafe(`select ($1::text)::${type}`, [value]);
    } catch (error) {
      if (!/^22/.test(String((error as { code?: unknown }).code))) throw error;
      findings.push({
        path,
        severity: 'error',
        code: 'VALUE_TYPE',
        message: `${JSON.stringify(value)} is not a value of type ${type}`,
      });
    }
  }
  return findings;
}
