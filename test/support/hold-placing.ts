/** The people of a campaign: whom they place holds over, and what they see at once afterwards. */
import { scheduleInForce } from '../../app/context.ts';
import { holdReceipt } from '../../app/hold-receipt.ts';
import { holdIn } from '../../app/holds.ts';
import { type StoreView, withViews } from '../../app/store-views.ts';
import { guardApp, type HoldRequest } from '../../stores/postgres/guard-app.ts';
import type { CampaignPace } from './campaign-pace.ts';
import type { Governed } from './governed.ts';
import type { Chance } from './seeded.ts';

export interface PlacingOptions {
  readonly tenancies: number;
  readonly holds: number;
  /** Connections that place holds side by side. */
  readonly holders: number;
}

export interface Placed {
  readonly holdNo: number;
  readonly placingMs: number;
  /** `class key` of each record that the receipt calls destroyed, sorted; null: it could not say. */
  readonly tooLate: readonly string[] | null;
}

/** Places all holds, each when its batch has come. */
export async function placeAll(
  governed: Governed,
  options: PlacingOptions,
  chance: Chance,
  pace: CampaignPace,
): Promise<Placed[]> {
  const { schedule } = await scheduleInForce(governed.retain);
  const placed: Placed[] = [];
  const holder = (number: number): Promise<void> =>
    withViews(governed.retain, schedule, Object.values(schedule.stores), async ([view]) => {
      if (!view) throw new Error('the schedule has no store');
      await guardApp(view.connection).openMatter(`M-${number}`, 'Campaign', 'helena');
      for (let nth = number; nth < options.holds; nth += options.holders) {
        await pace.reached(nth);
        const scope = await aScope(governed, chance, pace, options);
        placed.push(await placeOne(governed, view, { matter: `M-${number}`, ...scope }, pace));
      }
    });
  await Promise.all(Array.from({ length: options.holders }, (_, number) => holder(number)));
  return placed;
}

type Scope = Pick<HoldRequest, 'keys' | 'subjects'>;

/** One to three keys, of roots near the work or anywhere, or of a part of one; now and then a person. */
async function aScope(
  governed: Governed,
  chance: Chance,
  pace: CampaignPace,
  options: PlacingOptions,
): Promise<Scope> {
  const keys: { recordClass: string; keyText: string }[] = [];
  const subjects: { kind: string; subject: string }[] = [];
  for (let count = 1 + chance.integer(3); count > 0; count -= 1) {
    const anywhere = { recordClass: 'tenancy', place: 1 + chance.integer(options.tenancies) };
    const { recordClass, place } = chance.integer(4) === 0 ? anywhere : pace.nearby(chance);
    const [root] = await governed.sql<{ key: string; subject: string; line: string | null }[]>`
      select key, subject, (select min(p.key) from evidence.part p where p.part = 'rent_line'
                               and p.root = r.key and r.record_class = 'tenancy') as line
        from evidence.root r where record_class = ${recordClass} and place = ${place}`;
    const kind = chance.integer(10);
    if (!root) continue;
    if (kind === 0) subjects.push({ kind: 'person', subject: root.subject });
    else if (root.line !== null && kind < 4)
      keys.push({ recordClass: 'rent_line', keyText: root.line });
    else keys.push({ recordClass, keyText: root.key });
  }
  return keys.length + subjects.length > 0
    ? { keys, subjects }
    : aScope(governed, chance, pace, options);
}

/** Places a hold, looks at once which of its records a reader can still see, and asks for its receipt. */
async function placeOne(
  governed: Governed,
  view: StoreView,
  request: Scope & { readonly matter: string },
  pace: CampaignPace,
): Promise<Placed> {
  const startedAt = performance.now();
  const { holdNo } = await guardApp(view.connection).placeHold({ ...A_HOLD, ...request });
  const placingMs = performance.now() - startedAt;
  pace.placed();
  await noteWhatIsThere(governed, holdNo);
  const { tooLate } = await holdReceipt(view, await holdIn(view.connection, holdNo));
  const names = tooLate?.map(({ recordClass, key }) => `${recordClass} ${key.join(' ')}`).sort();
  return { holdNo, placingMs, tooLate: names ?? null };
}

/** What a hold of the campaigns says besides what it covers. */
export const A_HOLD = {
  reason: 'litigation',
  because: 'Campaign',
  placedBy: 'helena',
  reviewOn: '2030-01-01',
} as const;

/** Writes down which records under the hold are there. Call it straight after placing. */
export async function noteWhatIsThere(
  { sql }: Pick<Governed, 'sql'>,
  holdNo: number,
): Promise<void> {
  await sql`
    insert into evidence.receipt
    select ${holdNo}, n.record_class, n.key from evidence.root_now n join (
      select k.record_class, k.key_text as key from retain_guard.hold_key k where k.hold_no = ${holdNo}
      union select 'tenancy', p.root from evidence.part p join retain_guard.hold_key k
        on k.record_class = p.part and k.key_text = p.key where k.hold_no = ${holdNo}
      union select r.record_class, r.key from evidence.root r join retain_guard.hold_subject s
        on s.subject_kind = 'person' and s.subject = r.subject where s.hold_no = ${holdNo}
    ) c using (record_class, key)`;
}
